"""`python -m rjcli.local FILE [TABLE]`: look at what was pushed to the local Import API."""

import argparse
import os
import sqlite3
import sys
import unicodedata
from collections.abc import Iterator, Sequence

from rjcli.errors import InputError
from rjcli.local.records import SqlValue
from rjcli.local.store import Store

_MAX_CELL_CHARACTERS = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of a file, or one table; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m rjcli.local",
        description="Look at what was pushed to the local Import API.",
    )
    parser.add_argument("file", metavar="FILE", help="its SQLite file, such as rjcli-local.db")
    parser.add_argument("table", metavar="TABLE", nargs="?", help="a table to print")
    parser.add_argument(
        "--json", action="store_true", help="print the table's records exactly as they were sent"
    )
    options = parser.parse_args(arguments)
    if options.json and options.table is None:
        parser.error("--json needs a TABLE")
    try:
        with Store(options.file, read_only=True) as store:
            _print(store, options.table, as_json=options.json)
            sys.stdout.flush()
    except InputError as error:
        sys.stderr.write(f"error: {_escaped(error.message)}\n")
        return error.exit_code
    except sqlite3.DatabaseError as error:
        sys.stderr.write(f"error: cannot read {_escaped(options.file)}: {_escaped(str(error))}\n")
        return InputError.exit_code
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _print(store: Store, table: str | None, *, as_json: bool) -> None:
    summaries = store.tables()
    if table is None:
        rows = [(each.name, ", ".join(each.keys), each.records) for each in summaries]
        sys.stdout.writelines(_aligned([("table", "keys", "records"), *rows]))
    elif table not in [each.name for each in summaries]:
        raise InputError(f"there is no table {_visible(table)!r} in this file")
    elif as_json:
        for record in store.records(table):
            # Outside of strings a line break is but space, and inside JSON has none.
            line = record.replace(b"\r", b" ").replace(b"\n", b" ")
            sys.stdout.buffer.write(line + b"\n")
    else:
        columns, cells = store.rows(table)
        sys.stdout.writelines(_aligned([tuple(columns), *cells]))


def _aligned(rows: Sequence[tuple[SqlValue, ...]]) -> Iterator[str]:
    cells = [["NULL" if cell is None else _visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    for row in cells:
        padded = (
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        )
        yield "  ".join(padded).rstrip() + "\n"


def _visible(text: str) -> str:
    """A cell without what could move the cursor, turn the text round, or flood the line."""
    if len(text) > _MAX_CELL_CHARACTERS:
        text = f"{text[: _MAX_CELL_CHARACTERS - 1]}…"
    return _escaped(text)


def _escaped(text: str) -> str:
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _width(text: str) -> int:
    """How many places a terminal gives to a text."""
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


if __name__ == "__main__":
    sys.exit(main())
