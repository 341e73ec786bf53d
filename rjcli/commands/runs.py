"""``rjcli runs``: past pushes, and how to resume them."""

import os
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rjcli.errors import UnfinishedError, UsageError
from rjcli.report import Report
from rjcli.report.table import table_lines
from rjcli.run import (
    RunRecord,
    find_run,
    list_runs,
    losses,
    prune_runs,
    remove_run,
    state_directory,
)
from rjcli.settings.commands import RunsSettings
from rjcli.settings.given import Rank
from rjcli.settings.read import read
from rjcli.settings.sources import Options

_REMOVE = "rm"
_SHOWN = 20
_OUTCOMES = ("read", "accepted", "rejected", "unknown", "unsent")
_HEADER = ("RUN", "STATUS", "ENV", "READ", "ACCEPTED", "REJECTED")


def runs(settings: RunsSettings, report: Report, given: Options, *, as_json: bool) -> int:
    """List runs, the newest first, show one, or delete some. Returns an exit code."""
    state = state_directory(os.environ)
    match settings.runs:
        case ():
            return _list(settings, state, report, as_json=as_json)
        case (word, *names) if word == _REMOVE:
            # A variable that was set for something else, such as RJCLI_TABLE, deletes nothing.
            typed = {key: one for key, one in given.items() if one.source.rank is Rank.ARGUMENT}
            return _remove(read(RunsSettings, typed), names, state, report)
        case (name,):
            run = find_run(state, name)
            report.result(_document(run), *_lines(run))
            return 0
    raise UsageError("rjcli runs shows one run, or a list", hint="rjcli runs RUN")


def _list(settings: RunsSettings, state: Path, report: Report, *, as_json: bool) -> int:
    prune_runs(state)
    found = _select(settings, list_runs(state))
    shown = found[: settings.limit or (len(found) if as_json else _SHOWN)]
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = table_lines(_HEADER, [*map(_row, shown)], width) if shown else ["there are no runs"]
    document = {"runs": [*map(_document, shown)], "exit_code": 0, "message": None}
    report.result(document, *lines)
    if len(shown) < len(found) and settings.limit is None:
        report.note(f"{len(found) - len(shown):,} more: --limit {len(found)} shows all")
    return 0


def _select(settings: RunsSettings, found: list[RunRecord]) -> list[RunRecord]:
    newest = datetime.now().astimezone()
    if settings.older_than is not None:
        newest -= timedelta(seconds=min(settings.older_than, newest.timestamp()))
    return [
        run
        for run in found
        if settings.status in {None, run.status}
        and settings.table in {None, run.job.get("table")}
        and (settings.older_than is None or run.started <= newest)
    ]


def _remove(settings: RunsSettings, names: list[str], state: Path, report: Report) -> int:
    """Delete the runs named, or those that the options select."""
    if settings.limit is not None:
        raise UsageError("--limit is for lists", hint=f"rjcli runs {_REMOVE} RUN")
    filters = (settings.status, settings.table, settings.older_than)
    if bool(names) is any(each is not None for each in filters):
        raise UsageError(
            "name the runs to delete, or say which: --older-than, --status or --table",
            hint="rjcli runs, with the same options, lists those that they select",
        )
    if names:
        found = [find_run(state, name) for name in dict.fromkeys(names)]
        _check_removable(found, is_forced=settings.force)
    else:
        found = _select(settings, list_runs(state))
        found = [run for run in found if _may_go(run, report, is_forced=settings.force)]
    for run in found:
        lost = losses(run)
        remove_run(run)
        for loss in lost:
            report.note(f"lost with {run.name}: {loss}")
    lines = [f"deleted: {run.name}" for run in found] or ["no run was deleted"]
    document = {"deleted": [run.name for run in found], "exit_code": 0, "message": None}
    report.result(document, *lines)
    return 0


def _check_removable(found: list[RunRecord], *, is_forced: bool) -> None:
    """Raise an error, before any is deleted, if one of the runs that were named has to stay."""
    for run in found:
        if run.is_running:
            raise UnfinishedError(f"{run.name} is under way", hint="wait for it, or stop it")
    for run in found:
        if (lost := losses(run)) and not is_forced:
            raise UsageError(
                f"with {run.name} would be lost: {'; '.join(lost)}",
                hint=f"{_next_step(run)}; or: rjcli runs {_REMOVE} --force {run.shown}",
            )


def _may_go(run: RunRecord, report: Report, *, is_forced: bool) -> bool:
    lost = [] if is_forced else losses(run)
    if run.is_running:
        report.note(f"kept: {run.name} is under way")
    elif lost:
        report.note(f"kept: with {run.name} would be lost: {'; '.join(lost)}")
    return not (run.is_running or lost)


def _document(run: RunRecord) -> dict[str, Any]:
    """The members that a push has with ``--json``, as far as the run has come."""
    unknown = dict.fromkeys(("exit_code", "seconds", "message", "hint", "error"))
    known = {
        "base_url": run.job.get("base URL"),
        "client_id": run.job.get("client id"),
        "keys": run.job.get("--keys", []),
        "dry_run": bool(run.job.get("dry run")),
        **(run.summary or {}),
    }
    return {
        **unknown,
        **known,
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
        "more_rejects": run.rejects[1:],
        "errors": run.errors,
        "resumable": run.is_resumable,
        "resume": resume_command(run) if run.is_resumable else None,
    }


def _row(run: RunRecord) -> list[str]:
    counts = [f"{run.counts[name]:,}" if name in run.counts else "" for name in _OUTCOMES[:3]]
    return [run.name, run.status, run.environment, *counts]


def _tables(run: RunRecord) -> dict[str, Any] | None:
    """Of a load, the run of each table; None: it has none (yet)."""
    if run.tables is None:
        return None
    return {
        table: {"run": each.shown, "status": each.status} if isinstance(each, RunRecord) else None
        for table, each in run.table_runs().items()
    }


def _lines(run: RunRecord) -> list[str]:
    what = f"{', '.join(map(str, run.job.get('files', [])))} to table {run.job.get('table')}"
    if run.tables is not None:
        what = f"{run.job.get('load')}, {len(run.tables):,} tables"
    counts = ", ".join(f"{outcome} {number:,}" for outcome, number in run.counts.items())
    lines = [
        f"{run.name}: {run.status}",
        f"started {run.started:%Y-%m-%d %H:%M:%S %z}",
        what,
        f"environment {run.environment}, {run.job.get('base URL')}",
        counts or "its checkpoint is damaged",
        f"directory: {run.directory}",
    ]
    if run.summary and run.summary.get("message"):
        lines.append(f"ended by: {run.summary['message']}")
    for table, each in (_tables(run) or {}).items():
        lines.append(f"{table}: {'  '.join(each.values()) if each else 'not begun'}")
    if run.load:
        lines.append(f"part of the load {run.load}")
    lines += [f"rejects: {path}" for path in run.rejects]
    if run.errors:
        lines.append(f"what is wrong with each: {run.errors}")
    if step := _next_step(run):
        lines.append(step)
    return lines


def _next_step(run: RunRecord) -> str:
    """What to do next with a run; empty if there is nothing."""
    if run.is_resumable:
        return f"to resume: {resume_command(run)}"
    if run.rejects and not run.is_running:
        return f"once the rejects are fixed: rjcli retry {run.shown}"
    return ""


def resume_command(run: RunRecord) -> str:
    """The command that resumes a run."""
    return f"rjcli resume {run.shown}"
