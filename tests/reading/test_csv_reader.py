"""CSV and TSV: cells arrive as people's spreadsheets and databases wrote them."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.model import Block, RawRecord, Rejection
from rjcli.reading import Input, Source
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.settings.choices import Format
from rjcli.settings.values import CsvSettings, InputSettings
from tests.support.blocks import items_of

LIMIT = 1_000_000
OPEN = "a quote is opened and not closed"
TO_THE_END = f"{OPEN} up to the end of the file"
STRAY = "',' expected after '\"'"

Rows = list[list[str]]

GOOD: dict[str, tuple[bytes, Rows]] = {
    "simple": (b"a,b\n1,2\n", [["1", "2"]]),
    "no_final_line_end": (b"a,b\n1,2", [["1", "2"]]),
    "crlf": (b"a,b\r\n1,2\r\n3,4\r\n", [["1", "2"], ["3", "4"]]),
    "lone_cr": (b"a,b\r1,2\r3,4\r", [["1", "2"], ["3", "4"]]),
    "lone_cr_no_final": (b"a,b\r1,2", [["1", "2"]]),
    "mixed_line_ends": (b"a,b\r\n1,2\n3,4\r5,6", [["1", "2"], ["3", "4"], ["5", "6"]]),
    "header_only": (b"a,b\n", []),
    "header_only_no_line_end": (b"a,b", []),
    "empty": (b"", []),
    "blank_lines_only": (b"\n\r\n\n", []),
    "blank_line_first": (b"\n\na,b\n1,2\n", [["1", "2"]]),
    "blank_line_first_and_semicolons": (b"\r\n\na;b\n1;2\n", [["1", "2"]]),
    "blank_line_between": (b"a,b\n\n1,2\n\n\n3,4\n", [["1", "2"], ["3", "4"]]),
    "blank_line_last": (b"a,b\n1,2\n\n", [["1", "2"]]),
    "empty_cells": (b"a,b,c\n,,\n1,,3\n", [["", "", ""], ["1", "", "3"]]),
    "empty_quoted_cells": (b'a,b\n"",""\n', [["", ""]]),
    "spaces_kept": (b"a,b\n 1 ,  \n", [[" 1 ", "  "]]),
    "tabs_kept": (b"a,b\n\t1,2\t\n", [["\t1", "2\t"]]),
    "quoted": (b'a,b\n"1","2"\n', [["1", "2"]]),
    "quoted_header": (b'"a","b"\n1,2\n', [["1", "2"]]),
    "quoted_header_with_comma": (b'"a,x","b"\n1,2\n', [["1", "2"]]),
    "quoted_header_with_line_end": (b'"a\nx",b\n1,2\n', [["1", "2"]]),
    "quoted_comma": (b'a,b\n"1,5",2\n', [["1,5", "2"]]),
    "quoted_lf": (b'a,b\n"x\ny",2\n', [["x\ny", "2"]]),
    "quoted_crlf": (b'a,b\r\n"x\r\ny",2\r\n', [["x\r\ny", "2"]]),
    "quoted_cr": (b'a,b\n"x\ry",2\n', [["x\ry", "2"]]),
    "quoted_blank_lines": (b'a,b\n"\n\n",2\n', [["\n\n", "2"]]),
    "quoted_line_end_first": (b'a,b\n"\nx",2\n', [["\nx", "2"]]),
    "quoted_line_end_in_last_cell": (b'a,b\n1,"x\n"\n3,4\n', [["1", "x\n"], ["3", "4"]]),
    "doubled_quotes": (b'a,b\n"say ""hi""",2\n', [['say "hi"', "2"]]),
    "doubled_quotes_only": (b'a,b\n"""",""""""\n', [['"', '""']]),
    "doubled_quote_before_comma": (b'a,b\n"x"",y",2\n', [['x",y', "2"]]),
    "doubled_quote_before_line_end": (b'a,b\n"x""\ny",2\n', [['x"\ny', "2"]]),
    "quote_inside_plain_cell": (b'a,b\n6" pipe,2\n', [['6" pipe', "2"]]),
    "quote_at_end_of_plain_cell": (b'a,b\n6",2\n', [['6"', "2"]]),
    "quote_after_space": (b'a,b\n "x",2\n', [[' "x"', "2"]]),
    "single_quotes_are_text": (b"a,b\n'x','y'\n", [["'x'", "'y'"]]),
    "backslashes_are_text": (b"a,b\n\\n,C:\\x\\\n", [["\\n", "C:\\x\\"]]),
    "backslash_before_quote": (b'a,b\n"x\\",2\n', [["x\\", "2"]]),
    "json_in_a_cell": (b'a,b\n"{""x"": [1, 2]}",2\n', [['{"x": [1, 2]}', "2"]]),
    "semicolons": (b"a;b\n1,5;2\n", [["1,5", "2"]]),
    "semicolons_and_quoted_commas_in_header": (b'"a,b,c";d\n1;2\n', [["1", "2"]]),
    "tabs": (b"a\tb\n1\t2\n", [["1", "2"]]),
    "pipes": (b"a|b\n1|2\n", [["1", "2"]]),
    "quoted_semicolon": (b'a;b\n"1;5";2\n', [["1;5", "2"]]),
    "single_column": (b"a\n1\n2\n", [["1"], ["2"]]),
    "single_column_with_commas_quoted": (b'a\n"1,2"\n', [["1,2"]]),
    "single_column_empty_quoted": (b'a\n""\n1\n', [[""], ["1"]]),
    "single_column_blank_line": (b"a\n1\n\n2\n", [["1"], ["2"]]),
    "byte_order_mark": (b"\xef\xbb\xbfa,b\n1,2\n", [["1", "2"]]),
    "byte_order_mark_and_quoted_header": (b'\xef\xbb\xbf"a",b\n1,2\n', [["1", "2"]]),
    "byte_order_mark_alone": (b"\xef\xbb\xbf", []),
    "byte_order_mark_inside": (b"a,b\n\xef\xbb\xbf1,2\n", [["\ufeff1", "2"]]),
    "utf8": ("a,ü\né,😀\n".encode(), [["é", "😀"]]),
    "line_separator_is_text": ("a,b\n\u2028,\u2029\u0085\n".encode(), [["\u2028", "\u2029\u0085"]]),
    "form_feed_is_text": (b"a,b\nx\x0cy,\x0b\x1c\n", [["x\x0cy", "\x0b\x1c"]]),
    "null_character": (b"a,b\nx\0y,2\n", [["x\0y", "2"]]),
    "control_characters": (b"a,b\n\x01\x1b,\x7f\n", [["\x01\x1b", "\x7f"]]),
    "percent_signs": (b"a%s,%\n%d,100%\n", [["%d", "100%"]]),
    "formula": (b"a,b\n=1+1,@x\n", [["=1+1", "@x"]]),
    "long_cell": (b"a,b\n" + b"x" * 300_000 + b",2\n", [["x" * 300_000, "2"]]),
    "long_quoted_cell": (
        b'a,b\n"' + (b"x" * 300 + b"\n") * 1000 + b'",2\n3,4\n',
        [[("x" * 300 + "\n") * 1000, "2"], ["3", "4"]],
    ),
    "many_columns": (
        b",".join(b"c%d" % n for n in range(500)) + b"\n" + b",".join([b"1"] * 500) + b"\n",
        [["1"] * 500],
    ),
}  # fmt: skip

