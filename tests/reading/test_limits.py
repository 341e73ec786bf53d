"""Records past --max-record-bytes: rejected without being held, and the others arrive."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.model import Block, RawRecord
from rjcli.reading import Input, Source
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.reading.json_array import read_json
from rjcli.reading.ndjson import read_ndjson
from rjcli.settings.values import CsvSettings, InputSettings
from tests.conftest import Rjcli
from tests.support.blocks import items_of
from tests.support.weighing import run_and_weigh

LIMIT = 60
TOO_LONG = "the record is longer than 60 bytes; see --max-record-bytes"
GOOD = b'{"id":1}'

LONG_OBJECTS = {
    "long_string": b'{"id":"' + b"x" * 200 + b'"}',
    "long_string_of_brackets": b'{"id":"' + b"}]{[" * 50 + b'"}',
    "long_string_of_escapes": b'{"id":"' + rb"\\\"" * 50 + b'"}',
    "backslash_at_the_end_of_a_string": b'{"id":"' + b"x" * 100 + rb'\\"}',
    "long_name": b'{"' + b"x" * 200 + b'":1}',
    "long_number": b'{"id":' + b"1" * 200 + b"}",
    "many_members": b"{" + b",".join(b'"%d":%d' % (n, n) for n in range(40)) + b"}",
    "long_nested_string": b'{"a":[{"b":["' + b'\\"}' * 60 + b'"]}]}',
    "deep": b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
    "space_at_the_end": b'{"id":1' + b" " * 100 + b"}",
    "one_byte_too_long": b'{"id":"' + b"x" * (LIMIT + 1 - 9) + b'"}',
}
long_objects = pytest.mark.parametrize("long", LONG_OBJECTS.values(), ids=LONG_OBJECTS)


def in_steps(data: bytes, size: int) -> Iterator[bytes]:
    """Byte strings of a size, with "nothing there yet" between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        yield b""


def outcomes(blocks: Iterator[Block]) -> list[tuple[int, int, bytes | str]]:
    """Number, line, and text or reason of everything that was found."""
    found: list[tuple[int, int, bytes | str]] = []
    for item in items_of(blocks):
        if isinstance(item, RawRecord):
            found.append((item.number, item.line, item.json))
        else:
            assert len(item.raw) <= LIMIT
            found.append((item.number, item.line, item.reasons[0]))
    return found


@long_objects
def test_long_line(long: bytes) -> None:
    """A line that is too long is rejected by number and line; its neighbours arrive."""
    lines = b"\n".join([GOOD, b"", long, GOOD, long])
    for size in range(1, 70):
        assert outcomes(read_ndjson(in_steps(lines, size), "f", LIMIT)) == [
            (1, 1, GOOD),
            (2, 3, TOO_LONG),
            (3, 4, GOOD),
            (4, 5, TOO_LONG),
        ]


@pytest.mark.parametrize(
    "long",
    [b" " * LIMIT + GOOD, b" " * (LIMIT + 9), b"%-60b\r " % GOOD],
    ids=["white_space_first", "white_space_only", "carriage_return_at_the_limit"],
)
def test_long_line_by_its_white_space(long: bytes) -> None:
    """A line that is too long for its white space alone is rejected all the same."""
    for size in range(1, 90):
        found = outcomes(read_ndjson(in_steps(long + b"\n" + GOOD, size), "f", LIMIT))
        assert found == [(1, 1, TOO_LONG), (2, 2, GOOD)]


@long_objects
def test_long_element(long: bytes) -> None:
    """An element that is too long is rejected, wherever it is cut; its neighbours arrive."""
    array = b"[" + b",\n".join([GOOD, long, GOOD, long]) + b"]"
    concatenated = b"\n".join([GOOD, long, GOOD, long])
    for size in range(1, 70):
        for document in (array, concatenated):
            assert outcomes(read_json(in_steps(document, size), "f", LIMIT)) == [
                (1, 1, GOOD),
                (2, 2, TOO_LONG),
                (3, 3, GOOD),
                (4, 4, TOO_LONG),
            ]


@pytest.mark.parametrize("scalar", [b'"' + b"x" * 200 + b'"', b'"' + rb"\"" * 99 + b'"'])
def test_long_string_in_an_array(scalar: bytes) -> None:
    """Strings in the place of a record are dropped, too, if they are long."""
    document = b"[" + scalar + b"," + GOOD + b"]"
    for size in range(1, 70):
        assert outcomes(read_json(in_steps(document, size), "f", LIMIT)) == [
            (1, 1, TOO_LONG),
            (2, 1, GOOD),
        ]


