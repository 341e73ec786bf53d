"""Headers as they are: without names, with names twice, or none at all."""

import re
from pathlib import Path

import pytest

from rjcli.errors import InputError
from rjcli.model import RawRecord, Rejection
from rjcli.reading import Input, Source
from rjcli.reading.column_types import TypeDetector
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.settings.choices import HeaderEmpty
from rjcli.settings.values import CsvSettings, InputSettings
from tests.support.blocks import Item, items_of


def read(
    path: Path, csv: CsvSettings | None = None, *, detect: bool = True
) -> tuple[list[Item], list[str]]:
    """Everything that is found in a CSV, as a push finds it, and the notes."""
    csv = csv or CsvSettings()
    found = Input(Source(str(path)), InputSettings(files=(), csv=csv))
    assert not [*found.identify()]
    detector = TypeDetector(csv)
    if detect:
        assert not [step for step in found.detect(detector) if step]
    items = [*items_of(found.records(detector.types()))]
    return items, [note.removeprefix(f"{path}: ") for note in found.take_notes()]


def texts(items: list[Item]) -> list[str]:
    """The JSON of records, and the reasons of rejections."""
    return [
        item.json.decode() if isinstance(item, RawRecord) else item.reasons[0] for item in items
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (b"0,1,a\n1,2,b\n", ['{"id":1,"x":"a"}', '{"id":2,"x":"b"}']),
        (b"1,1,a\n3,2,b\n", ['{"id":1,"x":"a"}', '{"id":2,"x":"b"}']),
        (b",1,a\n,2,b\n", ['{"id":1,"x":"a"}', '{"id":2,"x":"b"}']),
        (b'"0",1,a\n"1",2,"b\nc"\n', ['{"id":1,"x":"a"}', '{"id":2,"x":"b\\nc"}']),
        (b"0,1,a\n9\n2,2,b\n", ['{"id":1,"x":"a"}', "the row has 1 cells, and the header has 3",
                                '{"id":2,"x":"b"}']),
    ],
)  # fmt: skip
@pytest.mark.parametrize("detect", [True, False])
def test_column_without_a_name_is_left_out(
    tmp_path: Path, rows: bytes, expected: list[str], *, detect: bool
) -> None:
    """A nameless column that holds an index or nothing is left out, with a note."""
    (tmp_path / "a.csv").write_bytes(b",id,x\n" + rows)
    items, notes = read(tmp_path / "a.csv", detect=detect)
    if not detect:
        expected = [re.sub(r'"id":(\d)', r'"id":"\1"', text) for text in expected]
    assert texts(items) == expected
    assert notes == ["column 1: without a name, and left out"]
    assert items[0].raw == rows.splitlines()[0]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (b"7,1\n8,2\n", 2),
        (b"0,1\n1,2\n1,3\n", 4),
        (b"0,1\nx,2\n", 3),
        (b"0,1\n01,2\n", 3),
        (b",1\n0.5,2\n", 3),
        (b"0,1\n%b,2\n" % (b"9" * 5000), 3),
    ],
)
def test_column_without_a_name_that_holds_values_is_an_error(
    tmp_path: Path, rows: bytes, line: int
) -> None:
    """Values in a nameless column are never dropped: it is an error before anything is read."""
    (tmp_path / "a.csv").write_bytes(b",id\n" + rows)
    with pytest.raises(
        InputError, match=rf"a\.csv, line {line}: .*column 1 has no name"
    ) as refusal:
        read(tmp_path / "a.csv")
    assert "--rename 1=name" in str(refusal.value.hint)
    assert "--header-empty name" in str(refusal.value.hint)


def test_without_types_the_first_row_decides(tmp_path: Path) -> None:
    """Without a pass for types the first row decides; later values in the column cost a row."""
    (tmp_path / "a.csv").write_bytes(b",id\n0,1\n7,2\n5,3\n8,4\n")
    items, _ = read(tmp_path / "a.csv", detect=False)
    assert [type(item) for item in items] == [RawRecord, RawRecord, Rejection, RawRecord]
    assert texts(items)[2] == "column 1 has no name, and more than an index in it"
    (tmp_path / "a.csv").write_bytes(b",id\nx,1\n0,2\n")
    with pytest.raises(InputError, match="line 2"):
        read(tmp_path / "a.csv", detect=False)


