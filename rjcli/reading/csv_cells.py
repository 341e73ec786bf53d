"""Cells become JSON: which type a column has, and the exact text of its values.

Columns are worked on whole, hundreds of rows at a time: joined into one text, a
column is checked by a single match.
"""

import re
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from rjcli.errors import show_name
from rjcli.json_text import MalformedJsonError, parse_value
from rjcli.reading.csv_dialect import null_cells
from rjcli.settings.choices import ColumnType
from rjcli.settings.values import CsvSettings

_NULL = "null"
_COLUMNS_AT_ONCE = 5000  # to work on before other tasks run
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


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
_DETECTED = {type_: _column_of(value) for type_, value in _PLAIN.items()}
# What can be sent as it stands where the column is pinned to the type.
_FITTING = {
    ColumnType.BOOLEAN: _column_of("true|false"),
    ColumnType.INTEGER: _column_of("-?(?:0|[1-9][0-9]*)"),
    ColumnType.NUMBER: _column_of(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"),
}


class TypeDetector:
    """Finds the types of columns from all of their values.

    A column is a boolean, an integer or a number only if every value that is
    not empty plainly is one; otherwise, and without any value, it is a string.
    """

    def __init__(self, settings: CsvSettings) -> None:
        self._nulls = null_cells(settings)
        self._pinned = settings.types
        self._candidates: dict[str, list[ColumnType]] = {}
        self._seen: set[str] = set()  # columns with a value that is not empty

    def observe(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[None]:
        """Take in rows that are as long as the header. Yields None after many columns."""
        for number, (name, column) in enumerate(zip(header, zip(*rows, strict=True), strict=False)):
            if number % _COLUMNS_AT_ONCE == _COLUMNS_AT_ONCE - 1:
                yield None
            candidates = self._candidates.setdefault(
                name, [] if name in self._pinned else [*_DETECTED]
            )
            if not candidates:
                continue
            values = [*filter(None, column)]
            if self._nulls:
                values = [value for value in values if value not in self._nulls]
            if values:
                self._seen.add(name)
                candidates[:] = [type_ for type_ in candidates if _all_are(type_, values)]

    def types(self) -> dict[str, ColumnType]:
        """The type of each column seen; the pinned ones as they are pinned."""
        return {
            name: self._pinned.get(name)
            or (candidates[0] if candidates and name in self._seen else ColumnType.STRING)
            for name, candidates in self._candidates.items()
        }


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


def _need_no_escapes(values: Sequence[str]) -> bool:
    """Whether quotes around them make them JSON; for speed, without a look at each."""
    joined = "".join(values)
    return '"' not in joined and "\\" not in joined and joined.isprintable()


def _quote(value: str | None) -> str:
    return _NULL if value is None else encode_basestring(value)


class _Column(NamedTuple):
    """A column's cells as JSON and as values; ``quote`` belongs on both sides of each text."""

    texts: Sequence[str]
    values: Sequence[Any]
    quote: str = ""


class Encoded(NamedTuple):
    """Rows as JSON; their values by column; and what does not fit, by the index of the row."""

    jsons: list[bytes]
    values: Mapping[str, Sequence[Any]]
    faults: Mapping[int, str]


class CellEncoder:
    """Writes rows as JSON objects: numbers and booleans with their own text, strings quoted.

    ``types`` names the columns that are no strings. Their empty cells are null;
    those of string columns are empty strings unless the settings say otherwise.
    """

    def __init__(
        self, header: Sequence[str], types: Mapping[str, ColumnType], settings: CsvSettings
    ) -> None:
        self._header = tuple(header)
        self._types = [types.get(name, ColumnType.STRING) for name in header]
        self._nulls = null_cells(settings)
        self._empty_null = settings.empty_null
        # The text before each value in a record's JSON.
        self._leads = [f",{encode_basestring(name)}:" for name in header]
        self._leads[0] = "{" + self._leads[0][1:]

    def encode(self, rows: Sequence[Sequence[str]]) -> Generator[None, None, Encoded]:
        """Encode rows that are as long as the header. Yields None after many columns."""
        if not rows:
            return Encoded([], {}, {})
        faults: dict[int, str] = {}
        columns: dict[str, _Column] = {}
        for name, type_, cells in zip(
            self._header, self._types, zip(*rows, strict=True), strict=True
        ):
            columns[name] = self._encode_column(name, type_, cells, faults)
            if len(columns) % _COLUMNS_AT_ONCE == 0:
                yield None
        parts: list[Iterable[str]] = []
        quote = ""  # that ends the value before
        for lead, column in zip(self._leads, columns.values(), strict=True):
            parts += [repeat(quote + lead + column.quote), column.texts]
            quote = column.quote
        # The loops are in map, for they run once for each record.
        jsons = map(str.encode, map("".join, zip(*parts, repeat(quote + "}"), strict=False)))
        values = {name: column.values for name, column in columns.items()}
        return Encoded([*jsons], values, faults)

    def _encode_column(
        self, name: str, type_: ColumnType, cells: Sequence[str], faults: dict[int, str]
    ) -> _Column:
        """Encode a column; what does not fit goes into ``faults``."""
        is_empty_null = self._empty_null or type_ is not ColumnType.STRING
        nulls = self._nulls | {""} if is_empty_null else self._nulls
        values: Sequence[str | None] = cells
        if any(null in cells for null in nulls):  # quicker than to hash the cells
            values = [None if cell in nulls else cell for cell in cells]
        if type_ is ColumnType.STRING:
            if values is cells and _need_no_escapes(cells):
                return _Column(cells, cells, quote='"')
            return _Column([_quote(value) for value in values], values)
        texts = cells if values is cells else [value or _NULL for value in values]
        if type_ is ColumnType.JSON:
            return _Column(texts, self._parse(name, values, faults))
        present = cells if values is cells else [value for value in values if value is not None]
        if present and not _matches(_FITTING[type_], present):
            for index, value in enumerate(values):
                if value is not None and not _matches(_FITTING[type_], [value]):
                    faults[index] = f"the value in column {show_name(name)} is no {type_}"
        return _Column(texts, values)

    def _parse(
        self, name: str, values: Sequence[str | None], faults: dict[int, str]
    ) -> Sequence[Any]:
        parsed: list[Any] = []
        for index, value in enumerate(values):
            try:
                parsed.append(None if value is None else parse_value(value.encode()))
            except MalformedJsonError as error:
                parsed.append(None)
                faults[index] = f"column {show_name(name)} is not JSON: {error.reason}"
        return parsed