# What is refused: (line, reason) of each rejection, and the rows that arrive all the same.
BAD: dict[str, tuple[bytes, list[tuple[int, str]], Rows]] = {
    "too_few_cells": (
        b"a,b\n1\n2,3\n",
        [(2, "the row has 1 cells, and the header has 2")],
        [["2", "3"]],
    ),
    "too_many_cells": (
        b"a,b\n1,2,3\n4,5\n",
        [(2, "the row has 3 cells, and the header has 2")],
        [["4", "5"]],
    ),
    "trailing_comma": (b"a,b\n1,2,\n", [(2, "the row has 3 cells, and the header has 2")], []),
    "row_of_spaces": (b"a,b\n  \n", [(2, "the row has 1 cells, and the header has 2")], []),
    "other_delimiter": (b"a,b\n1;2\n", [(2, "the row has 1 cells, and the header has 2")], []),
    "text_after_quote": (b'a,b\n"x"y,2\n3,4\n', [(2, STRAY)], [["3", "4"]]),
    "space_after_quote": (b'a,b\n"x" ,2\n3,4\n', [(2, STRAY)], [["3", "4"]]),
    "text_after_quote_on_second_line": (b'a,b\n"x\ny"z,2\n3,4\n', [(2, STRAY)], [["3", "4"]]),
    "bad_rows_after_quoted_line_ends": (
        b'a,b\n"x\n\n\ny",1\n2\n3,4\n',
        [(6, "the row has 1 cells, and the header has 2")],
        [["x\n\n\ny", "1"], ["3", "4"]],
    ),
    "bad_row_after_lone_cr": (
        b"a,b\r1,2\r3\r4,5\r",
        [(3, "the row has 1 cells, and the header has 2")],
        [["1", "2"], ["4", "5"]],
    ),
    "quote_never_closed": (
        b'a,b\n1,2\n3,"x\n4,5\n6\n7,8\n',
        [(3, f"{TO_THE_END}, 3 lines later"), (5, "the row has 1 cells, and the header has 2")],
        [["1", "2"], ["4", "5"], ["7", "8"]],
    ),
    "quote_never_closed_at_the_end": (b'a,b\n1,2\n3,"', [(3, TO_THE_END)], [["1", "2"]]),
    "quote_never_closed_by_doubling": (b'a,b\n1,"x""', [(2, TO_THE_END)], []),
    "quote_never_closed_and_blank_lines": (
        b'a,b\n"1,2\n\n3,4\n\n',
        [(2, f"{TO_THE_END}, 3 lines later")],
        [["3", "4"]],
    ),
    "quote_closed_by_the_next_quoted_cell": (
        b'a,b\n1,"x\n2,y\n3,"z"\n4,"u\nv"\n',
        [(2, f"{OPEN} before line 4, which is a row by itself")],
        [["2", "y"], ["3", "z"], ["4", "u\nv"]],
    ),
    "quote_closed_by_the_next_row_of_several_lines": (
        b'a,b\n1,"x\n2,"y\nz"\n3,4\n',
        [(2, f"{OPEN} before line 3, which is a row by itself")],
        [["2", "y\nz"], ["3", "4"]],
    ),
    "every_row_has_one_quote_too_many": (
        b'a,b\n1,"x\n2,"y\n3,"z\n4,5\n',
        [
            (2, f"{OPEN} before line 3, which is a row by itself"),
            (3, f"{OPEN} before line 4, which is a row by itself"),
            (4, f"{TO_THE_END}, 1 lines later"),
        ],
        [["4", "5"]],
    ),
    "quotes_in_a_text_of_several_lines": (
        b'a,b\n"a\n6" pipe",2\n3,4\n',
        [(2, STRAY)],
        [["3", "4"]],
    ),
    "not_utf8": (
        b'a,b\n1,2\n1,n\xe9e\n"x\ny\xff\xfe",\xc3\n3,4\n',
        [
            (3, "byte 0xe9 in column 'b' is not utf-8; see --encoding"),
            (4, "byte 0xff in column 'a' is not utf-8; see --encoding"),
        ],
        [["1", "2"], ["3", "4"]],
    ),
    "not_utf8_after_byte_order_mark": (
        b"\xef\xbb\xbfa,b\n1,\xe9\n",
        [(2, "byte 0xe9 in column 'b' is not utf-8; see --encoding")],
        [],
    ),
    "utf8_cut_off": (
        b"a,b\n1,\xe2\x82",
        [(2, "byte 0xe2 in column 'b' is not utf-8; see --encoding")],
        [],
    ),
    "not_utf8_in_a_row_that_does_not_fit": (
        b"a,b\n\xe9\n1,2\n",
        [(2, "the row has 1 cells, and the header has 2")],
        [["1", "2"]],
    ),
}  # fmt: skip

