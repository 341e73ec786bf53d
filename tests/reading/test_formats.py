"""Readers: what is in a file arrives unchanged, wherever the byte strings are cut."""

import csv
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.model import Block, RawRecord, Rejection
from rjcli.reading import Input, Source
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.reading.json_array import read_json
from rjcli.reading.ndjson import read_ndjson
from rjcli.settings.choices import Format
from rjcli.settings.values import CsvSettings, InputSettings
from tests.support.blocks import Item, items_of

CSV = CsvSettings()
INPUT = InputSettings(files=())

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | names,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(names, json_values, max_size=4)
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


LIMIT = 1_000_000


def read_delimited(
    byte_strings: Iterator[bytes], *, delimiter: str | None = None, settings: CsvSettings = CSV
) -> Iterator[Block]:
    """Read a CSV all of whose columns are strings."""
    return DelimitedReader("f", settings, delimiter, LIMIT).read(byte_strings, settings.types)


def read_input(path: Path, settings: InputSettings = INPUT) -> list[Block]:
    """Read a file as a push does, but for its column types."""
    found = Input(Source(str(path)), settings)
    assert not list(found.identify())
    return list(found.records({}))


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Cut data into byte strings of a size, with "nothing there yet" between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        yield b""


def raw_records(blocks: Iterator[Block]) -> list[RawRecord]:
    """Everything a reader found, if it is nothing but records."""
    found = [*items_of(blocks)]
    assert not [item for item in found if isinstance(item, Rejection)]
    return [item for item in found if isinstance(item, RawRecord)]


def rejections(items: Iterator[Item]) -> list[tuple[int, str]]:
    """Line and first reason of everything that was rejected."""
    return [(item.line, item.reasons[0]) for item in items if isinstance(item, Rejection)]


@given(
    st.lists(json_objects),
    st.sampled_from(["\n", "\r\n", "\n\n"]),
    st.integers(1, 50),
    st.booleans(),
)
def test_ndjson_arrives_as_written(
    records: list[Any],
    end: str,
    size: int,
    ascii_only: bool,  # noqa: FBT001 - Hypothesis passes it by name
) -> None:
    """NDJSON's records arrive byte for byte: LF, CRLF or blank lines, however it is cut."""
    texts = [json.dumps(record, ensure_ascii=ascii_only).encode() for record in records]
    found = raw_records(read_ndjson(cut(end.encode().join(texts), size), "f", LIMIT))
    assert [record.json for record in found] == texts
    assert [record.number for record in found] == list(range(1, len(texts) + 1))


@given(
    st.lists(json_objects),
    st.sampled_from([None, 2]),
    st.sampled_from(["array", "concatenated"]),
    st.integers(1, 50),
)
def test_json_arrives_as_written(
    records: list[Any], indent: int | None, shape: str, size: int
) -> None:
    """Objects in an array or in a row, compact or indented, arrive byte for byte."""
    texts = [json.dumps(record, indent=indent) for record in records]
    document = f" [ {' , '.join(texts)} ]\n" if shape == "array" else "".join(texts)
    found = raw_records(read_json(cut(document.encode(), size), "f", LIMIT))
    assert [record.json.decode() for record in found] == texts