@pytest.mark.parametrize(
    ("settings", "data", "expected"),
    [
        ({"header_empty": HeaderEmpty.NAME}, b"a,,\nx,y,z\n",
         '{"a":"x","column_2":"y","column_3":"z"}'),
        ({"renamed_positions": {2: "b", 3: "c"}}, b"a,,\nx,y,z\n", '{"a":"x","b":"y","c":"z"}'),
        ({"renamed_positions": {2: "b"}}, b"a,a\nx,y\n", '{"a":"x","b":"y"}'),
        ({"renamed_positions": {2: "b"}}, b"a,2\nx,y\n", '{"a":"x","2":"y"}'),
        ({"renamed_positions": {2: "b"}, "required_columns": ("2", "b")}, b"a,b\nx,y\n",
         '{"a":"x","b":"y"}'),
        ({"header": False, "column_names": ("a", "b")}, b"x,y\n", '{"a":"x","b":"y"}'),
        ({"header": False}, b"\nx,y\n", '{"column_1":"x","column_2":"y"}'),
        ({"header": False, "renamed_positions": {1: "a"}}, b"x,y\n", '{"a":"x","column_2":"y"}'),
        ({"header": False}, b"sep=|\nx,1|y\n", '{"column_1":"x,1","column_2":"y"}'),
        ({"header": False}, b'"x\ny",z\n', '{"column_1":"x\\ny","column_2":"z"}'),
        ({"column_names": ("a", "b")}, b"1,1\nx,y\n", '{"a":"x","b":"y"}'),
        ({}, b'" a ",b\t\nx,y\n', '{"a":"x","b":"y"}'),
    ],
)  # fmt: skip
def test_columns_get_their_names(
    tmp_path: Path, settings: dict[str, object], data: bytes, expected: str
) -> None:
    """Columns are named by the header, by position, by the settings, or by their number."""
    (tmp_path / "a.csv").write_bytes(data)
    items, notes = read(tmp_path / "a.csv", CsvSettings(**settings))  # type: ignore[arg-type]
    assert texts(items) == [expected]
    assert bool(notes) == (b" a " in data)


@pytest.mark.parametrize(
    ("settings", "data", "reason", "hint"),
    [
        ({}, b"a,b,b,a,b\n", "columns 2 and 3 have the same name: 'b'", "--rename 3=name"),
        ({}, b"a, a\n", "columns 1 and 2 have the same name: 'a'", "--rename 2=name"),
        ({"header_empty": HeaderEmpty.ERROR}, b"a,\n", "column 2 has no name", "--rename 2=name"),
        ({"renamed_positions": {3: "c"}}, b"a,b\n", "there is no column 3 to call 'c', only 2", ""),
        ({"renamed_positions": {1: "b"}}, b"a,b\n", "columns 1 and 2 have the same name", ""),
        ({"column_names": ("a",)}, b"a,b\n", "there are 2 columns, and names for 1", "--columns"),
        ({"required_columns": ("id",)}, b"a,b\n", "there is no column 'id'; there are 'a', 'b'",
         "--no-header --columns"),
    ],
)  # fmt: skip
def test_bad_header_says_what_to_do(
    tmp_path: Path, settings: dict[str, object], data: bytes, reason: str, hint: str
) -> None:
    """An error in a header names columns and positions, and the option that helps."""
    (tmp_path / "a.csv").write_bytes(data + b"1\n")
    with pytest.raises(InputError) as refusal:
        read(tmp_path / "a.csv", CsvSettings(**settings))  # type: ignore[arg-type]
    assert f"a.csv, line 1: bad header: {reason}" in refusal.value.message
    assert hint in str(refusal.value.hint)