REFUSED = {
    "repeated_names": (b"a,b,a\n1,2,3\n", "columns 1 and 3 have the same name: 'a'"),
    "no_names": (b",,\n1,2,3\n", "no column has a name"),
    "stray_quote_in_header": (b'"a"x,b\n1,2\n', "',' expected after '\"'"),
    "quote_never_closed_in_header": (b'a,"b\n1,2\n', OPEN),
    "names_after_blank_lines": (b"\n\na,a\n", "line 3: bad header"),
    "names_not_utf8": (b"a,\xe9\n1,2\n", "byte 0xe9 in column 2 is not utf-8"),
    "long_header": (b"a" * 2**20 + b",b\n", "it is longer than 1,048,576 bytes"),
}


def in_steps(data: bytes, size: int) -> Iterator[bytes]:
    """Byte strings of a size, with "nothing there yet" between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        yield b""


def read(
    byte_strings: Iterator[bytes],
    *,
    delimiter: str | None = None,
    settings: CsvSettings | None = None,
) -> Iterator[Block]:
    """Read a CSV all of whose columns are strings."""
    return DelimitedReader("f.csv", settings or CsvSettings(), delimiter, LIMIT).read(
        byte_strings, {}
    )


def taken(blocks: Iterator[Block]) -> tuple[Rows, list[tuple[int, str]]]:
    """The cells of the records, and line and reason of the rejections."""
    rows: Rows = []
    rejected = []
    for item in items_of(blocks):
        if isinstance(item, RawRecord):
            rows.append(list(item.fields.values()))
            assert json.loads(item.json) == item.fields
        else:
            rejected.append((item.line, item.reasons[0]))
    return rows, rejected


def sizes(data: bytes) -> list[int]:
    """Sizes to cut data by: small ones only where that does not take long."""
    return [len(data) or 1, 70_001] if len(data) > 10_000 else [len(data) or 1, 1, 2, 3, 7]


@pytest.mark.parametrize("name", GOOD)
def test_good_csv_arrives(name: str) -> None:
    """Cells arrive character for character, wherever the byte strings are cut."""
    data, rows = GOOD[name]
    for size in sizes(data):
        assert taken(read(in_steps(data, size))) == (rows, [])


@pytest.mark.parametrize("name", BAD)
def test_bad_row_costs_only_itself(name: str) -> None:
    """Bad rows are rejected with line and reason, and the rows around them arrive."""
    data, rejected, rows = BAD[name]
    for size in sizes(data):
        assert taken(read(in_steps(data, size))) == (rows, rejected)


@pytest.mark.parametrize("name", REFUSED)
def test_bad_csv_is_refused(name: str) -> None:
    """A header that does not name each column once is refused."""
    data, reason = REFUSED[name]
    for size in sizes(data):
        with pytest.raises(InputError) as refusal:
            list(read(in_steps(data, size)))
        assert reason in refusal.value.message


@given(
    st.lists(
        st.lists(st.text('ab",;\t|\r\n\u2028é\0%\\', max_size=6), min_size=2, max_size=2),
        max_size=6,
    ),
    st.sampled_from(",;\t|"),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.integers(1, 50),
)
def test_cells_full_of_marks_arrive(rows: Rows, delimiter: str, line_end: str, size: int) -> None:
    """Whatever marks cells are full of, they arrive as they were written, however it is cut."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerows([["one", "two"], *rows])
    data = file.getvalue().encode()
    assert taken(read(in_steps(data, size))) == (rows, [])


