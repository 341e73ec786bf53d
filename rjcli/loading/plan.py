"""The plan of a load: everything that can be known, and checked, before anything is sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rjcli.credentials.config_file import Profile
from rjcli.credentials.profiles import load_profile
from rjcli.engine.description import KEPT
from rjcli.errors import UsageError
from rjcli.loading.file import Entry, LoadFile, LoadFileError, Problems, read_load_file
from rjcli.loading.files import find_files
from rjcli.run import RunRecord, state_directory
from rjcli.run.table_types import open_types
from rjcli.settings.choices import Resume
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.kinds import nearest, quoted
from rjcli.settings.load import EntrySettings, LoadSettings, Missing
from rjcli.settings.option import options_of
from rjcli.settings.read import read
from rjcli.settings.sources import Options, strongest
from rjcli.settings.stored import restore, store
from rjcli.settings.values import DeliverySettings, PushSettings

_ACCESS = {option.key for option in options_of(AccessSettings)}
_OF_RUN = {"run_dir", "dry_run"}
_TABLES = "tables"  # the directory of their runs, in that of a load that has been named
_KEPT = [
    option
    for option in options_of(LoadSettings, DeliverySettings, AccessSettings)
    if not (option.is_positional or option.key in _OF_RUN)
]
"""The options that the run of a load keeps, to be resumed with."""

__all__ = ["LoadFileError", "Plan", "TablePlan", "plan_load", "plan_rest"]


@dataclass(frozen=True, slots=True)
class TablePlan:
    """What is pushed to one table. ``options``: the same as JSON values, for its run to keep."""

    settings: PushSettings
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """A load that is ready to begin.

    ``settings``: of the load; ``limits``: its jobs and rate limit are those of all tables
    together. ``skipped``: tables without files, which may be missing. ``earlier``: the run of
    a load whose rest this is; None: all is to be loaded. ``options``: for its run to keep.
    """

    settings: LoadSettings
    access: AccessSettings
    profile: Profile | None
    limits: DeliverySettings
    options: Mapping[str, Any]
    tables: Sequence[TablePlan]
    skipped: Sequence[str] = ()
    earlier: RunRecord | None = None


def plan_load(settings: LoadSettings, given: Options, environ: Mapping[str, str]) -> Plan:
    """Plan what a load file says. ``given``: what was given with the command.

    Raises LoadFileError with all errors that its entries have, and UsageError.
    """
    problems = Problems(settings.file)
    file = read_load_file(settings.file, problems)
    _check_tables(file, settings.tables, problems)
    problems.raise_if_any()
    profile, top = _with_profile(strongest(given, file.given), environ)
    access = read(AccessSettings, top)
    with problems.collecting(settings.file):
        settings, limits = read(LoadSettings, top), read(DeliverySettings, top)
    problems.raise_if_any()
    tables, skipped = [], []
    for entry in file.entries:
        if settings.tables and entry.table not in settings.tables:
            continue
        with problems.collecting(entry.place):
            files = _files(entry, settings, strongest(entry.given, file.given))
            if files:
                own = _own(entry.table, settings, files)
                table = _plan_table(strongest(own, given, entry.given, top))
                _check_types(table.settings.input.csv.types_from, environ)
                tables.append(table)
            else:
                skipped.append(entry.table)
    problems.raise_if_any()
    return Plan(settings, access, profile, limits, store(_KEPT, top), tables, skipped)


def plan_rest(record: RunRecord, given: Options, environ: Mapping[str, str]) -> Plan:
    """Plan what is left of a load, from what its run has kept. Raises UsageError."""
    place = f"run {record.name}"
    stored = restore(_KEPT, record.options, place)
    profile, top = _with_profile(strongest(given, stored), environ)
    mode = top["resume"].value if "resume" in top else Resume.OFF
    own = _fixed({"file": record.job["load"], "resume": "on", "run_dir": str(record.directory)})
    tables = []
    for table, run in record.table_runs().items():
        if run is False or (run is not True and not record.is_left(run)):
            continue
        left: dict[str, Any] = {"resume": mode}
        if run is not True:
            left = {"resume": "on", "run_dir": str(run.directory)}
        elif not record.is_in_state:
            left["run_dir"] = str(record.directory / _TABLES / table)
        kept = restore(KEPT, (record.tables or {})[table], place)
        tables.append(_plan_table(strongest(_fixed(left), given, kept)))
    return Plan(
        read(LoadSettings, strongest(own, top)),
        read(AccessSettings, top),
        profile,
        read(DeliverySettings, top),
        record.options,
        tables,
        earlier=record,
    )


def _plan_table(given: Options) -> TablePlan:
    return TablePlan(read(PushSettings, given), store(KEPT, given))


def _check_types(types_from: str | None, environ: Mapping[str, str]) -> None:
    """Raise UsageError if column types are not where they are said to be."""
    if types_from:
        known = open_types(None, state_directory(environ), types_from, None).known
        if known.error:
            raise known.error


def _with_profile(given: Options, environ: Mapping[str, str]) -> tuple[Profile | None, Options]:
    """The profile, and the options with where it pushes: its table and keys are of no load."""
    name = read(AccessSettings, {key: given[key] for key in given.keys() & {"profile"}}).profile
    profile = load_profile(name, environ)
    found = profile.given() if profile else {}
    access = {key: value for key, value in found.items() if key in _ACCESS}
    return profile, strongest(given, access)


def _own(table: str, settings: LoadSettings, files: tuple[str, ...]) -> Options:
    """What the load says of a table's push."""
    directory = settings.run.directory
    return _fixed(
        {
            "files": files,
            "resume": "auto" if settings.run.resume else "off",
            **({"run_dir": str(Path(directory, _TABLES, table))} if directory else {}),
            **({"dry_run": True} if settings.dry_run else {}),
        }
    )


def _fixed(values: Mapping[str, Any]) -> dict[str, Given]:
    return {key: Given(value, Source(Rank.ARGUMENT), key) for key, value in values.items()}


def _files(entry: Entry, settings: LoadSettings, given: Options) -> tuple[str, ...]:
    missing = read(EntrySettings, given).missing is Missing.SKIP
    directory = Path(settings.file).parent
    return tuple(find_files(entry.files, directory, may_be_missing=missing))


def _check_tables(file: LoadFile, wanted: Iterable[str], problems: Problems) -> None:
    first: dict[str, Entry] = {}
    for entry in file.entries:
        with problems.collecting(entry.place):
            if entry.table in first:
                place = first[entry.table].place.removeprefix(f"{file.path}, ")
                raise UsageError(
                    f"there is another entry for this table, {place.split(' (')[0]}: records of"
                    " the two could overtake each other",
                    hint="name all files of a table in one entry, in their order",
                )
            first[entry.table] = entry
    for table in wanted:
        with problems.collecting(file.path):
            if table not in first:
                known = [*first]
                raise UsageError(f"no entry for table {quoted(table)}{nearest(table, known)}")
