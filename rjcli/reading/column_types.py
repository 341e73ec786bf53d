"""Types of a CSV's columns: what all of its values plainly are, and whether they fit known types.

Columns are worked on whole, hundreds of rows at a time: joined into one text, a
column is checked by a single match.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rjcli.errors import InputError, show_name
from rjcli.json_text import MalformedJsonError, parse_value
from rjcli.reading.attempts import Attempts
from rjcli.reading.csv_dialect import Syntax, null_cells, rows_pattern
from rjcli.reading.known_types import KnownTypes
from rjcli.settings.choices import ColumnType
from rjcli.settings.lists import join_names
from rjcli.settings.values import CsvSettings

_COLUMNS_AT_ONCE = 5000  # to work on before other tasks run
_MOST_IN_A_PATTERN = 50  # columns, as making one takes its time
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1
_MOST_SHOWN = 10  # columns, in an error
_LONGEST_OPTION = 400  # characters, in a hint to copy

Place = Callable[[int], tuple[str, int]]
"""Returns the file and the line of a row, by its index."""


def _column_of(value: str) -> re.Pattern[str]:
    """A pattern for a whole column of such values, joined by line ends.

    The part that is repeated is atomic: with another, Python before 3.11.5 is wrong.
    """
    return re.compile(rf"(?>(?:{value})\n)*+(?:{value})")


# What a cell plainly is. The longest integers are looked at one by one.
_PLAIN_INTEGER = r"0|-?[1-9][0-9]{0,17}"
_PLAIN_DECIMAL = r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]+"
_LONG_INTEGER = re.compile(r"-?[1-9][0-9]{18}")
_PLAIN = {
    ColumnType.BOOLEAN: "true|false",
    ColumnType.INTEGER: _PLAIN_INTEGER,
    ColumnType.NUMBER: f"{_PLAIN_INTEGER}|{_PLAIN_DECIMAL}",
}
_NO_VALUE = "(?!)"
_DETECTED = {type_: _column_of(value) for type_, value in _PLAIN.items()}
# What can be sent as it stands where the column is known to have the type.
_FITTING = {
    ColumnType.BOOLEAN: _column_of("true|false"),
    ColumnType.INTEGER: _column_of("-?(?:0|[1-9][0-9]*)"),
    ColumnType.NUMBER: _column_of(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
}


class _Misfit(NamedTuple):
    """The first value of a column that does not fit the known type."""

    known: ColumnType
    file: str
    line: int


class TypeDetector:
    """Finds the types of columns from all of their values.

    A column is a boolean, an integer or a number only if every value that is
    not empty plainly is one; otherwise, and without any value, it is a string.

    A column keeps its known type; ``check`` raises an error where values do not fit it.
    What the settings say of a column beats both.
    """

    def __init__(self, settings: CsvSettings, known: KnownTypes | None = None) -> None:
        self._settings = settings
        self._nulls = null_cells(settings)
        self._known = known or KnownTypes()
        self._candidates: dict[str, list[ColumnType]] = {}
        self._to_check: dict[str, ColumnType] = {}
        self._misfits: dict[str, _Misfit] = {}
        self._seen: set[str] = set()  # columns with a value that is not empty
        self._attempts = Attempts()  # to accept rows

    def add_columns(self, names: Sequence[str]) -> bool:
        """Take in the names of columns; return whether their types depend on their values."""
        is_open = False
        for name in names:
            stated, known = self._stated(name), self._known.types.get(name)
            depends = stated is None and known is not ColumnType.STRING
            is_open |= depends
            if name not in self._candidates:
                self._candidates[name] = [*_DETECTED] if depends else []
                if depends and known:
                    self._to_check[name] = known
        return is_open

    def observe(
        self, names: Sequence[str], rows: Sequence[Sequence[str]], place: Place
    ) -> Iterator[None]:
        """Take in rows, which are as long as ``names``. Yields None after many columns."""
        self.add_columns(names)
        for number, (name, cells) in enumerate(zip(names, zip(*rows, strict=True), strict=False)):
            if number % _COLUMNS_AT_ONCE == _COLUMNS_AT_ONCE - 1:
                yield None
            candidates, known = self._candidates[name], self._to_check.get(name)
            if not candidates and known is None:
                continue
            values = [*filter(None, cells)]
            if self._nulls:
                values = [value for value in values if value not in self._nulls]
            if not values:
                continue
            self._seen.add(name)
            candidates[:] = [type_ for type_ in candidates if _all_are(type_, values)]
            if known and known not in candidates and not fit(known, values):
                index = next(index for index, cell in enumerate(cells) if self._is_bad(cell, known))
                self._misfits[name] = _Misfit(known, *place(index))
                del self._to_check[name]

    def accepts(self, names: Sequence[str], syntax: Syntax, lines: str) -> bool:
        """Whether lines are rows that change nothing, in a third of the time to observe them."""
        if self._nulls or len(names) > _MOST_IN_A_PATTERN or not self._attempts.is_due():
            return False
        self.add_columns(names)
        pattern = rows_pattern(syntax, [*map(self._cell_pattern, names)])
        if pattern and pattern.fullmatch(lines):
            self._attempts.succeed()
            return True
        self._attempts.fail()
        return False

    def _cell_pattern(self, name: str) -> str | None:
        """A pattern for the values of a column that change nothing; None: any value."""
        candidates, known = self._candidates[name], self._to_check.get(name)
        if candidates and name in self._seen:
            return _PLAIN[candidates[0]]
        return _NO_VALUE if candidates or known else None

    def types(self) -> dict[str, ColumnType]:
        """The type of each column: what the settings say, the known type, or else the found one."""
        return {
            name: self._stated(name) or self._known.types.get(name) or self._found(name)
            for name in self._candidates
        }

    @property
    def without_values(self) -> tuple[str, ...]:
        """Columns that only count as strings because they have no value."""
        return tuple(
            name
            for name, candidates in self._candidates.items()
            if candidates and name not in self._seen and name not in self._known.types
        )

    @property
    def note(self) -> str | None:
        """What users should know of columns that the settings say are not of their known type."""
        known = self._known.types
        stated = {name: self._stated(name) for name in self._candidates if name in known}
        changed = [
            f"column {show_name(name)} is {known[name]} in {self._known.source}, and {type_} now"
            for name, type_ in stated.items()
            if type_ not in {None, known[name]}
        ]
        return _listed(changed) if changed else None

    def check(self) -> None:
        """Raise InputError if there are values that do not fit a known type."""
        if not self._misfits:
            return
        shown = [
            f"{misfit.file}, line {misfit.line}: column {show_name(name)} is {misfit.known} in"
            f" {self._known.source}, and {self._found(name)} here"
            for name, misfit in self._misfits.items()
        ]
        # What a file or a run says does not change with that.
        until = "" if self._settings.types_from else " to keep that type from now on"
        raise InputError(
            _listed(shown),
            hint=f"push with {self._option()}{until}, or with --types-from none to find all types"
            " anew, for this push only",
            is_resumable=False,
        )

    def _option(self) -> str:
        """The option that allows the types that were found, to copy if it is short enough."""
        pairs = ",".join(f"{join_names([name])}={self._found(name)}" for name in self._misfits)
        is_short = len(pairs) <= _LONGEST_OPTION and pairs.isprintable()
        return f"--type {shlex.quote(pairs) if is_short else 'COLUMN=TYPE'}"

    def _stated(self, name: str) -> ColumnType | None:
        """The type that the settings say a column has; None if they do not."""
        is_chosen = self._settings.types_from and name in self._known.types
        default = None if self._settings.detect_types or is_chosen else ColumnType.STRING
        return self._settings.types.get(name, default)

    def _found(self, name: str) -> ColumnType:
        candidates = self._candidates[name]
        return candidates[0] if candidates and name in self._seen else ColumnType.STRING

    def _is_bad(self, cell: str, known: ColumnType) -> bool:
        return bool(cell) and cell not in self._nulls and not fit(known, [cell])


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _MOST_SHOWN
    return "; ".join(texts[:_MOST_SHOWN]) + (f"; and {more:,} more columns" if more > 0 else "")


def fit(type_: ColumnType, values: Sequence[str]) -> bool:
    """Whether all values, of which there is one at least, can be sent as they stand."""
    if type_ in _FITTING:
        return _matches(_FITTING[type_], values)
    return type_ is ColumnType.STRING or all(map(_is_json, values))


def _is_json(value: str) -> bool:
    try:
        parse_value(value.encode())
    except MalformedJsonError:
        return False
    return True


def _all_are(type_: ColumnType, values: Sequence[str]) -> bool:
    if _matches(_DETECTED[type_], values):
        return True
    if type_ is ColumnType.BOOLEAN:
        return False
    # Integers of 19 digits, some of which are past 64 bits, are not in the pattern.
    others = [value for value in values if not _is_long_integer(value)]
    return len(others) < len(values) and (not others or _matches(_DETECTED[type_], others))


def _is_long_integer(value: str) -> bool:
    return bool(_LONG_INTEGER.fullmatch(value)) and _MIN_INTEGER <= int(value) <= _MAX_INTEGER


def _matches(pattern: re.Pattern[str], values: Sequence[str]) -> bool:
    joined = "\n".join(values)
    # A line end within a value would pass for two values.
    return bool(pattern.fullmatch(joined)) and joined.count("\n") == len(values) - 1
