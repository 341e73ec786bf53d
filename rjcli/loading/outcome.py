"""How a load went, from how the pushes of its tables went. Pure."""

from collections.abc import Mapping
from typing import Any

from rjcli.errors import EXIT_REJECTS as REJECTS
from rjcli.errors import (
    AccessDeniedError,
    DefectError,
    RjcliError,
    StoppedError,
    UnfinishedError,
    UsageError,
)
from rjcli.events import LoadDescription, LoadSummary, Status, Summary
from rjcli.run import LoadRun, RunRecord
from rjcli.run.outcome import run_outcome

_SIGNAL = 128  # and more: stopped by a signal

# What a person must see to first stands first. After the signals:
_ORDER = [
    DefectError.exit_code,
    AccessDeniedError.exit_code,
    UsageError.exit_code,
    StoppedError.exit_code,
    UnfinishedError.exit_code,
    REJECTS,
    0,
]


def urgency(exit_code: int) -> int:
    """How soon a person must see to an exit code; 0: first."""
    return 0 if exit_code > _SIGNAL else 1 + _ORDER.index(exit_code)


def describe_failure(error: RjcliError) -> dict[str, Any]:
    """What a summary says of the error that has ended what it sums up."""
    status, exit_code = run_outcome(error, is_incomplete=False)
    return {
        "exit_code": exit_code,
        "message": error.message,
        "hint": error.hint,
        "error": error.word,
        "status": status,
    }


def summarise(
    load: LoadDescription,
    tables: Mapping[str, Summary],
    earlier: RunRecord | None,
    run: LoadRun | None,
    seconds: float,
) -> LoadSummary:
    """Sum up a load. ``earlier``: the run of the load whose rest was pushed."""
    worst = min(tables.values(), key=lambda each: urgency(each.exit_code), default=None)
    failed = [table for table, each in tables.items() if each.message]
    message = None
    if worst and worst.message:
        of = f"{len(failed)} of {len(tables)} tables" if len(tables) > 1 else worst.run.table
        message = f"{of} could not be finished; {worst.run.table}: {worst.message}"
    finished = _finished_before(earlier, tables) if earlier else {}
    record = RunRecord.read(run.directory) if run else None
    is_left = record is not None and any(map(record.is_left, record.table_runs().values()))
    return LoadSummary(
        load,
        worst.status if worst else Status.COMPLETE,
        worst.exit_code if worst else 0,
        tables,
        finished,
        seconds,
        message,
        worst.hint if worst else None,
        worst.error if worst else None,
        str(run.directory) if run else None,
        f"rjcli resume {run.shown}" if run and is_left else None,
    )


def _finished_before(
    earlier: RunRecord, tables: Mapping[str, Summary]
) -> dict[str, Mapping[str, Any]]:
    return {
        table: run.summary
        for table, run in earlier.table_runs().items()
        if table not in tables and isinstance(run, RunRecord) and run.summary
    }
