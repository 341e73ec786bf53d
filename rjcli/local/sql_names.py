"""Names for SQL: any field or table name becomes one that SQLite takes.

SQLite's names ignore ASCII case, hold no NUL, and leave `sqlite_…` to SQLite.
Names that need no change get none.
"""

from collections.abc import Collection

INTERNAL_PREFIX = "_rjcli_"

# A column of this name would hide the row number that ties a row to its record.
ROW_NUMBER = "_rowid_"

_MAX_CHARACTERS = 100


def table_name(table: str, taken: Collection[str]) -> str:
    """Choose the SQL table for a pushed table; ``taken`` holds the names in use, folded."""
    reserved = fold(table).startswith(("sqlite_", INTERNAL_PREFIX))
    return _free_name(f"table_{table}" if reserved else table, taken)


def column_name(field: str, taken: Collection[str]) -> str:
    """Choose the column for a field; ``taken`` holds the table's columns, folded."""
    return _free_name(field.replace("\0", "\N{SYMBOL FOR NULL}"), {*taken, ROW_NUMBER})


def fold(name: str) -> str:
    """Two names that SQLite takes for one fold to the same text."""
    return name.lower()


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _free_name(wanted: str, taken: Collection[str]) -> str:
    wanted = wanted[:_MAX_CHARACTERS]
    name, number = wanted, 1
    while fold(name) in taken:
        number += 1
        name = f"{wanted}_{number}"
    return name