@given(
    st.lists(st.lists(cells, min_size=2, max_size=2)),
    st.sampled_from(",;\t|"),
    st.sampled_from(["excel", "unix"]),  # CRLF and quotes where needed, or LF and quotes always
    st.integers(1, 50),
)
def test_csv_arrives_as_written(
    rows: list[list[str]], delimiter: str, dialect: str, size: int
) -> None:
    """A CSV's cells arrive character for character, quotes and line ends in them too."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, dialect, delimiter=delimiter)
    writer.writerows([["one", "two"], *rows])
    data = file.getvalue().encode()
    found = raw_records(read_delimited(cut(data, size), delimiter=delimiter))
    assert [list(record.fields.values()) for record in found] == rows
    assert [json.loads(record.json) for record in found] == [record.fields for record in found]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a": NaN}', "column 7"),
        (b'{"a": 1, "a": 2}', "the name 'a' occurs twice"),
        (b'{"a": "x:y", "a": 2}', "the name 'a' occurs twice"),
        (b'{"\\u003a": ":", "b": 1, "b": 2}', "the name 'b' occurs twice"),
        (b'{"a" :1, "b":":", "a" :2}', "the name 'a' occurs twice"),
        (b'{"a": "\\ud800"}', "surrogate"),
        (b'{"a": "\x01"}', "control character"),
        (b'{"a": "\xff"}', "UTF-8"),
        (b'{"a": 1e400, "b": "\\ud800"}', "surrogate"),
        (b'{"a": 1e400, "b": Infinity}', "Infinity"),
        (b"[1]", "a record must be a JSON object, not an array"),
        (b'"text"', "not a string"),
        (b"17", "not a number"),
        (b"null", "not null"),
        (b"true", "not a boolean"),
        (b'{"a": 1', "column 8"),
        (b'{"a": 1}}', "column 9"),
        (b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", "depth"),
    ],
)
def test_bad_line_costs_only_itself(line: bytes, reason: str) -> None:
    """A line that is no good record is rejected with its reason; its neighbours arrive."""
    items = [*items_of(read_ndjson(iter([b'{"id":1}\n' + line + b'\n{"id":2}\n']), "f", LIMIT))]
    assert [item.json for item in items if isinstance(item, RawRecord)] == [
        b'{"id":1}',
        b'{"id":2}',
    ]
    [(number, reason_given)] = rejections(iter(items))
    assert number == 2
    assert reason in reason_given


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":123456789012345678901234567890,"b":1.10,"c":-0.0,"d":1E400}',
        b'{"a":{"a":1,"a":2}}',
        b'{"url":"http://x:80/","t":"12:30:00"}',
        b'{"\\u003a":1}',
        b'{"line":"\xe2\x80\xa8"}',
        b' \t{ "a" : 1 } ',
    ],
)
def test_good_line_is_kept_byte_for_byte(line: bytes) -> None:
    """Numbers past 64 bits or a double's range, escapes and spacing are nobody's to change."""
    [record] = raw_records(read_ndjson(iter([line]), "f", LIMIT))
    assert record.json == line.strip()


def test_array_says_where_it_stops_being_json() -> None:
    """Where an array stops being JSON, the records before that arrive; the error has the line."""
    items = items_of(read_json(iter([b'[{"id":1},\n{"id":2}\n;{"id":3}]']), "f.json", LIMIT))
    assert [next(items).raw for _ in range(2)] == [b'{"id":1}', b'{"id":2}']
    with pytest.raises(InputError, match=r"f\.json, line 3"):
        next(items)


@pytest.mark.parametrize(
    "document",
    [
        b"[",
        b'[{"a":1}',
        b'[{"a":1},',
        b'[{"a":1},]',
        b'[,{"a":1}]',
        b'[{"a":1}}',
        b'{"a":[}',
        b'{"a":"',
        b"]",
        b"[1 2]",
        b'[{"a":1}] x',
        b"{]}",
    ],
)
def test_what_is_no_json_is_refused(document: bytes) -> None:
    """Text whose brackets or commas do not fit is refused, never taken in part silently."""
    with pytest.raises(InputError):
        list(read_json(iter([document]), "f", LIMIT))


def test_bad_element_between_good_brackets_costs_only_itself() -> None:
    """A malformed element of an array is rejected; the array goes on."""
    items = [*items_of(read_json(iter([b'[{"id":1},\n{"id":NaN},\n7,\n{"id":2}]']), "f", LIMIT))]
    assert [line for line, _ in rejections(iter(items))] == [2, 3]
    assert len([item for item in items if isinstance(item, RawRecord)]) == 2


def test_csv_rows_that_do_not_fit_are_rejected() -> None:
    """Ragged rows and stray quotes are rejected with their line; the rows around them arrive."""
    data = b'id,name\n1,"two\nlines"\n2\n3,c,d\n4,"x"y\n\n5,e\n'
    items = [*items_of(read_delimited(iter([data])))]
    assert [line for line, _ in rejections(iter(items))] == [4, 5, 6]
    assert [item.line for item in items if isinstance(item, RawRecord)] == [2, 8]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", b'[{"id":1}]', 1),
        ("a.json", b'{"id":1}\n{"id":2}\n', 2),
        ("a.json", b'{\n "id": 1\n}', 1),
        ("a.txt", b'\xef\xbb\xbf\n [\n{"id":1}]', 1),
        ("a.txt", b"id;name\n1;a\n", 1),
        ("a.CSV", b"\xef\xbb\xbfid\n1\n2\n", 2),
        ("a.tsv", b"id\tname\n1\ta,b\n", 1),
        ("a.jsonl", b"\xef\xbb\xbf{}\n", 1),
        ("a.csv", b"", 0),
    ],
)
def test_format_is_found(tmp_path: Path, name: str, content: bytes, expected: int) -> None:
    """The format is found by the name, or by the first line that is not blank."""
    (tmp_path / name).write_bytes(content)
    found = raw_records(iter(read_input(tmp_path / name)))
    assert len(found) == expected
    assert all("id" in record.fields or not record.fields for record in found)


@pytest.mark.parametrize("content", [b"PAR1\0\0,\0", b"just words\n"])
def test_unknown_format_is_refused(tmp_path: Path, content: bytes) -> None:
    """What is neither JSON nor CSV is refused, and the error says what to do."""
    (tmp_path / "data").write_bytes(content)
    with pytest.raises(InputError, match="cannot find out the format") as refusal:
        read_input(tmp_path / "data")
    assert "--format" in str(refusal.value.hint)


def test_format_that_is_given_is_believed(tmp_path: Path) -> None:
    """`--format` goes before the name and the content."""
    (tmp_path / "a.json").write_bytes(b"word\n1\n")
    settings = InputSettings(files=(), format=Format.CSV)
    [record] = raw_records(iter(read_input(tmp_path / "a.json", settings)))
    assert record.fields == {"word": "1"}


def test_slow_pipe_does_not_block() -> None:
    """A pipe with nothing in it yet yields an empty block at once instead of blocking."""
    reading, writing = os.pipe()
    found = Input(Source(f"/dev/fd/{reading}"), INPUT)
    steps = found.identify()
    assert next(steps) is None
    os.write(writing, b'{"id":1}\n{"id":')
    assert not list(steps)
    blocks = found.records({})
    assert [type(item) for item in next(blocks)] == [RawRecord]
    assert not next(blocks)
    os.write(writing, b"2}")
    os.close(writing)
    assert [item.json for item in items_of(blocks) if isinstance(item, RawRecord)] == [b'{"id":2}']
    os.close(reading)
