"""Opening a run: a new one, or the one to be resumed; one process at a time."""

import json
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from rjcli.errors import UsageError
from rjcli.private_file import Directory, os_errors_as_ours
from rjcli.run import moment
from rjcli.run.checkpoint import Checkpoint
from rjcli.run.identity import (
    Identity,
    continues,
    difference,
    hash_identity,
    same_files,
    series_of,
    shares_files,
)
from rjcli.run.keys_in_doubt import KeysInDoubt
from rjcli.run.listing import JOB, LOCK, RunRecord, list_runs, prune_runs, read_checkpoint
from rjcli.run.lock import Lock
from rjcli.run.run import CHECKPOINT, SUMMARY, Run
from rjcli.run.state import State, state_directory
from rjcli.run.table_types import TableTypes, open_types
from rjcli.settings.choices import Resume
from rjcli.settings.values import CsvSettings, RunSettings

if TYPE_CHECKING:
    from rjcli.run.load_run import LoadRequest

Note = Callable[[str], None]

_IN_DOUBT = "in-doubt"  # in the run's directory, where there is no state directory


class RunRequest(NamedTuple):
    """What is wanted of a run.

    ``target``: what identifies its table. ``settle``: seconds for late writes,
    0: none. ``name``: of a new run. ``options``: those given, as JSON values.
    """

    settings: RunSettings
    job: Identity
    target: tuple[str, int | None, str]
    settle: float
    name: str
    environment: str
    options: Mapping[str, Any]
    environ: Mapping[str, str]
    note: Note
    retries: str | None = None  # the run whose rejects are pushed
    csv: CsvSettings = CsvSettings()
    load: str | None = None  # the run of the load that it is a part of


@contextmanager
def open_run(request: RunRequest) -> Iterator[Run]:
    """Open a run: hold its job, make its directory, and find the checkpoint to go on from.

    Raises UsageError if it cannot be resumed, or if there is no place for it;
    UnfinishedError if another process is at the same job.
    """
    started = datetime.now().astimezone().isoformat()
    with ExitStack() as stack:
        hint = "wait for it, or stop it, and push with --resume"
        state = hold_job(stack, request, started, "the same job", hint)
        path = _choose(request, state)
        if request.settings.resume is Resume.ON and not (path / CHECKPOINT).exists():
            raise UsageError(
                "there is no run to resume",
                hint="push without --resume, or with --resume=auto, which starts one then",
            )
        directory = hold_directory(stack, path, started)
        earlier = read_checkpoint(path) if request.settings.resume else None
        is_resumed = earlier is not None
        checkpoint = _resume(request, earlier) if earlier else _begin(request, path, started)
        _write_start(directory, request, checkpoint)
        if state:
            state.remember(series_of(request.job), path)
        in_doubt = _open_in_doubt(
            request, state, path, checkpoint, in_flight=is_resumed and checkpoint.in_flight
        )
        if in_doubt:
            stack.enter_context(in_doubt)
        shown = show_run(path, state)
        with os_errors_as_ours(f"cannot use {path}"):
            run = Run(directory, checkpoint, shown, in_doubt, is_resumed=is_resumed)
        stack.callback(run.close)
        yield run


def hold_job(
    stack: ExitStack, request: "RunRequest | LoadRequest", started: str, what: str, hint: str
) -> State | None:
    """Hold a job in the state directory; None if there is none, and the run has its own."""
    try:
        state = State(state_directory(request.environ))
    except UsageError as error:
        if request.settings.directory:
            return None
        raise UsageError(
            error.message, hint="name a directory for the run with --run-dir"
        ) from None
    stack.enter_context(state)
    prune_runs(state.directory)
    lock = f"{hash_identity(request.job)}.lock"
    stack.enter_context(Lock(state.locks, lock, what, started, hint))
    return state


def open_table_types(request: RunRequest) -> TableTypes:
    """Read what is known of a table's column types; ``open_types`` says more."""
    table = runs = None
    with suppress(UsageError), State(state_directory(request.environ)) as state:
        table, runs = state.table(request.target), state.directory
    return open_types(table, runs, request.csv.types_from, request.csv.types_to)


@contextmanager
def open_in_doubt(request: RunRequest) -> Iterator[KeysInDoubt | None]:
    """Open what a table has in doubt, for a push without a run; None if there is no place."""
    with ExitStack() as stack:
        in_doubt = None
        with suppress(UsageError):
            state = stack.enter_context(State(state_directory(request.environ)))
            checkpoint = Checkpoint(request.name, {}, "")
            in_doubt = _open_in_doubt(request, state, state.runs, checkpoint, in_flight=False)
        yield stack.enter_context(in_doubt) if in_doubt else None