@given(st.text('ab",\r\n', max_size=40), st.integers(1, 10))
def test_any_text_is_read_the_same_however_it_is_cut(text: str, size: int) -> None:
    """What becomes of text of any kind does not depend on where it is cut."""
    data = f"a,b\n{text}".encode()
    assert taken(read(in_steps(data, size))) == taken(read(iter([data])))


@given(st.text('ab",\r\n', max_size=40))
def test_lines_are_numbered_as_in_an_editor(text: str) -> None:
    """The line of a record or a rejection is the one on which it begins in the file."""
    data = f"a,b\n{text}"
    lines = [*io.StringIO(data, newline="")]
    for item in items_of(read(in_steps(data.encode(), 3))):
        raw = io.StringIO(item.raw.decode(), newline="").readline().rstrip("\r\n")
        assert lines[item.line - 1].rstrip("\r\n") == raw


@pytest.mark.parametrize(
    ("encoding", "written_as"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),  # with its mark
        ("utf-16", "utf-16-le"),  # without
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("utf-32", "utf-32"),
        ("latin-1", "latin-1"),
        ("cp1252", "cp1252"),
        ("shift_jis", "shift_jis"),
    ],
)
def test_encodings(encoding: str, written_as: str) -> None:
    """Text arrives from the encoding that --encoding names, however the bytes are cut."""
    cells = ["日本", "\n"] if encoding == "shift_jis" else ["né", "ÿ\n"]
    data = f'id,x\n{cells[0]},"{cells[1]}"\n'.encode(written_as)
    for size in (1, 2, 3, 5, 1000):
        found = read(in_steps(data, size), settings=CsvSettings(encoding=encoding))
        assert taken(found) == ([cells], [])


