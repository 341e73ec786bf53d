r"""Dialects of CSV: what databases and spreadsheets write comes back as it was stored."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.model import RawRecord, Rejection
from rjcli.reading import Input, Source
from rjcli.reading.column_types import TypeDetector
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.settings.choices import ColumnType, Dialect, Format
from rjcli.settings.values import CsvSettings, InputSettings
from tests.support.blocks import items_of

Values = list[list[str | None]]
MYSQL, POSTGRES = CsvSettings(dialect=Dialect.MYSQL), CsvSettings(dialect=Dialect.POSTGRES)


def read(data: bytes, settings: CsvSettings, size: int | None = None) -> Values:
    """The values of all records; nothing may be rejected."""
    reader = DelimitedReader("f", settings, None, 10**6)
    pieces = [data[at : at + (size or len(data))] for at in range(0, len(data), size or len(data))]
    found = [*items_of(reader.read(iter(pieces), {}))]
    assert not [item for item in found if isinstance(item, Rejection)]
    for item in found:
        assert isinstance(item, RawRecord)
        assert json.loads(item.json) == item.fields
    return [[*item.fields.values()] for item in found if isinstance(item, RawRecord)]


@pytest.mark.parametrize(
    ("settings", "data", "values"),
    [
        (MYSQL, rb"a\tb\nc\\d", "a\tb\nc\\d"),
        (MYSQL, b"NULL", None),
        (MYSQL, rb"\N", None),
        (MYSQL, rb"\\N", r"\N"),
        (MYSQL, rb"x\N", "xN"),
        (MYSQL, rb"null", "null"),
        (MYSQL, rb"\0\Z\b", "\0\x1a\b"),
        (MYSQL, b"a\\\tb", "a\tb"),
        (MYSQL, b"a\\\nb", "a\nb"),
        (MYSQL, b"a\\\r\nb", "a\r\nb"),
        (MYSQL, b"a\\\\\\\nb", "a\\\nb"),
        (MYSQL, b"a\\\t\\N", "a\tN"),
        (MYSQL, b'"a"', '"a"'),
        (MYSQL, b'6" pipe', '6" pipe'),
        (MYSQL, b"", ""),
        (POSTGRES, rb"\N", None),
        (POSTGRES, b"NULL", "NULL"),
        (POSTGRES, rb"\\N", r"\N"),
        (POSTGRES, rb"C:\\temp\\new\tx", "C:\\temp\\new\tx"),
        (POSTGRES, rb"\f\v\r", "\f\v\r"),
        (POSTGRES, b'{"a": "b\\\\"}', '{"a": "b\\"}'),
    ],
)
def test_cells_of_databases(settings: CsvSettings, data: bytes, values: str | None) -> None:
    r"""Escapes of mysql --batch, INTO OUTFILE and COPY are undone, \N is null, quotes are text."""
    rows = b"id\tx\ty\n1\t%b\tz\n2\ty\t%b\n" % (data, data)
    for size in (None, 1, 3):
        assert read(rows, settings, size) == [["1", values, "z"], ["2", "y", values]]


@given(
    st.lists(
        st.lists(st.none() | st.text('ab\\N\t\n\r"0', max_size=5), min_size=2, max_size=2),
        max_size=4,
    ),
    st.integers(1, 30),
)
def test_what_copy_writes_arrives(rows: Values, size: int) -> None:
    """Any text and null that PostgreSQL writes in its text format is read as it was stored."""
    escapes = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
    lines = [
        "\t".join(r"\N" if cell is None else cell.translate(escapes) for cell in row)
        for row in rows
    ]
    data = "\n".join(["a\tb", *lines, r"\.", ""]).encode()
    assert read(data, POSTGRES, size) == rows


@given(
    st.lists(st.lists(st.text('ab"\\N,\n\r', max_size=5), min_size=2, max_size=2), max_size=4),
    st.sampled_from(['"', "'"]),
    st.integers(1, 30),
)
def test_quotes_with_escapes_arrive(rows: Values, quote: str, size: int) -> None:
    """Quoted cells whose quotes and backslashes are escaped are read as they were stored."""
    escapes = str.maketrans({"\\": r"\\", quote: f"\\{quote}"})
    lines = [
        ",".join(f"{quote}{cell.translate(escapes)}{quote}" for cell in row if cell is not None)
        for row in rows
    ]
    data = "\n".join(["a,b", *lines, ""]).encode()
    assert read(data, CsvSettings(quote=quote, escape="\\"), size) == rows


@pytest.mark.parametrize(
    ("settings", "data", "values"),
    [
        ({"quote": None}, b'a,b\n"x,y"z\n', [['"x', 'y"z']]),
        ({"quote": "'"}, b"a,b\n'x,y','z''s'\n\"1,2\n", [["x,y", "z's"], ['"1', "2"]]),
        ({"escape": "\\"}, b'a,b\n"\\"x\\"",C:\\dir\n', [['"x"', "C:\\dir"]]),
        ({"escape": "\\", "null_strings": ("\\N",)}, b'a,b\n\\N,"\\\\"\n', [[None, "\\"]]),
        ({"escape": "\\"}, b"a,b\nx\\,y,z\\\n1\n", [["x,y", "z\n1"]]),
        ({"escape": '"'}, b'a,b\n"x""y",z\n', [['x"y', "z"]]),
        ({"dialect": Dialect.RFC4180}, b"a;1,b\n1,2;3\n", [["1", "2;3"]]),
        ({"dialect": Dialect.RFC4180}, b"sep=;,b\n1,2\n", [["1", "2"]]),
        ({"dialect": Dialect.EXCEL}, b'sep=;\r\na,1;"b"\r\n1;2\r\n', [["1", "2"]]),
        ({}, b"sep=;\n\na,1;b\n1;2\n", [["1", "2"]]),
        ({}, b'"sep=\t"\r\na,b\tc\r\n1\t2\r\n', [["1", "2"]]),
        ({"delimiter": ","}, b"sep=;\na,b\n1,2;3\n", [["1", "2;3"]]),
        ({"null_strings": ("-", "n/a")}, b"a,b,c\n-,n/a,\n", [[None, None, ""]]),
    ],
)
def test_quote_escape_and_separator(
    settings: dict[str, object], data: bytes, values: Values
) -> None:
    """Options for quote, escape, dialect and null, and Excel's sep= line, say how to read a CSV."""
    for size in (None, 1, 3):
        assert read(data, CsvSettings(**settings), size) == values  # type: ignore[arg-type]


