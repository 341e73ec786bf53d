"""The load file: TOML that names tables, and how each is pushed.

    profile = "shop"
    parallel = 2

    [[load]]
    table = "customers"
    keys = ["id"]
    files = "exports/customers-*.csv.gz"

The names are those of the options of ``rjcli push``, with hyphens or underscores. At the
top stand where the load goes, its own options, and defaults for all entries.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rjcli.api.base_url import is_table_name
from rjcli.errors import InputError, RjcliError, UsageError
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import Given
from rjcli.settings.kinds import quoted
from rjcli.settings.load import EntrySettings, LoadSettings
from rjcli.settings.option import Declared, options_of
from rjcli.settings.option_kinds import STDIN, is_types_path
from rjcli.settings.sources import Options, from_mapping
from rjcli.settings.values import PushSettings
from rjcli.toml_text import parse_toml

_MAX_BYTES = 4 * 2**20
_ENTRIES = "load"
_API_KEY = re.compile("api[-_]?key", re.IGNORECASE)

_ACCESS = {option.key: option for option in options_of(AccessSettings)}
_PUSH = {option.key: option for option in options_of(PushSettings, EntrySettings)}
_LOAD = {option.key: option for option in options_of(LoadSettings)}
_OF_LOAD = {"jobs", "rate_limit", "parallel"}  # what is of the whole load
_OF_COMMAND = {"resume", "run_dir", "dry_run"}
_OF_ENTRY = {"table", "files"}

_ENTRY_OPTIONS = [each for key, each in _PUSH.items() if key not in _OF_LOAD | _OF_COMMAND]
_TOP_OPTIONS = [
    *_ACCESS.values(),
    *((_PUSH | _LOAD)[key] for key in sorted(_OF_LOAD)),
    *(option for option in _ENTRY_OPTIONS if option.key not in _OF_ENTRY),
]


class LoadFileError(UsageError):
    """A load file has errors: all that were found. ``problems``: one at least."""

    def __init__(self, problems: Sequence[RjcliError]) -> None:
        first, *others = problems
        message = "; ".join(problem.message for problem in problems)
        super().__init__(message, hint=None if others else first.hint)
        self.problems = problems


class Problems:
    """Collects the errors of a load file, so that all can be shown at once."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._found: list[RjcliError] = []

    @contextmanager
    def collecting(self, place: str) -> Iterator[None]:
        """Keep a usage error of what is done within; it says its place, this one if no other."""
        try:
            yield
        except UsageError as error:
            if f"{self._path}, " not in error.message:
                error.message = f"{place}: {error.message}"
            self._found.append(error)

    def raise_if_any(self) -> None:
        """Raise LoadFileError if there were errors."""
        if self._found:
            raise LoadFileError(self._found)


@dataclass(frozen=True, slots=True)
class Entry:
    """One table of a load file. ``place``: where it stands; ``files``: names and patterns."""

    place: str
    table: str
    files: tuple[str, ...]
    given: Options


@dataclass(frozen=True, slots=True)
class LoadFile:
    """What a load file says. ``given``: what stands at its top."""

    path: str
    given: Options
    entries: Sequence[Entry]


def read_load_file(path: str, problems: Problems) -> LoadFile:
    """Read a load file; what is wrong with single options goes to the problems.

    Raises UsageError if it cannot be read, or is no load file at all.
    """
    text = _read(path)
    document = parse_toml(text, path)
    tables = document.pop(_ENTRIES, None)
    if not (tables and isinstance(tables, list) and all(isinstance(one, dict) for one in tables)):
        raise UsageError(
            f"{path} names no tables", hint="write an entry [[load]] for each; rjcli init makes one"
        )
    lines = _Lines(text, len(tables))
    reader = _Reader(path, problems)
    given = reader.options(document, _TOP_OPTIONS, lines.of_top, "")
    entries = [reader.entry(number, values, lines) for number, values in enumerate(tables)]
    return LoadFile(path, given, [*filter(None, entries)])


