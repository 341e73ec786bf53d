"""Opening a run: a new one, or the one to be resumed; one process at a time."""

import json
import os
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rjcli.errors import UsageError
from rjcli.private_file import make_directory, open_directory, replace_file, told
from rjcli.run.checkpoint import Checkpoint
from rjcli.run.identity import Identity, difference, hash_identity, same_files
from rjcli.run.listing import (
    JOB,
    LOCK,
    RunRecord,
    list_runs,
    prune_runs,
    read_checkpoint,
    state_directory,
)
from rjcli.run.lock import Lock
from rjcli.run.run import CHECKPOINT, SUMMARY, Run
from rjcli.settings.values import RunSettings

Note = Callable[[str], None]


class RunRequest(NamedTuple):
    """What is wanted of a run."""

    settings: RunSettings
    job: Identity
    name: str  # of a new run
    environment: str
    environ: Mapping[str, str]
    note: Note


@contextmanager
def open_run(opening: RunRequest) -> Iterator[Run]:
    """Open a run: hold its job, make its directory, and find the checkpoint to go on from.

    Raises UsageError if it cannot be resumed, or if there is no place for it;
    UnfinishedError if another process is at the same job.
    """
    started = datetime.now().astimezone().isoformat()
    with ExitStack() as stack:
        if state := _state(opening):
            lock = state / "locks" / f"{hash_identity(opening.job)}.lock"
            stack.enter_context(
                Lock(
                    lock, "the same job", started, "wait for it, or end it, and push with --resume"
                )
            )
        directory = _choose(opening, state)
        _prepare(directory)
        stack.enter_context(Lock(directory / LOCK, str(directory), started))
        earlier = read_checkpoint(directory)
        if earlier and opening.settings.resume:
            run = _resume(opening, directory, earlier)
        else:
            run = _begin(opening, directory, started, is_used=earlier is not None)
        stack.callback(run.close)
        yield run


def resume_command(arguments: tuple[str, ...]) -> str:
    """The command that resumes a run that was started with these arguments."""
    command, *others = arguments
    resume = [] if "--resume" in others else ["--resume"]
    return shlex.join(["rjcli", command, *resume, *others])


def _state(opening: RunRequest) -> Path | None:
    """Make the places for runs and locks; None if there is none, and none is needed."""
    try:
        state = state_directory(opening.environ)
        for name in ("runs", "locks"):
            with told(f"cannot make {state / name}"):
                make_directory(state / name)
    except UsageError as error:
        if opening.settings.directory:
            return None
        raise UsageError(
            error.message, hint="name a directory for the run with --run-dir"
        ) from None
    prune_runs(state)
    return state


def _choose(opening: RunRequest, state: Path | None) -> Path:
    """The directory of the run: the one named, that of the job's last run, or a new one."""
    settings = opening.settings
    if settings.directory:
        return Path(settings.directory).absolute()
    assert state  # noqa: S101 - else there would have been an error
    last = _find_last(opening, state) if settings.resume else None
    return last.directory if last else state / "runs" / opening.name


def _find_last(opening: RunRequest, state: Path) -> RunRecord | None:
    """The last run of the job.

    Raises UsageError where it looks as if another job was meant: one with the
    same files that was not finished.
    """
    runs = list_runs(state)
    for run in runs:
        if run.job == opening.job:
            return run
    for run in runs:
        if same_files(opening.job, run.job) and run.has_progress and run.is_resumable:
            _refuse(run.name, difference(opening.job, run.job))
    return None


def _refuse(name: str, reason: str | None) -> None:
    if reason:
        raise UsageError(
            f"this push is not the one to resume, {name}: {reason}",
            hint=f"rjcli runs {name} shows how to resume that one;"
            " without --resume a new run is started",
        )


def _prepare(directory: Path) -> None:
    """Make the directory, or make sure that it may be used."""
    with told(f"cannot use {directory}"):
        if directory.exists() and any(directory.iterdir()) and not (directory / JOB).exists():
            raise UsageError(
                f"{directory} is not a run directory, and not empty",
                hint="name one that is empty, or is not there yet, with --run-dir",
            )
        make_directory(directory)
        with open_directory(directory) as descriptor:
            os.fchmod(descriptor, 0o700)


def _resume(opening: RunRequest, directory: Path, checkpoint: Checkpoint) -> Run:
    _refuse(checkpoint.run, difference(opening.job, checkpoint.job))
    opening.note(f"resuming {checkpoint.run} behind its first {checkpoint.records:,} records")
    with told(f"cannot use {directory}"):
        with suppress(FileNotFoundError):
            (directory / SUMMARY).unlink()
        command = resume_command(opening.settings.command)
        return Run(directory, checkpoint, command, is_resumed=True)


def _begin(opening: RunRequest, directory: Path, started: str, *, is_used: bool) -> Run:
    if is_used:
        _check_replaceable(directory)
    if opening.settings.resume:
        opening.note("there is no run to resume: starting from the beginning")
    checkpoint = Checkpoint(opening.name, dict(opening.job), started, written=started)
    job = {
        "run": opening.name,
        "job": opening.job,
        "started": started,
        "environment": opening.environment,
        "command": opening.settings.command,
        "working_directory": str(Path.cwd()),
    }
    with told(f"cannot write in {directory}"), open_directory(directory) as descriptor:
        with suppress(FileNotFoundError):
            os.unlink(SUMMARY, dir_fd=descriptor)
        replace_file(descriptor, JOB, json.dumps(job, indent=1).encode() + b"\n")
        replace_file(descriptor, CHECKPOINT, checkpoint.encode())
        command = resume_command(opening.settings.command)
        return Run(directory, checkpoint, command, is_resumed=False)


def _check_replaceable(directory: Path) -> None:
    """A new run may take the place of one of which nothing is left to do."""
    run = RunRecord.read(directory)
    if run and (run.is_resumable or run.rejects):
        reason = "can be resumed" if run.is_resumable else "has rejects"
        raise UsageError(
            f"{directory} holds a run that {reason}",
            hint="resume it with --resume, or name another directory with --run-dir",
        )