def test_null_of_a_dialect_says_nothing_of_the_type(tmp_path: Path) -> None:
    r"""A column of numbers and \N is a column of numbers, and its \N is null."""
    (tmp_path / "a.tsv").write_bytes(b"id\tx\n1\t\\N\n2\t1.50\n3\tNULL\n")
    settings = InputSettings(files=(), csv=MYSQL)
    found = Input(Source(str(tmp_path / "a.tsv")), settings)
    assert not [*found.identify()]
    detector = TypeDetector(MYSQL)
    assert not [step for step in found.detect(detector) if step]
    assert detector.types() == {"id": ColumnType.INTEGER, "x": ColumnType.NUMBER}
    records = items_of(found.records(detector.types()))
    assert [item.json for item in records if isinstance(item, RawRecord)] == [
        b'{"id":1,"x":null}',
        b'{"id":2,"x":1.50}',
        b'{"id":3,"x":null}',
    ]


def test_null_of_a_dialect_is_a_name_in_the_header() -> None:
    r"""A column that is called \N has that name, in the dialects whose null it is too."""
    reader = DelimitedReader("f", CsvSettings(dialect=Dialect.POSTGRES), None, 10**6)
    [item] = items_of(reader.read(iter([b"\\N\tb\n1\t\\N\n"]), {}))
    assert isinstance(item, RawRecord)
    assert item.json == rb'{"\\N":"1","b":null}'


@pytest.mark.parametrize(
    ("data", "settings", "dialect"),
    [
        (b"a\tb\n1\t\\N\n2\t\\N\n\\N\t3\n", {}, "postgres"),
        (b"a\tb\n1\tNULL\n2\tNULL\nNULL\t3\n", {}, "mysql"),
        (b"a\tb\n1\tNULL\n2\tNULL\nNULL\t3\n", {"dialect": Dialect.MYSQL}, None),
        (b"a\tb\n1\t\\N\n2\t\\N\n\\N\t3\n", {"escape": "\\"}, None),
        (b'a\tb\n1\t"\\N"\n2\t\\N\n\\N\t3\n\\N\t3\n', {}, None),
        (b"a\tb\n1\tNULL\n2\tx\n", {}, None),
        (b"a\tb\n1\tC:\\new\n2\tx\n", {}, None),
    ],
)
def test_dialect_is_suggested(
    tmp_path: Path, data: bytes, settings: dict[str, object], dialect: str | None
) -> None:
    """A note names the dialect that a file looks like, if none was given."""
    (tmp_path / "a.tsv").write_bytes(data)
    csv = CsvSettings(**settings)  # type: ignore[arg-type]
    found = Input(Source(str(tmp_path / "a.tsv")), InputSettings(files=(), csv=csv))
    assert not [*found.identify()]
    notes = found.take_notes()
    assert not found.take_notes()
    if dialect is None:
        assert not notes
    else:
        [note] = notes
        assert f"--dialect {dialect}" in note
        assert note.startswith(f"{tmp_path}/a.tsv: ")


def test_tsv_keeps_its_tabs_in_the_excel_dialect(tmp_path: Path) -> None:
    """The format's delimiter is used where neither the settings nor the file name another."""
    (tmp_path / "a.tsv").write_bytes(b"a,b,c\td\n1\t2\n")
    csv = CsvSettings(dialect=Dialect.EXCEL)
    settings = InputSettings(files=(), csv=csv, format=Format.TSV)
    found = Input(Source(str(tmp_path / "a.tsv")), settings)
    assert not [*found.identify()]
    [record] = items_of(found.records({}))
    assert isinstance(record, RawRecord)
    assert record.fields == {"a,b,c": "1", "d": "2"}