class _Reader:
    """Reads the options of one file, whose paths are relative to it."""

    def __init__(self, path: str, problems: Problems) -> None:
        self._path = path
        self._directory = Path(path).parent
        self._problems = problems

    def entry(self, number: int, values: Mapping[str, Any], lines: "_Lines") -> Entry | None:
        table = values.get("table")
        is_named = isinstance(table, str) and is_table_name(table)
        about = f" ({table})" if is_named else ""
        line = lines.of_entry(number)
        place = f"{self._path}, {f'line {line}' if line else f'entry {number + 1}'}{about}"
        given = self.options(values, _ENTRY_OPTIONS, partial(lines.of_entry, number), about)
        files: tuple[str, ...] | None = None
        for key in sorted(_OF_ENTRY - values.keys()):
            with self._problems.collecting(place):
                raise UsageError(f"this entry has no {key}", hint=_PUSH[key].help)
        if "files" in given:
            with self._problems.collecting(given["files"].name):
                files = _files(given["files"])
        if not is_named or files is None:
            self._read_all(given)
            return None
        return Entry(place, str(table), files, given)

    def options(
        self, values: Mapping[str, Any], known: Sequence[Declared], line_of: Any, about: str
    ) -> dict[str, Given]:
        """The options of a table of the file, each with the place where it stands."""
        found: dict[str, Given] = {}
        for name, value in values.items():
            key = name.replace("-", "_")
            line = line_of(name)
            place = f"{self._path}{f', line {line}' if line else ''}{about}"
            with self._problems.collecting(place):
                self._check_name(name, key, known)
                if key in found:
                    raise UsageError(f"{name} is there twice")
                found.update(from_mapping(known, {name: value}, place))
                if key in found and found[key].value is not None:
                    found[key] = self._relative_to_file(found[key], (_PUSH | _ACCESS | _LOAD)[key])
        return found

    def _check_name(self, name: str, key: str, known: Sequence[Declared]) -> None:
        """Raise UsageError for what stands in the wrong place; others are simply unknown."""
        if _API_KEY.fullmatch(name):
            raise UsageError(
                "a load file holds no API key",
                hint="set RJCLI_API_KEY, name a file by api-key-file, or a profile (rjcli login)",
            )
        if key in {option.key for option in known}:
            return
        if key in _OF_COMMAND:
            option = _LOAD[key]
            raise UsageError(f"{name} is given with the command: rjcli load … {option.flag}")
        if key in _OF_ENTRY:
            raise UsageError(f"{name} belongs in an entry [[load]]")
        if key in _ACCESS or key in _OF_LOAD:
            raise UsageError(f"{name} is of the whole load: write it at the top of the file")

    def _relative_to_file(self, given: Given, option: Declared) -> Given:
        """A path that is relative to the file, as it is relative to the working directory."""
        value = given.value
        if not option.kind.is_path or option.key == "files" or not isinstance(value, str):
            return given
        if option.key == "types_from" and not is_types_path(value):
            return given
        return Given(str(self._directory / value), given.source, given.name)

    def _read_all(self, given: Options) -> None:
        """See whether the values are good, where there will be no push that would find out."""
        for key, each in given.items():
            with self._problems.collecting(each.name):
                _PUSH[key].kind.require(each.name, each.value)


class _Lines:
    """Where the names of a load file stand, if it is written the usual way."""

    def __init__(self, text: str, entries: int) -> None:
        self._lines = text.split("\n")
        header = re.compile(rf"\s*\[\[\s*{_ENTRIES}\s*\]\]")
        starts = [number for number, line in enumerate(self._lines) if header.match(line)]
        self._starts = starts if len(starts) == entries else []

    def of_top(self, key: str) -> int | None:
        """The 1-based line of a name at the top; None if it is not known."""
        end = self._starts[0] if self._starts else len(self._lines)
        return self._find(key, 0, end)

    def of_entry(self, number: int, key: str = "") -> int | None:
        """The 1-based line of an entry, or of a name in it."""
        if not self._starts:
            return None
        start = self._starts[number]
        end = [*self._starts, len(self._lines)][number + 1]
        return (self._find(key, start, end) if key else None) or start + 1

    def _find(self, key: str, start: int, end: int) -> int | None:
        name = rf"""["']?{re.escape(key)}["']?\s*"""
        entry = re.compile(rf"\s*(?:{name}[=.]|\[\s*(?:{_ENTRIES}\s*\.\s*)?{name}\])")
        found = (number for number in range(start, end) if entry.match(self._lines[number]))
        return next((number + 1 for number in found), None)


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise UsageError(f"{path} is too long for a load file")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is none"
        hint = "rjcli init DIR writes one for the files of a folder"
        raise InputError(f"cannot read {path}: {reason}", hint=hint) from None


def _files(given: Given) -> tuple[str, ...]:
    files: tuple[str, ...] = _PUSH["files"].kind.require(given.name, given.value)
    if not files or STDIN in files:
        raise UsageError(f"{given.name} must name files or patterns, not {quoted(given.value)}")
    return files
