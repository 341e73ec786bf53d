"""The run of a load: which tables it loads, and which run each of them has.

Its directory lies among those of other runs. ``job.json`` has what each table's push was
asked to do; ``tables.ndjson`` grows by a line for each table that begins; ``summary.json`` is
written at the end. What became of the records is in the runs of the tables.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rjcli.errors import UsageError
from rjcli.private_file import Directory, os_errors_as_ours
from rjcli.run.identity import Identity
from rjcli.run.listing import JOB, TABLES, RunRecord
from rjcli.run.opening import (
    Note,
    check_replaceable,
    hold_directory,
    hold_job,
    show_run,
)
from rjcli.run.run import SUMMARY
from rjcli.run.state import State
from rjcli.settings.choices import Resume
from rjcli.settings.option_kinds import RESUME
from rjcli.settings.values import RunSettings

_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT


class LoadRequest(NamedTuple):
    """What is wanted of the run of a load.

    ``job``: what makes it different from other loads. ``name``: of a new run. ``options``: where it
    goes, and ``tables``: what is pushed to each, as JSON values, to resume it with.
    """

    settings: RunSettings
    job: Identity
    name: str
    environment: str
    options: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]]
    environ: Mapping[str, str]
    note: Note


class LoadRun:
    """The directory of a load, while it goes on. Its methods raise DiskError or UsageError.

    ``shown``: its name, or its directory, as commands take it. ``starts_over``: tables that
    are to be loaded from the beginning, though this continues an earlier invocation: that one
    was to do so, and did not come to them.
    """

    def __init__(
        self, directory: Directory, name: str, shown: str, starts_over: frozenset[str] = frozenset()
    ) -> None:
        self._directory = directory
        self.directory = directory.path
        self.name = name
        self.shown = shown
        self.starts_over = starts_over

    def begin(self, table: str, run: Path) -> None:
        """Note the run of a table, before it sends anything."""
        self._append({"table": table, "run": str(run)})

    def give_up(self, table: str) -> None:
        """Note that the push of a table could not begin, and that resuming cannot help."""
        self._append({"table": table, "run": None})

    def conclude(self, document: Mapping[str, Any]) -> None:
        """Write the summary."""
        with self._writing(SUMMARY):
            self._directory.replace(SUMMARY, json.dumps(document).encode() + b"\n")

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._writing(TABLES):
            fd = self._directory.open(TABLES, "the list of tables", _APPEND)
            with os.fdopen(fd, "ab") as file:
                # A line that a full disk cuts off is none, and must not spoil the next one.
                file.write(b"\n" + json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(fd)

    def _writing(self, name: str) -> Any:
        return os_errors_as_ours(f"cannot write {name} in {self._directory.path}")


@contextmanager
def open_load_run(request: LoadRequest) -> Iterator[LoadRun]:
    """Open the run of a load: a new one, or the last one of the same load if it is not finished.

    With a directory of its own in the settings, that one. Raises UsageError if there is none
    to resume, or no place for it; UnfinishedError if another process is at the same load.
    """
    started = datetime.now().astimezone().isoformat()
    with ExitStack() as stack:
        hint = "wait for it, or stop it, and load with --resume=auto"
        state = hold_job(stack, request, started, "the same load", hint)
        path, earlier = _choose(request, state)
        directory = hold_directory(stack, path, started)
        if earlier is None:
            check_replaceable(path)
        _write(request, directory, earlier, started)
        if state:
            state.remember(request.job, path)
        name = earlier.name if earlier else request.name
        yield LoadRun(directory, name, show_run(path, state), _starts_over(earlier))


def _starts_over(earlier: RunRecord | None) -> frozenset[str]:
    if earlier is None or RESUME.read(_mode(earlier)):
        return frozenset()
    return frozenset(table for table, run in earlier.table_runs().items() if run is True)


def _mode(record: RunRecord) -> Any:
    """How the load was begun: what was given for --resume."""
    return record.options.get("resume", "off")


def _choose(request: LoadRequest, state: State | None) -> tuple[Path, RunRecord | None]:
    """The directory of the run, and what it holds if that is continued."""
    settings = request.settings
    candidates: Iterable[Path]
    if settings.directory:
        new = Path(settings.directory).absolute()
        candidates = [new]
    else:
        assert state  # noqa: S101 - else there would have been an error
        new, candidates = state.runs / request.name, state.recall(request.job)
    runs = (run for run in map(RunRecord.read, candidates) if run and run.job == request.job)
    last = next(runs, None) if settings.resume else None
    if settings.resume is Resume.ON and last is None:
        raise UsageError(
            "there is no load to resume",
            hint="load without --resume, or with --resume=auto, which starts one then",
        )
    if last is None or not last.is_resumable:
        return new, None
    request.note(f"resuming the load {last.name}")
    return last.directory, last


def _write(
    request: LoadRequest, directory: Directory, earlier: RunRecord | None, started: str
) -> None:
    job = {
        "run": earlier.name if earlier else request.name,
        "job": request.job,
        "started": earlier.started.isoformat() if earlier else started,
        "environment": request.environment,
        "options": {**request.options, **({"resume": _mode(earlier)} if earlier else {})},
        "retries": None,
        "tables": request.tables,
    }
    outdated = [SUMMARY] if earlier else [SUMMARY, TABLES]
    with os_errors_as_ours(f"cannot write in {directory.path}"):
        for name in outdated:
            directory.remove(name)
        directory.replace(JOB, json.dumps(job, indent=1).encode() + b"\n")
