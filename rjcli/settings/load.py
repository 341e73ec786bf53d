"""What a load of many tables takes: from its command line, and from each entry of its file."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Self

from msgspec import Struct
from msgspec.structs import replace

from rjcli.errors import UsageError
from rjcli.settings.given import Given
from rjcli.settings.kinds import Kind, choice, path, whole
from rjcli.settings.lists import names
from rjcli.settings.option import Group, Option
from rjcli.settings.values import DryRun, RunSettings

_NAMES = names("TABLE")
_TABLES: Kind = replace(_NAMES, parse=lambda given: _NAMES.parse(given) if given else ())


class Missing(StrEnum):
    """What becomes of an entry whose files are not there."""

    ERROR = "error"
    SKIP = "skip"


class LoadSettings(Struct, frozen=True, kw_only=True):
    """Which tables to load. ``tables`` empty: all of the file."""

    group: ClassVar = Group("Load", "Which tables are loaded; their file says how.")

    file: Annotated[
        str,
        Option(
            "File that says which tables to load, and how.",
            replace(path("FILE"), metavar="FILE.toml"),
            is_positional=True,
        ),
    ]
    tables: Annotated[
        tuple[str, ...],
        Option("Tables to load; all of the file, if none is named.", _TABLES, is_positional=True),
    ] = ()
    parallel: Annotated[int, Option("Tables at a time.", whole(1, 64))] = 4
    dry_run: DryRun = False
    run: RunSettings = RunSettings()

    def checked(self, given: Mapping[str, Given]) -> Self:
        """The same. Raises UsageError for contradictions."""
        for key, value in (("resume", self.run.resume), ("run_dir", self.run.directory)):
            if self.dry_run and value:
                raise UsageError(
                    f"{given['dry_run'].name} and {given[key].name} exclude each other",
                    hint="a dry run leaves nothing to resume",
                )
        return self


class EntrySettings(Struct, frozen=True, kw_only=True):
    """What an entry of a load file says beside the options of its push."""

    group: ClassVar = Group("Entry", "Of one table in a load file.")

    missing: Annotated[Missing, Option("What to do if there are no files.", choice(Missing))] = (
        Missing.ERROR
    )


class InitSettings(Struct, frozen=True, kw_only=True):
    """Which folder to look at. ``output`` None: the load file goes to stdout."""

    group: ClassVar = Group("Init", "Which files are looked at, and where the load file goes.")

    directory: Annotated[
        str, Option("Folder whose files are looked at.", path("DIR"), is_positional=True)
    ]
    output: Annotated[
        str | None,
        Option(
            "File to write, which must not be there yet.",
            path("FILE.toml"),
            "-o",
            shown="stdout",
        ),
    ] = None
