"""``rjcli resume`` and ``rjcli retry``: pushes whose options are those of an earlier run."""

import os
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from rjcli.commands.push import load_files
from rjcli.credentials.profiles import load_profile
from rjcli.engine.description import KEPT
from rjcli.errors import UsageError
from rjcli.report import LoadReport, Report
from rjcli.run import RunRecord, find_run, list_runs, mark_retried, state_directory
from rjcli.settings.choices import Resume
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.option import options_of
from rjcli.settings.option_kinds import NO_TYPES, STDIN
from rjcli.settings.read import read
from rjcli.settings.sources import Options, strongest
from rjcli.settings.stored import restore, store
from rjcli.settings.values import PushSettings

_OPTIONS = [*options_of(PushSettings, AccessSettings)]
_OF_INPUTS = frozenset({"skip", "limit", "min_records", "types_to"})  # and not of their rejects


def resume(name: str | None, report: LoadReport, given: Options, *, last: bool) -> int:
    """Continue a run. ``name`` None: the last one that can be, if ``last`` asks for it."""
    record = _find(name, last=last)
    if not record.is_resumable:
        raise UsageError(
            f"there is nothing to resume in {record.name}: it is {record.status}",
            hint=f"rjcli runs {record.name} shows what became of it",
        )
    if record.tables is not None:
        from rjcli.commands.load import load_plan
        from rjcli.loading.plan import plan_rest

        return load_plan(plan_rest(record, given, os.environ), report)
    if STDIN in record.job.get("files", []):
        report.note("stdin has to be fed again from its beginning")
    own = {"resume": Resume.ON, "run_dir": str(record.directory)}
    return _push(record, own, report, given)


def retry(name: str, report: Report, given: Options) -> int:
    """Push the fixed rejects of a run, as the run would."""
    record = find_run(state_directory(os.environ), name)
    if record.is_running or record.is_resumable:
        raise UsageError(
            f"{record.name} is not finished", hint=f"rjcli resume {record.name} continues it"
        )
    if record.tables is not None:
        runs = [run for run in record.table_runs().values() if isinstance(run, RunRecord)]
        shown = [f"rjcli retry {run.shown}" for run in runs if run.rejects]
        hint = f"retry those of its tables: {'; '.join(shown)}" if shown else None
        raise UsageError(f"{record.name} is a load, which has no rejects of its own", hint=hint)
    if not record.rejects:
        raise UsageError(f"{record.name} has no rejects")
    own = {
        "files": record.rejects,
        "format": "auto",
        "compression": "none",
        "type": dict((record.checkpoint and record.checkpoint.column_types) or {}),
        "types_from": NO_TYPES,
    }
    exit_code = _push(record, own, report, given, is_retry=True)
    if exit_code == 0:
        mark_retried(record, state_directory(os.environ))
    return exit_code


def _find(name: str | None, *, last: bool) -> RunRecord:
    state = state_directory(os.environ)
    if (name is None) is not last:
        raise UsageError(
            "name one run to resume, or --last", hint="rjcli runs lists those that can be"
        )
    if name is not None:
        return find_run(state, name)
    resumable = [run for run in list_runs(state) if run.is_resumable]
    if not resumable:
        raise UsageError("there is no run to resume", hint="rjcli runs lists all runs")
    # That of a table is resumed with the whole load.
    loads = {run.name: run for run in resumable if run.tables is not None}
    return loads.get(resumable[0].load or "", resumable[0])


def _push(
    record: RunRecord,
    own: Mapping[str, Any],
    report: Report,
    given: Options,
    *,
    is_retry: bool = False,
) -> int:
    """Push with the options of a run, except for those of ``own`` and those given now."""
    place = f"run {record.name}"
    source = Source(Rank.ARGUMENT, place)
    fixed = {key: Given(value, source, f"{key} of {place}") for key, value in own.items()}
    left_out = _OF_INPUTS if is_retry else frozenset()
    kept = {key: value for key, value in record.options.items() if key not in left_out}
    options = strongest(fixed, given, restore(_OPTIONS, kept, place))
    settings, access = read(PushSettings, options), read(AccessSettings, options)
    if is_retry or record.retries:
        settings = _without_required_types(settings)
    profile = load_profile(access.profile, os.environ)
    stored = store(KEPT, options)
    origin = {"retries": record.name} if is_retry else {"load": record.load}
    summary = load_files(settings, access, report, profile, stored, origin)
    return report.exit_code(summary.exit_code)


def _without_required_types(settings: PushSettings) -> PushSettings:
    """The same, for files each of which has only some of the columns whose types are stated."""
    required = settings.shape.columns(settings.keys)
    csv = replace(settings.input.csv, required_columns=required)
    return replace(settings, input=replace(settings.input, csv=csv))
