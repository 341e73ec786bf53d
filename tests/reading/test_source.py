"""Where bytes come from: files that change under one's feet, and pipes that are copied to disk."""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from rjcli.errors import InputError
from rjcli.model import RawRecord
from rjcli.reading import Input, Source
from rjcli.settings.choices import Format
from rjcli.settings.values import InputSettings
from tests.support.blocks import items_of

HOLD_BACK = InputSettings(files=(), hold_back_unterminated=True)
CSV = InputSettings(files=(), format=Format.CSV)
LINES = b"".join(b'{"id":%d}\n' % number for number in range(20_000))


def identified(path: Path | str, settings: InputSettings | None = None) -> Input:
    """An input whose format is known."""
    found = Input(Source(str(path)), settings or InputSettings(files=()))
    assert not [*found.identify()]
    return found


def ids(found: Input) -> list[str]:
    """The ids of all records of an input."""
    items = items_of(found.records({}))
    return [str(item.fields["id"]) for item in items if isinstance(item, RawRecord)]


@pytest.mark.parametrize(
    ("name", "content", "expected", "is_held_back"),
    [
        ("a.ndjson", b'{"id":1}\n{"id":2', ["1"], True),
        ("a.ndjson", b'{"id":1}\n{"id":2}', ["1"], True),
        ("a.ndjson", b'{"id":1}\n{"id":2}\n', ["1", "2"], False),
        ("a.ndjson", b'{"id":1}\n{"id":2}\r\n  ', ["1", "2"], False),
        ("a.ndjson", b'{"id":1}\n' + b"x" * 20_000_000, ["1"], True),
        ("a.csv", b"id\n1\n2", ["1"], True),
        ("a.csv", b"id\r1\r2\r", ["1", "2"], False),
        ("a.csv", b'id\n1\n"2\n3\n', ["1"], True),
        ("a.csv", b"id\n1\n" + b"x" * 20_000_000, ["1"], True),
        ("a.csv", b"id", [], True),
        ("a.json", b'[{"id":1},{"id":2}]', ["1", "2"], False),
    ],
)
@pytest.mark.parametrize("is_packed", [False, True])
def test_last_line_without_its_end_is_held_back(
    tmp_path: Path,
    name: str,
    content: bytes,
    expected: list[str],
    *,
    is_held_back: bool,
    is_packed: bool,
) -> None:
    """Where that is asked for, a line or row that may still be written is not read, but noted."""
    path = tmp_path / (f"{name}.gz" if is_packed else name)
    path.write_bytes(gzip.compress(content) if is_packed else content)
    found = identified(path, HOLD_BACK)
    assert ids(found) == expected
    assert found.held_back == is_held_back
    note = f"{path}: its last line is not complete, and is held back"
    assert found.take_notes() == ([note] if is_held_back else [])


def test_nothing_is_held_back_unasked(tmp_path: Path) -> None:
    """A last line without a line end is a record, as it always was."""
    for name, content in (("a.ndjson", b'{"id":1}\n{"id":2}'), ("a.csv", b"id\n1\n2")):
        (tmp_path / name).write_bytes(content)
        found = identified(tmp_path / name)
        assert ids(found) == ["1", "2"]
        assert not found.held_back


def test_file_that_is_cut_while_it_is_read(tmp_path: Path) -> None:
    """A file that gets shorter while it is read is an error that says from what to what."""
    path = tmp_path / "a.ndjson"
    path.write_bytes(LINES)
    blocks = identified(path).records({})
    next(blocks)
    os.truncate(path, 1000)
    with pytest.raises(InputError, match=r"shrunk while it was read.* 248,890 .* 1,000$"):
        list(blocks)


def test_file_that_is_replaced_while_it_is_read(tmp_path: Path) -> None:
    """A log that is rotated while it is read is read to its end, and a note says so."""
    path = tmp_path / "a.ndjson"
    path.write_bytes(LINES)
    found = identified(path)
    blocks = found.records({})
    count = len(next(blocks))
    path.rename(tmp_path / "a.ndjson.1")
    path.write_bytes(b'{"id":-1}\n')
    assert count + sum(map(len, blocks)) == 20_000
    [note] = found.take_notes()
    assert note == f"{path}: another file took its place while it was read; the old one was read"


def test_file_that_is_replaced_before_it_is_read_again(tmp_path: Path) -> None:
    """Where another file took its place, that one is not read with the types of the first."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\n1\n")
    found = identified(path)
    path.rename(tmp_path / "a.csv.1")
    path.write_bytes(b"id\nx\n")
    with pytest.raises(InputError, match=r"another file took the place of .*a\.csv"):
        ids(found)


def piped(content: bytes, settings: InputSettings) -> Iterator[Input]:
    """An input that comes through a pipe, to be spooled."""
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    yield identified(f"/dev/fd/{reading}", settings)
    os.close(reading)


@pytest.mark.parametrize(("most", "fits"), [(9, True), (8, False)])
def test_spool_is_bounded(most: int, *, fits: bool) -> None:
    """No more of a pipe than max_spool is copied to disk, and the error says what helps."""
    for found in piped(b"id\n10\n20\n", replace(CSV, max_spool=most)):
        if fits:
            assert not [step for step in found.spool() if step]
            assert ids(found) == ["10", "20"]
            continue
        with pytest.raises(InputError, match="more than the 8 bytes that may be copied") as refusal:
            list(found.spool())
        for way in ("--max-spool", "TMPDIR", "--no-detect-types"):
            assert way in str(refusal.value.hint)
