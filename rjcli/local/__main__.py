"""`python -m rjcli.local FILE [TABLE]`: look at what was pushed to the local Import API."""

import argparse
import io
import os
import signal
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

from rjcli.errors import RjcliError, UnfinishedError, UsageError
from rjcli.local.store import Store
from rjcli.visible_text import visible

_MAX_CELL_CHARACTERS = 80


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of a file, or one table; return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what the terminal's encoding lacks
    try:
        options = _parse(arguments)
        with Store(options.file, read_only=True) as store:
            _show(store, options.table, as_json=options.json)
            sys.stdout.flush()
    except RjcliError as error:
        sys.stderr.write(f"error: {visible(error.message)}\n")
        if error.hint:
            sys.stderr.write(f"what to do: {visible(error.hint)}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        _drop_output()
    except OSError as error:
        _drop_output()
        sys.stderr.write(f"error: cannot write: {error.strerror}\n")
        return UnfinishedError.exit_code
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{self.prog} --help")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = _Parser(
        prog="python -m rjcli.local",
        description="Look at what was pushed to the local Import API.",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="its SQLite file, such as rjcli-local.db")
    parser.add_argument("table", metavar="TABLE", nargs="?", help="a table to print")
    parser.add_argument(
        "--json", action="store_true", help="print the table's records exactly as they were sent"
    )
    options = parser.parse_args(arguments)
    if options.json and options.table is None:
        parser.error("--json needs a TABLE")
    return options


def _show(store: Store, table: str | None, *, as_json: bool) -> None:
    tables = store.tables()
    if table is None:
        rows = [
            {"table": each.name, "keys": ", ".join(each.keys), "records": str(each.records)}
            for each in tables
        ]
        _print_aligned(rows, rows, names=("table", "keys", "records"))
    elif table not in [each.name for each in tables]:
        raise UsageError(f"there is no table {table!r} in this file")
    elif as_json:
        for record in store.records(table):
            # Outside of strings a line break is but space, and inside JSON has none.
            line = record.replace(b"\r", b" ").replace(b"\n", b" ")
            sys.stdout.buffer.write(line + b"\n")
    else:
        # Read twice, the first time for the widths, because a table may not fit into memory.
        _print_aligned(store.rows(table), store.rows(table))


def _print_aligned(
    rows: Iterable[Mapping[str, str]],
    same_rows: Iterable[Mapping[str, str]],
    names: Iterable[str] = (),
) -> None:
    """Print rows in columns as wide as their longest cell, those that are named first."""
    widths = {name: len(name) for name in names}
    for row in rows:
        for name, text in row.items():
            width = widths.get(name) or _width(_cell(name))
            widths[name] = max(width, _width(_cell(text)))
    _print_line([_cell(name) for name in widths], widths.values())
    _print_line(["-" * width for width in widths.values()], widths.values())
    for row in same_rows:
        _print_line([_cell(row.get(name, "")) for name in widths], widths.values())


def _print_line(cells: Iterable[str], widths: Iterable[int]) -> None:
    padded = (
        cell + " " * (width - _width(cell)) for cell, width in zip(cells, widths, strict=True)
    )
    sys.stdout.write("  ".join(padded).rstrip() + "\n")


def _cell(text: str) -> str:
    """A text without what acts on a terminal, and not too long."""
    if len(text) > _MAX_CELL_CHARACTERS:
        text = f"{text[: _MAX_CELL_CHARACTERS - 1]}…"
    return visible(text)


def _width(text: str) -> int:
    """How many places a terminal gives to a text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def _drop_output() -> None:
    """Have Python flush what is left to nowhere when it ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
