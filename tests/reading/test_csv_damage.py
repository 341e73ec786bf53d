"""Damaged CSVs: what is broken costs its row, and every line is accounted for."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rjcli.model import RawRecord
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.settings.choices import Dialect
from rjcli.settings.values import CsvSettings
from tests.support.blocks import items_of

Found = list[tuple[int, bytes, str]]

OPEN = "a quote is opened and not closed"
SETTINGS = CsvSettings()
RAGGED = "the row has 1 cells, and the header has 2"


def read(
    pieces: list[bytes], settings: CsvSettings = SETTINGS, max_record_bytes: int = 10**6
) -> Found:
    """Line, bytes, and JSON or reason of all that is found, with pauses between the pieces."""

    def byte_strings() -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            yield b""

    reader = DelimitedReader("f", settings, None, max_record_bytes)
    return [
        (
            item.line,
            item.raw,
            item.json.decode() if isinstance(item, RawRecord) else item.reasons[0],
        )
        for item in items_of(reader.read(byte_strings(), {}))
    ]


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Data in pieces."""
    ends = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(ends)]


def good_lines(first: int, last: int) -> bytes:
    """Rows of which each has the number of its line."""
    return b"".join(b"%d,x\n" % line for line in range(first, last + 1))


def test_stray_quote_costs_its_row_wherever_it_is() -> None:
    """Of 5,000 rows with one stray quote, all others arrive, and the reason says how far it saw."""
    for line in (2, 1500, 4990, 5001):
        stray = b'%d,"x\n' % line
        data = b"id,x\n" + good_lines(2, line - 1) + stray + good_lines(line + 1, 5001)
        for pieces in ([data], cut(data, [*range(0, len(data), 777)])):
            found = read(pieces)
            assert [item[0] for item in found] == [*range(2, 5002)]
            assert [item[2] for item in found if not item[2].startswith("{")] == [
                {
                    2: f"{OPEN} in the 1,000 lines after it; see --max-field-lines",
                    1500: f"{OPEN} in the 1,000 lines after it; see --max-field-lines",
                    4990: f"{OPEN} up to the end of the file, 11 lines later",
                    5001: f"{OPEN} up to the end of the file",
                }[line]
            ]
            assert found[line - 2][1] == stray.rstrip()


@pytest.mark.parametrize("lines", [1, 999, 1000, 1001, 3000])
def test_cell_of_several_lines_is_read_up_to_the_bound(lines: int) -> None:
    """A cell over at most 1,001 lines is one; past that, each of its lines is a row of its own."""
    data = b'id,x\n1,"' + b"text\n" * lines + b'"\n2,y\n'
    for pieces in ([data], cut(data, [*range(0, len(data), 777)])):
        found = read(pieces)
        if lines <= 1000:
            assert [item[0] for item in found] == [2, 3 + lines]
            assert not [item for item in found if not item[2].startswith("{")]
        else:
            assert [item[0] for item in found] == [*range(2, lines + 4)]
            assert found[1][2] == RAGGED


def test_cell_of_several_lines_is_read_up_to_so_many_bytes() -> None:
    """A quoted cell that goes on for more than max_field_bytes was opened by a stray quote."""
    data = b'id,x\n1,"' + b"%b\n" % (b"x" * 99) * 20 + b'"\n2,y\n'
    assert len(read([data], CsvSettings(max_field_bytes=2003))) == 2
    found = read([data], CsvSettings(max_field_bytes=2002))
    assert len(found) == 22
    assert found[0][2] == f"{OPEN} in the 19 lines after it; see --max-field-lines"


MARKS = st.lists(
    st.sampled_from(
        [b"a", b'"', b'"', b",", b"\n", b"\n", b"\r\n", b"\r", b"\xff", b"\xc3\xa9", b"\\", b"\t",
         b"N", b'1,"x', b'2,"z"\n', b'6","\n']
    ),
    max_size=60,
).map(b"".join)  # fmt: skip
DIALECTS = [
    SETTINGS,
    CsvSettings(quote=None),
    CsvSettings(quote="'", escape="\\"),
    CsvSettings(escape="\\"),
    CsvSettings(dialect=Dialect.MYSQL),
    CsvSettings(encoding="shift_jis"),
]


@given(
    MARKS,
    st.lists(st.integers(0, 100), max_size=8),
    st.sampled_from(DIALECTS),
    st.sampled_from([1, 2, 3, 1000]),
    st.sampled_from([5, 12, 1000]),
    st.sampled_from([7, 1000]),
)
def test_what_is_found_does_not_depend_on_where_the_bytes_are_cut(
    data: bytes, places: list[int], dialect: CsvSettings, lines: int, size: int, longest: int
) -> None:
    """Quotes, bad bytes and escapes come to the same wherever the bytes are cut, at any bound."""
    settings = replace(dialect, max_field_lines=lines, max_field_bytes=size)
    data = (b"a\tb\n" if dialect.dialect else b"a,b\n") + data
    assert read(cut(data, places), settings, longest) == read([data], settings, longest)


@given(MARKS, st.sampled_from(DIALECTS), st.sampled_from([1, 2, 3, 1000]))
def test_every_line_is_accounted_for(data: bytes, dialect: CsvSettings, lines: int) -> None:
    """Put together, the rows that are found are the file, line for line, but for blank lines."""
    data = (b"a\tb\n" if dialect.dialect else b"a,b\n") + data
    expected = data.splitlines()
    line = 1
    for first, raw, _ in read([data], replace(dialect, max_field_lines=lines)):
        assert not any(expected[line : first - 1])
        taken = raw.splitlines() or [b""]
        assert expected[first - 1 : first - 1 + len(taken)] == taken
        line = first - 1 + len(taken)
    assert not any(text for text in expected[line:] if text != b"\\.")
