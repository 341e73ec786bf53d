"""``rjcli runs``: past pushes, and how to resume them."""

import os
from typing import Any

from rjcli.report import Report
from rjcli.run import (
    RunRecord,
    find_run,
    list_runs,
    prune_runs,
    state_directory,
)

_OUTCOMES = ("read", "accepted", "rejected", "unknown", "unsent")


def runs(name: str | None, report: Report) -> int:
    """List all runs, the newest first, or show one. Returns an exit code."""
    state = state_directory(os.environ)
    if name is not None:
        run = find_run(state, name)
        report.result(_document(run), *_lines(run))
        return 0
    prune_runs(state)
    found = list_runs(state)
    lines = [_line(run) for run in found] or ["there are no runs"]
    report.result({"runs": [_document(run) for run in found]}, *lines)
    return 0


def _document(run: RunRecord) -> dict[str, Any]:
    return {
        "run": run.name,
        "status": run.status,
        "started": run.started.isoformat(),
        "environment": run.environment,
        "table": run.job.get("table"),
        "inputs": run.job.get("files"),
        "load": run.load,
        "tables": _tables(run),
        "records": {outcome: run.counts.get(outcome, 0) for outcome in _OUTCOMES},
        "run_dir": str(run.directory),
        "rejects": run.rejects[0] if run.rejects else None,
        "errors": run.errors,
        "resumable": run.is_resumable,
        "resume": resume_command(run) if run.is_resumable else None,
    }


def _tables(run: RunRecord) -> dict[str, Any] | None:
    """Of a load, the run of each table; None: it has none (yet)."""
    if run.tables is None:
        return None
    return {
        table: {"run": each.shown, "status": each.status} if isinstance(each, RunRecord) else None
        for table, each in run.table_runs().items()
    }


def _line(run: RunRecord) -> str:
    return f"{run.name}  {run.status}  {_what(run)} ({run.environment}): {_counts(run)}"


def _what(run: RunRecord) -> str:
    if run.tables is not None:
        return f"{run.job.get('load')}, {len(run.tables)} tables"
    return f"{', '.join(map(str, run.job.get('files', [])))} to table {run.job.get('table')}"


def _lines(run: RunRecord) -> list[str]:
    lines = [
        f"{run.name}: {run.status}",
        f"started {run.started.isoformat()}",
        _what(run),
        f"environment {run.environment}, {run.job.get('base URL')}",
        _counts(run),
        f"directory: {run.directory}",
    ]
    for table, each in (_tables(run) or {}).items():
        lines.append(f"{table}: {'  '.join(each.values()) if each else 'not begun'}")
    if run.load:
        lines.append(f"part of the load {run.load}")
    lines += [f"rejects: {path}" for path in run.rejects]
    if run.errors:
        lines.append(f"what is wrong with each: {run.errors}")
    if run.is_resumable:
        lines.append(f"to resume: {resume_command(run)}")
    return lines


def resume_command(run: RunRecord) -> str:
    """The command that resumes a run."""
    return f"rjcli resume {run.shown}"


def _counts(run: RunRecord) -> str:
    counts = [f"{outcome} {number:,}" for outcome, number in run.counts.items()]
    return ", ".join(counts) or "its checkpoint is damaged"
