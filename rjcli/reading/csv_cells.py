"""Cells become JSON: the exact text of their values, by the types of their columns.

Columns are worked on whole, hundreds of rows at a time.
"""

from collections.abc import Generator, Iterable, Mapping, Sequence
from itertools import repeat
from json.encoder import encode_basestring
from typing import Any, NamedTuple

from rjcli.errors import show_name
from rjcli.json_text import MalformedJsonError, parse_value
from rjcli.reading.column_types import fit
from rjcli.reading.csv_dialect import null_cells
from rjcli.settings.choices import ColumnType
from rjcli.settings.values import CsvSettings

_NULL = "null"
_MARK = "\x7f"  # JSON does not escape it, and hardly any text has it
_COLUMNS_AT_ONCE = 5000  # to work on before other tasks run


def _escape(values: Sequence[str]) -> Sequence[str] | None:
    """Values as JSON without its quotes, all at once; None if they have the mark between them."""
    joined = _MARK.join(values)
    if joined.count(_MARK) >= len(values):
        return None
    escaped = encode_basestring(joined)[1:-1]
    return values if len(escaped) == len(joined) else escaped.split(_MARK)


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
            texts = _escape(cells) if values is cells else None
            if texts:
                return _Column(texts, values, quote='"')
            return _Column([_quote(value) for value in values], values)
        texts = cells if values is cells else [value or _NULL for value in values]
        if type_ is ColumnType.JSON:
            return _Column(texts, self._parse(name, values, faults))
        present = cells if values is cells else [value for value in values if value is not None]
        if present and not fit(type_, present):
            for index, value in enumerate(values):
                if value is not None and not fit(type_, [value]):
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