@pytest.mark.parametrize(
    "row",
    [
        b"Smith,4111111111111111,jo@example.com",
        b"Smith,4111 1111 1111 1111,x",
        b"Smith,jo@example.com,x",
        b"Smith,2019-08-01,x",
        b"Smith,x,",
        b"Smith," + b"x" * 100_000 + b",y",
        b"Smith,4111111111111111,4111111111111111",
    ],
)
def test_row_in_the_place_of_a_header_is_not_shown(tmp_path: Path, row: bytes) -> None:
    """Where the first line may be a row of values, an error shows none of them."""
    (tmp_path / "a.csv").write_bytes(row + b"\n" + row + b"\n")
    with pytest.raises(InputError) as refusal:
        read(tmp_path / "a.csv", CsvSettings(required_columns=("id",)))
    shown = f"{refusal.value.message} {refusal.value.hint}"
    assert "--no-header" in shown or "--rename" in shown
    assert not [cell for cell in ("Smith", "4111", "jo@", "2019", "xxx") if cell in shown]


def test_header_of_many_columns_is_shortened(tmp_path: Path) -> None:
    """An error shows at most 10 names, of 40 characters each."""
    names = [f"{'long_' * 12}{letter * 3}" for letter in "abcdefghijklmnop"]
    (tmp_path / "a.csv").write_text(",".join(names) + "\n")
    with pytest.raises(InputError) as refusal:
        read(tmp_path / "a.csv", CsvSettings(required_columns=("i" * 1000,)))
    assert refusal.value.message.endswith("…' and 6 more")
    assert len(refusal.value.message) < 650


def test_text_before_the_rows_is_kept(tmp_path: Path) -> None:
    """The bytes before the first row are kept unchanged, so that rejects can be read again."""
    for data, encoding, header in (
        (b"sep=;\r\n\r\n id;x\r\n1;2\r\n", "utf-8", b"sep=;\r\n\r\n id;x\r\n"),
        (b"\n\xef\xbb\xbfid,x\n1,2\n", "utf-8", b"\xef\xbb\xbfid,x\n"),
        (b"\xef\xbb\xbfid,x\r1,2\r", "utf-8", b"\xef\xbb\xbfid,x\r"),
        ("id,é\r\n1,2\r\n".encode("utf-16"), "utf-16", "\ufeffid,é\r\n".encode("utf-16-le")),
        (b"id,\xe9\n1,2\n", "latin-1", b"id,\xe9\n"),
    ):
        (tmp_path / "a.csv").write_bytes(data)
        csv = CsvSettings(encoding=encoding)
        found = Input(Source(str(tmp_path / "a.csv")), InputSettings(files=(), csv=csv))
        assert not [*found.identify()]
        assert len([*items_of(found.records({}))]) == 1
        assert found.header[0] == header
    (tmp_path / "a.csv").write_bytes(b"1,2\r\n3,4\r\n")
    settings = InputSettings(files=(), csv=CsvSettings(header=False))
    found = Input(Source(str(tmp_path / "a.csv")), settings)
    assert not [*found.identify()]
    assert len([*items_of(found.records({}))]) == 2
    assert found.header == (b"", b"\r\n")


def test_header_of_80_000_columns_with_one_name_twice() -> None:
    """A very wide header is checked in time in proportion to its columns."""
    names = [f"c{number}" for number in range(80_000)]
    names[-1] = names[40_000]
    reader = DelimitedReader("f", CsvSettings(), None, 10**6)
    with pytest.raises(InputError, match="columns 40,001 and 80,000 have the same name"):
        [*reader.read(iter([",".join(names).encode() + b"\n"]), {})]


def test_very_many_blank_lines_after_the_separator(tmp_path: Path) -> None:
    """The header is found after any number of blank lines, before and after Excel's sep= line."""
    (tmp_path / "a.csv").write_bytes(b"\n" * 70_000 + b"sep=;\n" + b"\n" * 70_000 + b"a;b\n1;2\n")
    items, _ = read(tmp_path / "a.csv", CsvSettings(max_field_lines=1))
    assert texts(items) == ['{"a":1,"b":2}']
    assert items[0].line == 140_003


def test_quote_that_the_encoding_lacks() -> None:
    """A quote that no file in the encoding can have makes no difference."""
    settings = CsvSettings(quote="«", encoding="ascii")
    reader = DelimitedReader("f", settings, None, 10)
    items = [*items_of(reader.read(iter([b"a,b\n1,2\n" + b"x" * 100_000]), {}))]
    assert texts(items) == [
        '{"a":"1","b":"2"}',
        "the record is longer than 10 bytes; see --max-record-bytes",
    ]