def test_mark_of_the_same_encoding_is_no_text() -> None:
    """A byte order mark is dropped also where the encoding says which one it is."""
    for encoding in ("utf-16-le", "utf-16-be"):
        data = "\ufeffid,x\n1,2\n".encode(encoding)
        [record] = items_of(read(iter([data]), settings=CsvSettings(encoding=encoding)))
        assert isinstance(record, RawRecord)
        assert list(record.fields) == ["id", "x"]


@pytest.mark.parametrize(
    ("data", "encoding", "byte"),
    [
        (b"id,x\n0,\x82\xa0\n1,\x81 \n2,\x82\xa0\n", "shift_jis", "0x81"),
        (b"id,x\n0,y\n1,\x81\n2,y\n", "cp1252", "0x81"),
        (b"id,x\n0,y\n1,\xff\n2,y\n", "ascii", "0xff"),
        (b'id,x\n0,y\n1,"\xfe\n"\n2,y\n', "euc_kr", "0xfe"),
    ],
)
def test_bad_byte_costs_its_row_in_any_encoding_like_ascii(
    data: bytes, encoding: str, byte: str
) -> None:
    """A byte that is not in the encoding costs its row, which keeps its bytes; others arrive."""
    for size in (1, 3, 1000):
        items = [*items_of(read(in_steps(data, size), settings=CsvSettings(encoding=encoding)))]
        assert [type(item) for item in items] == [RawRecord, Rejection, RawRecord]
        assert isinstance(items[1], Rejection)
        reason = f"byte {byte} in column 'x' is not {encoding}; see --encoding"
        assert items[1].reasons == (reason,)
        assert b"\n" + items[1].raw + b"\n" in data


@pytest.mark.parametrize(
    ("data", "encoding", "reason"),
    [
        ("id,x\n1,2\n".encode("utf-16-le") + b"\x00\xd8a\x00", "utf-16-le", "line 3: .*byte 0x00"),
        ("id,x\n1,2\n".encode("utf-16") + b"a", "utf-16", "line 3: .*byte 0x61"),
        ("\ufeffid,x\r\n1,2\r\n".encode("utf-16-be") + b"a", "utf-16", "line 3: .*byte 0x61"),
        (b"id,x\n1,2\n1,+2AA-\n", "utf-7", "line 3: .*half of a surrogate pair"),
        (b"id,x\n1,2\n\xff,2\n", "utf-7", "line 3: .*byte 0xff"),
        ("id,x\n1,2\n".encode("utf-32-le") + b"a\0\0\x7f", "utf-32", "line 3: .*byte 0x61"),
    ],
)
def test_bad_byte_in_other_encodings_ends_the_file(data: bytes, encoding: str, reason: str) -> None:
    """UTF-16 and the like are refused at their first bad byte, by line; rows before it arrive."""
    for size in (1, 3, 1000):
        found = items_of(read(in_steps(data, size), settings=CsvSettings(encoding=encoding)))
        assert next(found).line == 2
        with pytest.raises(InputError, match=reason) as refusal:
            next(found)
        assert "--encoding" in str(refusal.value.hint)


