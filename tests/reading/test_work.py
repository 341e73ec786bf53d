"""Work: it grows as the input does, and no step of it keeps others waiting, whatever comes in."""

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial

import pytest

from rjcli.errors import InputError
from rjcli.reading.column_types import TypeDetector
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.reading.json_array import read_json
from rjcli.reading.ndjson import read_ndjson
from rjcli.settings.choices import Dialect
from rjcli.settings.values import CsvSettings

MOST_CALLS = 100_000  # in a step; one takes less than a microsecond
LIMIT = 15_000  # bytes of a record
READ_SIZE = 24 * 1024
HEADER = b"a,b\n"

Steps = Iterator[object]


def pieces(data: bytes) -> Iterator[bytes]:
    """Data as it is read from a file."""
    return (data[at : at + READ_SIZE] for at in range(0, len(data), READ_SIZE))


def csv(**settings: object) -> Callable[[bytes], Steps]:
    """Read a CSV."""

    def read(data: bytes) -> Steps:
        reader = DelimitedReader("f", CsvSettings(**settings), None, LIMIT)  # type: ignore[arg-type]
        return reader.read(pieces(data), {})

    return read


def types(data: bytes) -> Steps:
    """Find the types of a CSV."""
    reader = DelimitedReader("f", CsvSettings(), None, LIMIT)
    return reader.detect(pieces(data), TypeDetector(CsvSettings()))


def ndjson(data: bytes, longest: int = LIMIT) -> Steps:
    """Read NDJSON."""
    return read_ndjson(pieces(data), "f", longest)


def json(data: bytes) -> Steps:
    """Read a JSON array."""
    return read_json(pieces(data), "f", LIMIT)


HOSTILE: dict[str, tuple[Callable[[bytes], Steps], bytes, bytes]] = {
    "csv_commas": (csv(), HEADER, b","),
    "csv_wide_rows": (csv(), HEADER, b"," * 10_000 + b"\n"),
    "csv_blank_lines": (csv(), HEADER, b"\n"),
    "csv_returns": (csv(), HEADER, b"\r"),
    "csv_quotes": (csv(), HEADER, b'"'),
    "csv_quoted_line_ends": (csv(), HEADER, b'"\n'),
    "csv_open_quotes_that_never_meet": (csv(), HEADER, b'a","\n'),
    "csv_open_quotes": (csv(), HEADER, b'1,"x\n'),
    "csv_open_and_closed_quotes": (csv(), HEADER, b'1,"x\n2,"y"\n'),
    "csv_doubled_quotes": (csv(), HEADER + b'1,"', b'""\n'),
    "csv_long_cells": (csv(), HEADER, b'1,"' + b'""\n' * 900 + b'"\n'),
    "csv_bad_bytes": (csv(), HEADER, b"1,\xff\n"),
    "csv_ragged_rows": (csv(), HEADER, b"1\n"),
    "csv_no_name": (csv(), b",b\n0,1\n", b"2,1\n"),
    "csv_no_header": (csv(), b"", b"\n"),
    "csv_open_header": (csv(), b'"', b"x\n"),
    "csv_header_of_commas": (csv(), b"", b","),
    "csv_columns": (csv(header=False), b"", b"," * 10_000 + b"\n"),
    "csv_columns_types": (types, b",".join(b"%x" % n for n in range(5000)) + b"\n",
                          b"," * 4999 + b"\n"),
    "csv_escapes": (csv(escape="\\"), HEADER, b"\\"),
    "csv_escaped_line_ends": (csv(escape="\\"), HEADER, b"\\\n"),
    "mysql_escapes": (csv(dialect=Dialect.MYSQL), b"a\tb\n", b"\\n"),
    "mysql_escaped_line_ends": (csv(dialect=Dialect.MYSQL), b"a\tb\n", b"\\\n"),
    "ndjson_spaces": (ndjson, b'{"a":"\\u003a"}', b" "),
    "ndjson_blank_lines": (ndjson, b"", b"\n"),
    "ndjson_bad_lines": (ndjson, b"", b"{\n"),
    "ndjson_repeated_names": (ndjson, b"", b'{"a":1,"a":1}\n'),
    "ndjson_bad_bytes": (ndjson, b"", b"\xff\n"),
    "json_spaces": (json, b"[", b" "),
    "json_numbers": (json, b"[", b"0,"),
    "json_strings": (json, b"[", b'"",'),
    "json_objects": (json, b"[", b"{},"),
    "json_nested": (json, b"[", b"[{}],"),
    "json_brackets_in_an_object": (json, b'[{"a":[', b"[],"),
    "json_open_brackets": (json, b"", b"["),
    "json_strings_in_an_object": (json, b'[{"a":[', b'"",'),
    "json_long_string": (json, b'[{"a":"', b"x"),
    "json_long_string_of_escapes": (json, b'[{"a":"', b'\\"'),
    "json_many": (json, b"", b"{}"),
    "json_long_number": (json, b"[", b"1"),
}  # fmt: skip


def calls_of(steps: Steps) -> list[int]:
    """How many functions each step calls, Python's own included, until the end or an error."""
    counts = []
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    with suppress(InputError, StopIteration):
        while True:
            calls = 0
            sys.setprofile(count)
            try:
                next(steps)
            finally:
                sys.setprofile(None)
                counts.append(calls)
    return counts


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_as_the_input_does(name: str) -> None:
    """Twice the input is at most about twice the work, and no step of it is a long one."""
    read, start, again = HOSTILE[name]
    size = 25_000
    single = calls_of(read(start + again * (size // len(again))))
    double = calls_of(read(start + again * (2 * size // len(again))))
    assert max(single + double) < MOST_CALLS
    assert sum(double) < 2.2 * sum(single) + 2000


SLOW: dict[str, tuple[Callable[[bytes], Steps], bytes]] = {
    "ndjson_spaces": (partial(ndjson, longest=10**8), b'{"a":"\\u003a"}' + b" " * 5_000_000),
    "csv_commas": (csv(), HEADER + b"," * 5_000_000),
    "csv_quotes": (csv(), HEADER + b'"' * 5_000_000),
    "json_spaces": (json, b"[" + b" " * 5_000_000),
}


@pytest.mark.parametrize("name", SLOW)
def test_patterns_do_not_search_again_and_again(name: str) -> None:
    """Inputs that took minutes are read, in patterns of which none backtracks."""
    read, data = SLOW[name]
    with suppress(InputError):
        assert sum(1 for _ in read(data)) < 5000
