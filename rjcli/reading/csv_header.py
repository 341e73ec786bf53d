"""The header of a CSV: which columns there are, under which names, and which are left out."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import compress
from operator import itemgetter, ne

from rjcli.errors import show_name, show_names
from rjcli.reading.csv_dialect import NULL
from rjcli.settings.choices import HeaderEmpty
from rjcli.settings.values import CsvSettings

_INDEX = re.compile(r"0|[1-9][0-9]{0,17}")
# What a column is called. A header that has anything else may be a row of values.
_NAME = re.compile(r"(?!.*[0-9]{4})[^\W\d][^@\x00-\x1f]{0,63}")
_FIRST_LINE = (
    "the first line must name every column, each differently; if it is a row of values, say"
    " --no-header --columns a,b and so on"
)


class BadHeaderError(ValueError):
    """A header that cannot be used; ``reason`` and ``hint`` are for people."""

    def __init__(self, reason: str, hint: str = _FIRST_LINE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Header:
    """The columns of a file. ``names``: of those that are kept; ``width``: with the others.

    A column without a name is left out, if it has nothing in it but an index of
    the rows: integers that ascend from 0 or 1.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = [name for name in names if name]
        self.width = len(names)
        self.rows_checked = 0
        self._all_names = names
        self._nameless = [index for index, name in enumerate(names) if not name]
        self._last: dict[int, int] = {}  # index of a row, by the column without a name

    @property
    def keeps_all(self) -> bool:
        """Whether every column has a name."""
        return not self._nameless

    def describe(self, column: int) -> str:
        """A column for a message, by its name or position."""
        name = self._all_names[column]
        return f"column {show_name(name) if name else column + 1}"

    def keep(self, cells: Sequence[str]) -> list[str]:
        """The cells of a row in the columns that are kept."""
        return [*compress(cells, self._all_names)]

    def check(self, cells: Sequence[str]) -> None:
        """Raise BadHeaderError if a row has a value in a column that would be left out."""
        self.rows_checked += 1
        for column in self._nameless:
            cell = cells[column]
            if not cell:
                continue
            index = int(cell) if _INDEX.fullmatch(cell) else -1
            last = self._last.get(column)
            if not (last < index if last is not None else 0 <= index <= 1):
                raise _unnamed(column, "has no name, and more than an index in it")
            self._last[column] = index


def read_header(cells: Sequence[str], settings: CsvSettings, note: Callable[[str], None]) -> Header:
    """Make the header of a file from its first row. ``note``: called with what users should know.

    Raises BadHeaderError.
    """
    names = _names(cells, settings, note)
    positions = {
        position: name
        for position, name in settings.renamed_positions.items()
        if str(position) not in names
    }
    for position, name in positions.items():
        if not 1 <= position <= len(names):
            raise BadHeaderError(
                f"there is no column {position:,} to call {show_name(name)}, only {len(names):,}"
            )
        names[position - 1] = name
    _fill_empty(names, settings.header_empty, note)
    _check_repeated(names)
    known = {*names, *map(str, positions)}
    for column in settings.required_columns:
        if column not in known:
            columns = f"; there are {show_names(names)}" if all(map(_NAME.fullmatch, names)) else ""
            raise BadHeaderError(f"there is no column {show_name(column)}{columns}")
    return Header(names)


def _names(cells: Sequence[str], settings: CsvSettings, note: Callable[[str], None]) -> list[str]:
    """The names of all columns, as the header or the settings have them."""
    if settings.column_names:
        if len(settings.column_names) != len(cells):
            raise BadHeaderError(
                f"there are {len(cells):,} columns, and names for {len(settings.column_names):,}",
                "name every column with --columns",
            )
        return [*settings.column_names]
    if not settings.header:
        return [f"column_{number}" for number in range(1, len(cells) + 1)]
    cells = [cell.replace(NULL, r"\N") for cell in cells]  # a name is no value
    names = [cell.strip() for cell in cells]
    if spaced := sum(map(ne, names, cells)):
        note(f"spaces around the names of columns are left out, in {spaced:,} of them")
    return names


def _fill_empty(names: list[str], setting: HeaderEmpty, note: Callable[[str], None]) -> None:
    """Name the columns without a name, or leave them so, to be left out."""
    empty = [index for index, name in enumerate(names) if not name]
    if setting is HeaderEmpty.NAME:
        for index in empty:
            names[index] = f"column_{index + 1}"
    elif empty and setting is HeaderEmpty.ERROR:
        raise _unnamed(empty[0], "has no name")
    elif len(empty) == len(names):
        raise BadHeaderError("no column has a name")
    elif empty:
        more = f" and {len(empty) - 1:,} more" if len(empty) > 1 else ""
        note(f"column {empty[0] + 1}{more}: without a name, and left out")


def _check_repeated(names: Sequence[str]) -> None:
    name, times = max(Counter(filter(None, names)).items(), key=itemgetter(1))
    if times > 1:
        first = names.index(name)
        second = names.index(name, first + 1)
        shown = f": {show_name(name)}" if _NAME.fullmatch(name) else ""
        raise BadHeaderError(
            f"columns {first + 1:,} and {second + 1:,} have the same name{shown}",
            f"name one of them by its position, as in --rename {second + 1}=name",
        )


def _unnamed(column: int, fault: str) -> BadHeaderError:
    position = column + 1
    return BadHeaderError(
        f"column {position} {fault}",
        f"name it by its position, as in --rename {position}=name, or every column without a name"
        " by --header-empty name",
    )