def test_utf16_is_recognised_by_its_mark(tmp_path: Path) -> None:
    """UTF-16 that was not announced is refused with the option that reads it."""
    (tmp_path / "a.csv").write_bytes("id\n1\n".encode("utf-16"))
    settings = InputSettings(files=())
    with pytest.raises(InputError, match="is UTF-16") as refusal:
        list(Input(Source(str(tmp_path / "a.csv")), settings).identify())
    assert "--encoding utf-16" in str(refusal.value.hint)


@pytest.mark.parametrize(
    ("settings", "data", "rows"),
    [
        ({"delimiter": "^"}, b"a^b\n1,5^2\n", [["1,5", "2"]]),
        ({"delimiter": ";"}, b"a,b;c\n1;2\n", [["1", "2"]]),
        ({"delimiter": " "}, b"a b\n1 2\n", [["1", "2"]]),
        ({"delimiter": "\x01"}, b"a\x01b\n1\x012\n", [["1", "2"]]),
        ({"delimiter": "§", "encoding": "latin-1"}, b"a\xa7b\n1\xa72\n", [["1", "2"]]),
    ],
)
def test_delimiter_that_is_given_is_used(
    tmp_path: Path, settings: dict[str, str], data: bytes, rows: Rows
) -> None:
    """--delimiter goes before what the header looks like, and may be any character."""
    (tmp_path / "a.csv").write_bytes(data)
    csv_settings = CsvSettings(**settings)  # type: ignore[arg-type]
    found = Input(Source(str(tmp_path / "a.csv")), InputSettings(files=(), csv=csv_settings))
    assert not list(found.identify())
    assert taken(found.records({})) == (rows, [])


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"a,b\n1,2\n", "there is no column 'id'; there are 'a', 'b'"),
        (b"a\n1\n", "there is no column 'id'"),
        (b"ID,b\n1,2\n", "there is no column 'id'; there are 'ID', 'b'"),
        (b"id;b\n", None),
    ],
)
def test_header_has_the_columns_that_are_asked_for(data: bytes, complaint: str | None) -> None:
    """A header without a key column is refused, and the error shows what there is."""
    items = read(iter([data]), settings=CsvSettings(required_columns=("id",)))
    if complaint is None:
        assert not [*items_of(items)]
    else:
        with pytest.raises(InputError, match=complaint):
            list(items)


def test_rows_come_while_the_rest_is_awaited() -> None:
    """A row of several lines arrives once its last line is there, not when more follows."""
    pieces = iter([b'a,b\n1,"x\n', b"", b'y\nz"\n', b"", b"", b"2,3\n"])
    record = next(items_of(read(pieces)))
    assert isinstance(record, RawRecord)
    assert record.fields["b"] == "x\ny\nz"
    assert next(pieces) in {b"", b"2,3\n"}


def test_tsv_is_split_at_tabs_alone(tmp_path: Path) -> None:
    """A TSV's delimiter is the tab, however many commas its header has."""
    (tmp_path / "a.tsv").write_bytes(b"a,b,c\td\n1\t2,3\n")
    found = Input(Source(str(tmp_path / "a.tsv")), InputSettings(files=(), format=Format.AUTO))
    assert not list(found.identify())
    assert taken(found.records({})) == ([["1", "2,3"]], [])