def test_what_follows_a_long_value_at_once_is_not_dropped_with_it() -> None:
    """Dropping ends with the value, also where the next one follows without a space."""
    long = LONG_OBJECTS["deep"]
    for size in range(1, 70):
        items = outcomes(read_json(in_steps(long + b'"x"' + long + GOOD, size), "f", LIMIT))
        reasons = [TOO_LONG, "a record must be a JSON object, not a string", TOO_LONG]
        assert [what for _, _, what in items] == [*reasons, GOOD]


@pytest.mark.parametrize(
    "document",
    [
        b'[{"a":"' + b"x" * 200,
        b'[{"a":"' + b"x" * 200 + b"\\",
        b'[{"a":' + b"[" * 200,
        b'["' + b"x" * 200,
        b"[" + b"1" * 200_000,
    ],
)
def test_long_value_that_never_ends(document: bytes) -> None:
    """Where a long value never ends, the document is refused."""
    for size in (1000, 7):
        with pytest.raises(InputError, match="not JSON any more"):
            list(read_json(in_steps(document, size), "f", LIMIT))


def read_csv(data: bytes, size: int) -> list[tuple[int, int, bytes | str]]:
    """What is found in a CSV."""
    reader = DelimitedReader("f", CsvSettings(), None, LIMIT)
    return outcomes(reader.read(in_steps(data, size), {}))


