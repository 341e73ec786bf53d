"""Past runs: what each read, accepted and rejected, and whether it can be resumed."""

import glob
import json
import shlex
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from rjcli.errors import UsageError
from rjcli.events import Status
from rjcli.private_file import Directory, os_errors_as_ours, read_own_file
from rjcli.run.checkpoint import Checkpoint
from rjcli.run.lock import is_held
from rjcli.run.rejects import ERRORS, reject_files
from rjcli.run.run import CHECKPOINT, SUMMARY
from rjcli.run.state import RUNS

JOB = "job.json"
LOCK = "lock"
TABLES = "tables.ndjson"  # of a load: which run each of its tables has
RETRIED = "retried"
MAX_BYTES = 16 * 2**20  # of one of these files
KEPT_DAYS = 30
_NAMES_SHOWN = 5


class RunRecord(Struct, frozen=True):
    """A run as its directory describes it.

    ``summary`` None: it did not come to its end, or its summary is damaged.
    ``checkpoint`` None: it is damaged. ``load``: the run of the load that it is a part of.
    ``tables``: of a load, the options of each table's push; None: it is no load.
    """

    directory: Path
    name: str
    job: Mapping[str, Any]
    started: datetime
    environment: str
    options: Mapping[str, Any]
    retries: str | None
    load: str | None
    tables: Mapping[str, Mapping[str, Any]] | None
    checkpoint: Checkpoint | None
    summary: Mapping[str, Any] | None
    is_running: bool

    @classmethod
    def read(cls, directory: Path) -> "RunRecord | None":
        """Read a run's directory; None if it is none, or says nothing that can be understood."""
        job = _read(directory / JOB)
        if job is None:
            return None
        try:
            return cls(
                directory=directory,
                name=str(job["run"]),
                job=dict(job["job"]),
                started=datetime.fromisoformat(job["started"]),
                environment=str(job["environment"]),
                options=dict(job["options"]),
                retries=job["retries"],
                load=job.get("load"),
                tables=None if job.get("tables") is None else dict(job["tables"]),
                checkpoint=_read_good_checkpoint(directory),
                summary=_read_good_summary(directory),
                is_running=is_held(directory / LOCK),
            )
        except (KeyError, TypeError, ValueError):
            return None

    @property
    def shown(self) -> str:
        """How commands take it: its name, or its directory where that is another one."""
        return self.name if self.is_in_state else shlex.quote(str(self.directory))

    @property
    def is_in_state(self) -> bool:
        """Whether its directory is in the user's state directory."""
        return self.directory.parent.name == RUNS and self.directory.name == self.name

    @property
    def status(self) -> str:
        """How it ended; "running" if it has not, "killed" if it could not say."""
        if self.is_running:
            return "running"
        if self.is_retried:
            return Status.COMPLETE
        return str(self.summary["status"]) if self.summary else "killed"

    @property
    def is_resumable(self) -> bool:
        """Whether there is something left to do."""
        if self.tables is not None:
            return not self.is_running and any(map(self.is_left, self.table_runs().values()))
        if self.is_running or self.checkpoint is None:
            return False
        return not self.checkpoint.finished and (
            self.summary is None or bool(self.summary["resumable"])
        )

    def is_left(self, run: "RunRecord | bool") -> bool:
        """Whether a table of a load is to be pushed on: one of those of ``table_runs``.

        A run that a later load has taken over is its business.
        """
        return run.is_resumable and run.load == self.name if isinstance(run, RunRecord) else run

    def table_runs(self) -> "dict[str, RunRecord | bool]":
        """Of a load, the run of each table; where there is none, whether one is left to do."""
        found: dict[str, RunRecord | bool] = dict.fromkeys(self.tables or (), True)
        for line in _read_lines(self.directory / TABLES):
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                document = json.loads(line)
                table, directory = document["table"], document["run"]
                if table in found:
                    run = RunRecord.read(Path(directory)) if directory else None
                    found[table] = run if run and run.tables is None else False
        return found

    @property
    def has_progress(self) -> bool:
        """Whether it settled any record."""
        return self.checkpoint is not None and self.checkpoint.records > 0

    @property
    def is_retried(self) -> bool:
        """Whether all of its rejects were fixed, and accepted from another run."""
        return (self.directory / RETRIED).exists()

    @property
    def rejects(self) -> list[str]:
        """The paths of the files of rejects that it left and that nobody fixed."""
        return [] if self.is_retried else [*map(str, reject_files(self.directory))]

    @property
    def errors(self) -> str | None:
        """The path of the file that says what is wrong with each, if there is one."""
        path = self.directory / ERRORS
        return str(path) if path.exists() else None

    @property
    def counts(self) -> Mapping[str, int]:
        """How many records met which fate; of a run without a summary those of its prefix."""
        if self.summary:
            return {name: int(number) for name, number in self.summary["records"].items()}
        if self.tables is not None:
            counts: Counter[str] = Counter()
            for run in self.table_runs().values():
                counts.update(run.counts if isinstance(run, RunRecord) else {})
            return counts
        if self.checkpoint is None:
            return {}
        accepted, rejected = self.checkpoint.accepted, self.checkpoint.rejected
        return {"read": accepted + rejected, "accepted": accepted, "rejected": rejected}