def _open_in_doubt(
    request: RunRequest,
    state: State | None,
    directory: Path,
    checkpoint: Checkpoint,
    *,
    in_flight: bool,
) -> KeysInDoubt | None:
    if not request.settle:
        return None
    if state:
        directory = state.table(request.target)
    else:
        directory /= _IN_DOUBT
    with os_errors_as_ours(f"cannot use {directory}"):
        return KeysInDoubt(
            directory, checkpoint.run, request.settle, moment.now(), in_flight=in_flight
        )


def _choose(request: RunRequest, state: State | None) -> Path:
    """The directory of the run: the one named, that of the job's last run, or a new one."""
    settings = request.settings
    if settings.directory:
        return Path(settings.directory).absolute()
    assert state  # noqa: S101 - else there would have been an error
    last = _find_last(request, state) if settings.resume else None
    return last.directory if last else state.runs / request.name


def _find_last(request: RunRequest, state: State) -> RunRecord | None:
    """The last run of the job.

    Raises UsageError where it looks as if another job was meant: one with the
    same files that was not finished.
    """
    for directory in state.recall(series_of(request.job)):
        run = RunRecord.read(directory)
        if run and continues(request.job, run.job):
            return run
        if run and shares_files(request.job, run.job):
            request.note(f"the files are not those of {run.name} with others after them")
            break
    for run in list_runs(state.directory):
        if same_files(request.job, run.job) and run.has_progress and run.is_resumable:
            _refuse(run.name, difference(request.job, run.job))
    return None


def _refuse(name: str, reason: str | None) -> None:
    if reason:
        raise UsageError(
            f"this push is not the one to resume, {name}: {reason}",
            hint=f"rjcli runs {name} shows how to resume that one;"
            " without --resume a new run is started",
        )


def show_run(directory: Path, state: State | None) -> str:
    """How commands take a run: its name, or its directory where that is another one."""
    is_in_state = state is not None and directory.parent == state.runs
    return directory.name if is_in_state else shlex.quote(str(directory))


def hold_directory(stack: ExitStack, path: Path, started: str) -> Directory:
    """Make the directory, or make sure that it may be used, and hold it; it must be one's own.

    Those above it are not looked at: --run-dir may name a place that is shared.
    """
    with os_errors_as_ours(f"cannot use {path}"):
        others = {each.name for each in path.iterdir()} if path.exists() else set()
        if others - {_IN_DOUBT} and JOB not in others:
            raise UsageError(
                f"{path} is not a run directory, and not empty",
                hint="name one that is empty, or does not exist yet, with --run-dir",
            )
        directory = stack.enter_context(Directory(path, make=True))
    stack.enter_context(Lock(directory, LOCK, str(path), started))
    return directory


def _resume(request: RunRequest, checkpoint: Checkpoint) -> Checkpoint:
    if not continues(request.job, checkpoint.job):
        _refuse(checkpoint.run, difference(request.job, checkpoint.job))
    request.note(f"resuming {checkpoint.run} after its first {checkpoint.records:,} records")
    return replace(checkpoint, job=dict(request.job), finished=False)


def _begin(request: RunRequest, directory: Path, started: str) -> Checkpoint:
    check_replaceable(directory)
    if request.settings.resume:
        request.note("there is no run to resume: starting from the beginning")
    return Checkpoint(request.name, dict(request.job), started, written=started)


def _write_start(directory: Directory, request: RunRequest, checkpoint: Checkpoint) -> None:
    """Write that the run has begun, or goes on: it may be killed before it saves anything."""
    job = {
        "run": checkpoint.run,
        "job": request.job,
        "started": checkpoint.started,
        "environment": request.environment,
        "options": request.options,
        "retries": request.retries,
        "load": request.load,
    }
    with os_errors_as_ours(f"cannot write in {directory.path}"):
        directory.remove(SUMMARY)
        directory.replace(JOB, json.dumps(job, indent=1).encode() + b"\n")
        directory.replace(CHECKPOINT, checkpoint.encode())


def check_replaceable(directory: Path) -> None:
    """Raise UsageError unless a new run may take the place of the one in a directory.

    Its lock is held by now: by us, and by no other process.
    """
    run = RunRecord.read(directory)
    if run:
        run = replace(run, is_running=False)
    if run and (run.is_resumable or run.rejects):
        reason = "can be resumed" if run.is_resumable else "has rejects"
        raise UsageError(
            f"{directory} holds a run that {reason}",
            hint="resume it with --resume, or name another directory with --run-dir",
        )
