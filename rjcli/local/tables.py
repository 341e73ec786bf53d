"""A pushed table in SQL: its names, its statements, and what is written into it.

The records are in a table of the store's own. People read them through a view, with
a column for each field. A new field thus costs one statement, however many records
there are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

import msgspec
import orjson

from rjcli.local.records import Record

# SQLite allows a view 2,000 columns. Fields beyond these stay in the lossless record.
MAX_COLUMNS = 1900

SCHEMA = """
    CREATE TABLE _rjcli_tables (
        number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sql_name TEXT NOT NULL UNIQUE,
        keys TEXT NOT NULL, fields TEXT NOT NULL
    )
"""
READ_TABLES = "SELECT number, name, sql_name, keys, fields FROM _rjcli_tables"

_INTERNAL_PREFIX = "_rjcli_"
_MAX_NAME_CHARACTERS = 100


@dataclass(slots=True)
class Table:
    """A row of `_rjcli_tables`.

    ``sql_name`` is the view's. ``labels`` maps each field to its name in `cells`,
    an object of a record's values, which is its place among the fields.
    """

    number: int
    name: str
    sql_name: str
    keys: tuple[str, ...]
    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def from_row(cls, row: tuple[object, ...]) -> Self:
        """Read a row of READ_TABLES. Raises msgspec.MsgspecError if it is damaged."""
        number, name, sql_name, keys, fields = msgspec.convert(row, tuple[int, str, str, str, str])
        names = msgspec.json.decode(fields, type=list[str])
        labels = {each: str(place) for place, each in enumerate(names)}
        return cls(number, name, sql_name, msgspec.json.decode(keys, type=tuple[str, ...]), labels)

    @property
    def source(self) -> str:
        """The SQL table that holds the records."""
        return f"{_INTERNAL_PREFIX}records_{self.number}"

    @property
    def schema(self) -> str:
        """The statement that makes it."""
        return (
            f"CREATE TABLE {self.source} (number INTEGER PRIMARY KEY,"
            " key TEXT NOT NULL UNIQUE, record TEXT NOT NULL, cells TEXT NOT NULL)"
        )

    @property
    def view(self) -> str:
        """The statement that makes the view: rows in the order in which their keys came."""
        columns = ", ".join(
            f"""json_extract(cells, '$."{label}"') AS {quoted_name(column)}"""
            for label, column in zip(self.labels.values(), column_names(self.labels), strict=True)
        )
        name = quoted_name(self.sql_name)
        return f"CREATE VIEW {name} AS SELECT {columns} FROM {self.source} ORDER BY number"  # noqa: S608 -- quoted

    def add_fields(self, records: Iterable[Record]) -> bool:
        """Take in the fields that records have; return whether there are new ones."""
        before = len(self.labels)
        for record in records:
            if not record.values.keys() <= self.labels.keys():
                for each in record.values:
                    if len(self.labels) < MAX_COLUMNS:
                        self.labels.setdefault(each, str(len(self.labels)))
        return len(self.labels) > before

    def upsert(self, records: Sequence[Record]) -> tuple[str, list[str]]:
        """The statement that writes records, and its parameters."""
        parameters: list[str] = []
        for record in records:
            key = f"[{','.join(record.key[each] for each in self.keys)}]"
            parameters += key, record.text, self._cells(record)
        return _upsert_statement(self.source, len(records)), parameters

    def _cells(self, record: Record) -> str:
        labels = self.labels
        cells = {labels[each]: value for each, value in record.values.items() if each in labels}
        return orjson.dumps(cells).decode()


def view_name(table: str, taken: Iterable[str]) -> str:
    """Choose the SQL name of a pushed table; ``taken``: the names in use."""
    is_reserved = table.lower().startswith(("sqlite_", _INTERNAL_PREFIX))
    return _distinct([*taken, f"table_{table}" if is_reserved else table])[-1]


def column_names(fields: Iterable[str]) -> list[str]:
    """Choose the columns' names for fields. A field's depends on those before it alone."""
    return _distinct(each.replace("\0", "\N{SYMBOL FOR NULL}") for each in fields)


def quoted_name(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _distinct(wanted: Iterable[str]) -> list[str]:
    """Cut long names, and number those that are one for SQLite, which ignores case."""
    names: dict[str, str] = {}
    numbers: dict[str, int] = {}
    for each in wanted:
        short = name = each[:_MAX_NAME_CHARACTERS]
        while name.lower() in names:
            numbers[short.lower()] = numbers.get(short.lower(), 1) + 1
            name = f"{short}_{numbers[short.lower()]}"
        names[name.lower()] = name
    return [*names.values()]


@lru_cache
def _upsert_statement(source: str, count: int) -> str:
    # One for all records: Python may hand the processor to another thread after each statement.
    marks = ", ".join(["(?, ?, ?)"] * count)
    return (
        f"INSERT INTO {source} (key, record, cells) VALUES {marks}"  # noqa: S608 -- a number
        " ON CONFLICT DO UPDATE SET record = excluded.record, cells = excluded.cells"
    )