@pytest.mark.parametrize(
    ("row", "lines"),
    [
        (b"2," + b"x" * 200, 1),
        (b'2,"' + b"x" * 200 + b'"', 1),
        (b'2,"' + b"x\n" * 100 + b'"', 101),
        (b'2,"' + b"x\r\n" * 100 + b'"', 101),
        (b'2,"' + b"x\r" * 100 + b'"', 101),
        (b'2,"' + b'""\n' * 100 + b'"', 101),
        (b'2,"' + b'"",""\n' * 100 + b'"', 101),
        (b'"' + b"x" * 100 + b'","' + b"y\n" * 100 + b'"', 101),
        (b"2," + b'6" x' * 50, 1),
        (b'2,"' + b"x" * 100 + b'"y"', 1),
        (b'2,"' + b"x" * 100 + b'"y,"z', 1),
        (b"2," + b"," * 100, 1),
        (b"2," + b"x" * (LIMIT + 1 - 2), 1),
    ],
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_long_row(row: bytes, lines: int, line_end: bytes) -> None:
    """A row that is too long is rejected with its line; the rows around it arrive."""
    data = line_end.join([b"id,x", b"1,a", row, b'3,"c"', row, b"5,e"])
    for size in (*range(1, 20), 70, 1000):
        assert read_csv(data, size) == [
            (1, 2, b'{"id":"1","x":"a"}'),
            (2, 3, TOO_LONG),
            (3, 3 + lines, b'{"id":"3","x":"c"}'),
            (4, 4 + lines, TOO_LONG),
            (5, 4 + 2 * lines, b'{"id":"5","x":"e"}'),
        ]


def test_long_row_is_measured_in_bytes() -> None:
    """A row's length is that of its bytes in the file, not of its characters."""
    data = "id,x\n1,{}\n2,{}\n".format("é" * 29, "é" * 30).encode()
    for size in (1, 1000):
        assert [item[2] for item in read_csv(data, size)][1:] == [TOO_LONG]


def test_long_row_counts_the_quotes_that_were_dropped() -> None:
    """A quote that a dropped line opens or closes still does, and a stray one costs its line."""
    reason = "a quote is opened and not closed up to the end of the file, 2 lines later"
    data = b'id,x\n1,a\n2,"b\n3,' + b"c" * 200 + b"\n4,d\n"
    for size in (1, 7, 1000):
        assert read_csv(data, size) == [
            (1, 2, b'{"id":"1","x":"a"}'),
            (2, 3, reason),
            (3, 4, TOO_LONG),
            (4, 5, b'{"id":"4","x":"d"}'),
        ]
        assert [item[1] for item in read_csv(data + b'"\n' + data, size)] == [2, 3, *range(7, 12)]


@given(st.integers(1, 400), st.integers(1, 100), st.integers(0, 3))
def test_row_within_the_limit_always_arrives(length: int, size: int, line_ends: int) -> None:
    """A row of several lines within the limit arrives, whatever has been held before it."""
    cell = "x" * length + "\n" * line_ends
    data = "".join(f'{number},"{cell}"\n' for number in range(5)).encode()
    limit = length + line_ends + 4
    reader = DelimitedReader("f", CsvSettings(), None, limit + 10)
    items = items_of(reader.read(in_steps(b"id,x\n" + data, size), {}))
    assert [item.fields["x"] for item in items if isinstance(item, RawRecord)] == [cell] * 5


@pytest.mark.parametrize(
    ("name", "start", "middle", "end"),
    [
        ("a.ndjson", b'{"id":1}\n{"id":"', b"x", b'"}\n{"id":2}\n'),
        ("a.json", b'[{"id":1},{"id":"', b"\\n", b'"},{"id":2}]'),
        ("b.json", b'[{"id":1},{"id":', b"[", b"]"),
        ("a.csv", b'id\n1\n"', b'x""', b'"\n2\n'),
    ],
)
def test_long_record_is_not_held(
    rjcli: Rjcli, name: str, start: bytes, middle: bytes, end: bytes
) -> None:
    """A record of 60 MB takes no more memory than a short one does."""
    with (rjcli.home / name).open("wb") as file:
        file.write(start)
        for _ in range(60):
            file.write(middle * (2**20 // len(middle)))
        file.write(end)
    arguments = ["push", name, "-t", "t", "-k", "id", "--dry-run", "--max-record-bytes", "100000"]
    exit_code, megabytes = run_and_weigh(rjcli, *arguments)
    assert exit_code == (2 if name == "b.json" else 3)
    assert megabytes < 80


def test_reading_a_long_record_lets_others_go_on(tmp_path: Path) -> None:
    """While a long record is dropped, other tasks run again and again."""
    long = b"x" * 2_000_000
    for name, content in {
        "a.ndjson": b'{"id":"' + long + b'"}\n',
        "a.json": b'[{"id":"' + long + b'"}]',
        "a.csv": b'id\n"' + long + b'"\n',
    }.items():
        (tmp_path / name).write_bytes(content)
        settings = InputSettings(files=(), max_record_bytes=1000)
        found = Input(Source(str(tmp_path / name)), settings)
        assert not list(found.identify())
        blocks = list(found.records({}))
        assert len([block for block in blocks if not block]) > 3
        assert outcomes(iter(blocks))[0][2] == TOO_LONG.replace("60", "1,000")


def test_short_records_do_not_wait_for_more(tmp_path: Path) -> None:
    """From a pipe each record arrives as soon as it is whole, in every format."""
    pieces: dict[str, list[bytes]] = {
        "ndjson": [b'{"id":1', b'}\n{"i', b'd":2}\n'],
        "array": [b'[{"id":1', b"}", b',{"i', b'd":2}'],
        "nested": [b'[{"id":[{}', b"]}", b',{"id":' + b" " * 900, b"[1]}"],
        "concatenated": [b'{"id":1', b'}{"id":2', b"}"],
        "csv": [b'id,x\n1,"a\n', b'b"\n2,"', b"\n", b'"\n'],
    }
    for name, parts in pieces.items():
        source = tmp_path / name
        os.mkfifo(source)
        assert _found_while_open(source, parts, name) == 2


def _found_while_open(fifo: Path, parts: list[bytes], name: str) -> int:
    """How many records come out of a FIFO before its writer closes it."""
    formats: dict[str, Any] = {"ndjson": "ndjson", "csv": "csv"}
    settings = InputSettings(files=(), format=formats.get(name, "json"))
    found = Input(Source(str(fifo)), settings)
    steps = found.identify()
    assert next(steps) is None  # nobody writes yet
    writing = os.open(fifo, os.O_WRONLY)
    waiting = list(parts)
    while next(steps, "done") is None:
        os.write(writing, waiting.pop(0))
    records = 0
    for block in found.records({}):
        records += len([item for item in block if isinstance(item, RawRecord)])
        if block:
            continue
        if waiting:
            os.write(writing, waiting.pop(0))
        elif records == 2:
            break
        else:
            parts.append(b"")
            assert len(parts) < 20, (name, records)
    os.close(writing)
    return records


READ_WITH_LITTLE_MEMORY = """
import resource
from rjcli.json_text import parse_objects
text = b'{"a":"' + b"x" * 50_000_000 + b'"}'
pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + 200_000_000
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    print(parse_objects([text])[1])
except MemoryError:
    print("not enough memory")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
def test_good_record_is_not_rejected_for_want_of_memory() -> None:
    """Where a record cannot be parsed for want of memory, that is not a fault of the record."""
    command = [sys.executable, "-c", READ_WITH_LITTLE_MEMORY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "not enough memory\n"