def list_runs(state: Path) -> list[RunRecord]:
    """All runs, the newest first."""
    found = filter(None, map(RunRecord.read, (state / RUNS).glob("*")))
    return sorted(found, key=lambda run: run.started, reverse=True)


def find_run(state: Path, name: str) -> RunRecord:
    """The run of that name, whose name begins so, or in that directory.

    Raises UsageError if there is none, or more than one.
    """
    runs = state / RUNS
    if "/" in name or name in {".", ".."}:
        found = [Path(name).absolute()]
    else:
        found = [runs / name] if (runs / name).exists() else [*runs.glob(f"{glob.escape(name)}*")]
    if len(found) > 1:
        shown = ", ".join(sorted(path.name for path in found)[:_NAMES_SHOWN])
        raise UsageError(f"{name} may be several runs: {shown}", hint="write more of the name")
    run = RunRecord.read(found[0]) if found else None
    if run is None:
        raise UsageError(f"there is no run {name}", hint="rjcli runs lists them")
    return run


def mark_retried(run: RunRecord, state: Path) -> None:
    """Note that all rejects of a run are accepted, and so those of the runs that it retried."""
    with (
        os_errors_as_ours(f"cannot write in {run.directory}"),
        Directory(run.directory) as directory,
    ):
        directory.replace(RETRIED, b"")
    if run.retries:
        with suppress(UsageError):
            mark_retried(find_run(state, run.retries), state)


def prune_runs(state: Path) -> None:
    """Delete runs of long ago, but none that can be resumed, holds rejects, or is damaged.

    Only those are looked into: each push prunes, and there may be thousands of newer ones.
    """
    oldest = time.time() - timedelta(days=KEPT_DAYS).total_seconds()
    for directory in (state / RUNS).glob("*"):
        if not _is_older(directory, oldest) or (run := RunRecord.read(directory)) is None:
            continue
        is_done = run.checkpoint and (run.checkpoint.finished or not run.has_progress)
        if run.tables is not None:
            is_done = not run.is_resumable
        if is_done and not (run.rejects or run.is_running):
            shutil.rmtree(directory, ignore_errors=True)


def _is_older(directory: Path, moment: float) -> bool:
    try:
        return directory.stat().st_mtime < moment
    except OSError:
        return False  # another push has just deleted it


def _read_lines(path: Path) -> list[bytes]:
    with suppress(UsageError):
        return (read_own_file(path, path.name, MAX_BYTES) or b"").splitlines()
    return []


def _read(path: Path) -> dict[str, Any] | None:
    """A JSON object in a file; None if there is none, or it cannot be read."""
    with suppress(UsageError, ValueError, RecursionError):
        content = read_own_file(path, path.name, MAX_BYTES)
        document = json.loads(content) if content else None
        return document if isinstance(document, dict) else None
    return None


def _read_good_summary(directory: Path) -> dict[str, Any] | None:
    summary = _read(directory / SUMMARY)
    with suppress(KeyError, AttributeError):
        if (
            summary
            and isinstance(summary["status"], str)
            and isinstance(summary["resumable"], bool)
            and all(type(number) is int for number in summary["records"].values())
        ):
            return summary
    return None


def read_checkpoint(directory: Path) -> Checkpoint | None:
    """Read a run's checkpoint; None if there is none. Raises UsageError if it is damaged."""
    path = directory / CHECKPOINT
    content = read_own_file(path, "the checkpoint", MAX_BYTES)
    return None if content is None else Checkpoint.decode(content, str(path))


def _read_good_checkpoint(directory: Path) -> Checkpoint | None:
    with suppress(UsageError):
        return read_checkpoint(directory)
    return None
