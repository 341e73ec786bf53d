"""CSV types: a column is what every one of its values plainly is, and a string otherwise."""

import json
import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.model import RawRecord, Rejection
from rjcli.reading import Input, KnownTypes, Source
from rjcli.reading.column_types import TypeDetector
from rjcli.reading.csv_cells import CellEncoder
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.settings.choices import ColumnType
from rjcli.settings.values import CsvSettings, InputSettings
from tests.support.blocks import Item, items_of

STRING, INTEGER, NUMBER = ColumnType.STRING, ColumnType.INTEGER, ColumnType.NUMBER
BOOLEAN, JSON = ColumnType.BOOLEAN, ColumnType.JSON


def detect(values: Sequence[str], settings: CsvSettings | None = None) -> ColumnType:
    """The type of a column with these values."""
    detector = TypeDetector(settings or CsvSettings())
    assert not [*detector.observe(["x"], [[value] for value in values], lambda _: ("", 0))]
    return detector.types()["x"]


def read(
    *paths: Path, settings: CsvSettings | None = None
) -> tuple[dict[str, ColumnType], list[Item]]:
    """Detect the types of some CSVs and read them, as a push does."""
    settings = settings or CsvSettings()
    inputs = [Input(Source(str(path)), InputSettings(files=(), csv=settings)) for path in paths]
    detector = TypeDetector(settings)
    for found in inputs:
        assert not list(found.identify())
        if found.wants_types(detector):
            assert not [step for step in found.detect(detector) if step]
    types = {**settings.types, **detector.types()}
    return types, [item for found in inputs for item in items_of(found.records(types))]


def texts(items: list[Item]) -> list[str]:
    """The JSON of the records, with nothing rejected."""
    assert not [item for item in items if isinstance(item, Rejection)]
    return [item.json.decode() for item in items if isinstance(item, RawRecord)]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["1"], INTEGER),
        (["0"], INTEGER),
        (["-1", "0", "1"], INTEGER),
        (["1", "", "2"], INTEGER),
        (["", "", ""], STRING),
        ([""], STRING),
        (["9223372036854775807"], INTEGER),
        (["-9223372036854775808"], INTEGER),
        (["9223372036854775808"], STRING),
        (["-9223372036854775809"], STRING),
        (["9999999999999999999"], STRING),
        (["1000000000000000000"], INTEGER),
        (["999999999999999999", "9223372036854775807", "1"], INTEGER),
        (["1", "12345678901234567890"], STRING),
        (["12345678901234567890.5"], STRING),
        (["9223372036854775807", "1.5"], NUMBER),
        (["9223372036854775808", "1.5"], STRING),
        (["007"], STRING),
        (["1", "2", "007"], STRING),
        (["00"], STRING),
        (["-0"], STRING),
        (["-007"], STRING),
        (["+1"], STRING),
        (["1e5"], STRING),
        (["1.5e5"], STRING),
        (["1E5"], STRING),
        (["0x1F"], STRING),
        (["1_000"], STRING),
        (["1,000"], STRING),
        (["1.000,00"], STRING),
        ([" 1"], STRING),
        (["1 "], STRING),
        (["1\n"], STRING),
        (["1\n2"], STRING),
        (["1", "2\n3"], STRING),
        (["1\r"], STRING),
        (["-"], STRING),
        (["--1"], STRING),
        (["$1"], STRING),
        (["50%"], STRING),
        (["٣"], STRING),
        (["１"], STRING),  # noqa: RUF001 - a digit, but not an ASCII one
        (["²"], STRING),
        (["+49 30 1234567"], STRING),
        (["030-1234567"], STRING),
        (["0301234567"], STRING),
        (["555-1234"], STRING),
        (["2026-01-31"], STRING),
        (["12:30"], STRING),
        (["192.168.0.1"], STRING),
        (["1.2.3"], STRING),
        (["12.50"], NUMBER),
        (["12.50", "3"], NUMBER),
        (["3", "12.50", ""], NUMBER),
        (["0.1", "-0.1", "-0.0"], NUMBER),
        (["1." + "3" * 50], NUMBER),
        (["00.5"], STRING),
        ([".5"], STRING),
        (["5."], STRING),
        (["-.5"], STRING),
        (["+1.5"], STRING),
        (["1.5", "007"], STRING),
        (["NaN"], STRING),
        (["1.5", "NaN"], STRING),
        (["nan"], STRING),
        (["Infinity"], STRING),
        (["-inf"], STRING),
        (["N/A"], STRING),
        (["1", "N/A"], STRING),
        (["NULL"], STRING),
        (["1", "null"], STRING),
        (["true"], BOOLEAN),
        (["true", "false", ""], BOOLEAN),
        (["True"], STRING),
        (["TRUE"], STRING),
        (["true", "True"], STRING),
        (["true", "1"], STRING),
        (["0", "1"], INTEGER),
        (["yes", "no"], STRING),
        (["t"], STRING),
        (['{"a":1}'], STRING),
        (["abc"], STRING),
    ],
)
def test_column_is_what_all_its_values_plainly_are(values: list[str], type_: ColumnType) -> None:
    """One value that is not plainly an integer, a decimal or a boolean makes a string column."""
    assert detect(values) == type_
    assert detect(values[::-1]) == type_
    assert detect([*values, *[""] * 3]) == type_


def test_null_string_says_nothing_of_the_type() -> None:
    """Cells that read as --null-string count as empty where types are found."""
    settings = CsvSettings(null_strings=("N/A",))
    assert detect(["1", "N/A", "2"], settings) == INTEGER
    assert detect(["N/A"], settings) == STRING


numbers = st.one_of(
    st.integers().map(str),
    st.integers(-(2**63) - 3, -(2**63) + 3).map(str),
    st.integers(2**63 - 3, 2**63 + 3).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.floats().map(str),
    st.text("0123456789+-.eE \n", max_size=8),
    st.sampled_from(["true", "false", "", "True", "null", "NaN", "007"]),
)


@given(st.lists(numbers, min_size=1, max_size=8))
def test_typed_values_are_json_of_their_type(values: list[str]) -> None:
    """Whatever a column is found to be, each of its values is JSON of that type."""
    type_ = detect(values)
    for value in filter(None, values):
        if type_ is INTEGER:
            assert str(int(value)) == value
            assert -(2**63) <= int(value) < 2**63
        elif type_ is NUMBER:
            assert isinstance(json.loads(value), int | float)
        elif type_ is BOOLEAN:
            assert isinstance(json.loads(value), bool)


def test_values_leave_with_their_own_text(tmp_path: Path) -> None:
    """Numbers and booleans keep their text, empty cells are null, and strings are quoted."""
    (tmp_path / "a.csv").write_bytes(
        b'id,price,ok,name,zip\n1,12.50,true,a,007\n2,,,,\n9223372036854775807,3,false,"x\ny",1\n'
    )
    types, items = read(tmp_path / "a.csv")
    assert types == {"id": INTEGER, "price": NUMBER, "ok": BOOLEAN, "name": STRING, "zip": STRING}
    assert texts(items) == [
        '{"id":1,"price":12.50,"ok":true,"name":"a","zip":"007"}',
        '{"id":2,"price":null,"ok":null,"name":"","zip":""}',
        '{"id":9223372036854775807,"price":3,"ok":false,"name":"x\\ny","zip":"1"}',
    ]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, '{"n":null,"s":"","t":"NULL","e":""}'),
        ({"empty_null": True}, '{"n":null,"s":null,"t":"NULL","e":null}'),
        ({"null_strings": ("NULL",)}, '{"n":null,"s":"","t":null,"e":""}'),
        ({"null_strings": ("NULL",), "empty_null": True}, '{"n":null,"s":null,"t":null,"e":null}'),
        ({"null_strings": ("",)}, '{"n":null,"s":null,"t":"NULL","e":null}'),
        ({"detect_types": False}, '{"n":"","s":"","t":"NULL","e":""}'),
        ({"detect_types": False, "types": {"n": INTEGER}}, '{"n":null,"s":"","t":"NULL","e":""}'),
    ],
)
def test_empty_cells(tmp_path: Path, settings: dict[str, Any], expected: str) -> None:
    """Empty cells are null in typed columns, and in string columns only where that is asked for."""
    (tmp_path / "a.csv").write_bytes(b"n,s,t,e\n1,a,b,\n,,NULL,\n")
    _, items = read(tmp_path / "a.csv", settings=CsvSettings(**settings))
    assert texts(items)[1] == expected


def test_one_value_in_the_last_row_decides(tmp_path: Path) -> None:
    """The whole file decides: one value in the last of very many rows makes a string column."""
    rows = b"".join(b"%d,%d\n" % (n, n) for n in range(60_000))
    (tmp_path / "a.csv").write_bytes(b"id,x\n" + rows + b"60000,007\n")
    types, items = read(tmp_path / "a.csv")
    assert types == {"id": INTEGER, "x": STRING}
    found = texts(items)
    assert found[0] == '{"id":0,"x":"0"}'
    assert found[-1] == '{"id":60000,"x":"007"}'


def test_ragged_rows_say_nothing_of_the_type(tmp_path: Path) -> None:
    """Rows that are rejected do not count where types are found."""
    (tmp_path / "a.csv").write_bytes(b'id,x\n1,2\nabc\n"u"v,w\n2,3\n')
    types, _ = read(tmp_path / "a.csv")
    assert types == {"id": INTEGER, "x": INTEGER}


def test_several_files_share_their_types(tmp_path: Path) -> None:
    """A column has one type in all files: what one of them makes a string is one in the others."""
    (tmp_path / "a.csv").write_bytes(b"id,x,y\n1,2,3\n")
    (tmp_path / "b.csv").write_bytes(b"y;id;x\n1.5;4;n/a\n")
    types, items = read(tmp_path / "a.csv", tmp_path / "b.csv")
    assert types == {"id": INTEGER, "x": STRING, "y": NUMBER}
    assert texts(items) == ['{"id":1,"x":"2","y":3}', '{"y":1.5,"id":4,"x":"n/a"}']


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        (INTEGER, ["1", "-1", "0", "", "12345678901234567890123"], ["007", "+1", "1.0", "x", " 1"]),
        (NUMBER, ["1", "1.50", "1e5", "-1E-5", "1e400", ""], ["01.5", ".5", "1.", "NaN", "1,5"]),
        (BOOLEAN, ["true", "false", ""], ["True", "1", "yes", "true "]),
        (JSON, ["1", '{"a": [1.10]}', '"x"', "null", "", " [1]\n"], ["x", "{", "NaN", "'a'"]),
        (STRING, ["1", "007", "true", "", "NaN"], []),
    ],
)
def test_pinned_column(tmp_path: Path, type_: ColumnType, good: list[str], bad: list[str]) -> None:
    """In a column pinned by --type a value that fits keeps its text; a misfit is rejected."""
    quoted = ['"' + value.replace('"', '""') + '"' for value in [*good, *bad]]
    rows = "".join(f"{number},{cell}\n" for number, cell in enumerate(quoted))
    (tmp_path / "a.csv").write_text(f"id,x\n{rows}")
    _, items = read(tmp_path / "a.csv", settings=CsvSettings(types={"x": type_}))
    records = [item for item in items if isinstance(item, RawRecord)]
    for record, value in zip(records, good, strict=True):
        shown = json.dumps(value) if type_ is STRING else value or "null"
        assert record.json.decode().endswith(f',"x":{shown}}}')
        json.loads(record.json)
    rejected = [item for item in items if isinstance(item, Rejection)]
    assert len(rejected) == len(bad)
    for rejection, value in zip(rejected, bad, strict=True):
        assert rejection.raw.decode().endswith(f',"{value}"')
        assert "'x'" in rejection.reasons[0]


def test_json_column_keeps_its_text(tmp_path: Path) -> None:
    """The cells of a json column become members of their record unchanged."""
    (tmp_path / "a.csv").write_text('id,x\n1,"{""b"": 1.10, ""a"": [12345678901234567890]}"\n')
    _, items = read(tmp_path / "a.csv", settings=CsvSettings(types={"x": JSON}))
    assert texts(items) == ['{"id":1,"x":{"b": 1.10, "a": [12345678901234567890]}}']


@pytest.mark.parametrize(
    ("types", "header", "wanted"),
    [
        ({}, b"id,x\n", True),
        ({"id": INTEGER}, b"id,x\n", True),
        ({"id": INTEGER, "x": STRING}, b"id,x\n", False),
        ({"id": INTEGER, "x": STRING, "y": STRING}, b"id,x\n", False),
        ({"id": INTEGER, "a\nb": STRING}, b'"a\nb",id\n', False),
    ],
)
def test_types_are_not_looked_for_where_all_are_pinned(
    tmp_path: Path, types: dict[str, ColumnType], header: bytes, *, wanted: bool
) -> None:
    """A CSV is read only once if each of its columns is pinned."""
    (tmp_path / "a.csv").write_bytes(header + b"1,2\n")
    settings = InputSettings(files=(), csv=CsvSettings(types=types))
    found = Input(Source(str(tmp_path / "a.csv")), settings)
    assert not list(found.identify())
    assert found.wants_types(TypeDetector(settings.csv)) == wanted


@pytest.mark.parametrize(("header", "cut"), [('id,"a\nb"', 6), ("id,é", 4), ("id,xé\r", 6)])
def test_header_that_comes_in_pieces_is_waited_for(header: str, cut: int) -> None:
    """A header that a pipe cuts within a cell or a character is not taken for a bad one."""
    data = f"{header}\n1,2\n".encode()
    reading, writing = os.pipe()
    found = Input(Source(f"/dev/fd/{reading}"), InputSettings(files=()))
    steps = found.identify()
    assert next(steps) is None
    os.write(writing, data[:cut])
    next(steps, None)
    os.write(writing, data[cut:])
    os.close(writing)
    assert not [step for step in steps if step]
    detector = TypeDetector(CsvSettings())
    assert found.wants_types(detector)
    assert not [step for step in found.spool() if step]
    assert not [step for step in found.detect(detector) if step]
    assert len(texts(list(items_of(found.records(detector.types()))))) == 1
    os.close(reading)


@pytest.mark.parametrize(
    "changed",
    [
        b"id,x\nabc,NaN\n",
        b'id,x\n"1\n2",{}\n',
        b"x,id\n1e5,tr\n",
        b"id,x,y\n1,2,3\n",
        b'id,x\n1,"2}"\n',
        b"id\n1,2\n",
        b"",
    ],
)
def test_file_that_changes_between_the_passes(tmp_path: Path, changed: bytes) -> None:
    """Nothing is spliced in unchecked: a file that changes after its types were found."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"id,x\n1,true\n2,false\n")
    found = Input(Source(str(path)), InputSettings(files=()))
    detector = TypeDetector(CsvSettings())
    assert not list(found.identify())
    assert not [step for step in found.detect(detector) if step]
    # What follows keeps the file from being shorter than before, which would be an error at once.
    path.write_bytes(changed + b"\n" * 30)
    for item in items_of(found.records(detector.types())):
        if isinstance(item, RawRecord):
            record = json.loads(item.json)
            assert type(record["id"]) in {int, type(None)}
            assert type(record["x"]) in {bool, type(None)}


CELLS = ["", "0", "-17", "1.50", "true", "x", "N/A", '"', "1,5", "a\nb", "9" * 19]


@given(
    st.lists(st.sampled_from([*CELLS, "007", "1e5", "{}", "-"]), min_size=1, max_size=4),
    st.sampled_from([*ColumnType]),
)
@example(["", "1\n2"], INTEGER)
@example(["9" * 19, "1.5"], NUMBER)
def test_what_fits_a_known_type_can_be_sent(values: list[str], known: ColumnType) -> None:
    """An error says that values do not fit just where a record would be rejected for it."""
    settings = CsvSettings(null_strings=("N/A",))
    detector = TypeDetector(settings, KnownTypes({"x": known}, "earlier pushes"))
    rows = [[value] for value in values]
    assert not [*detector.observe(["x"], rows, lambda index: ("f", index))]
    steps = CellEncoder(["x"], {"x": known}, settings).encode(rows)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    if faults := stop.value.value.faults:
        with pytest.raises(InputError, match=f"f, line {min(faults)}: column 'x' is {known} in"):
            detector.check()
    else:
        detector.check()
    assert detector.types() == {"x": known}


@pytest.mark.parametrize("odd_row", [1, 20_000, 39_999])
def test_one_odd_value_of_many_decides(tmp_path: Path, odd_row: int) -> None:
    """A single value that does not fit makes its column a string, wherever it is."""
    path = tmp_path / "many.csv"
    rows = [f'{row},"{row}.5",plain text,' for row in range(40_000)]
    path.write_text("\n".join(["i,n,s,e", *rows, ""]))
    assert read(path)[0] == {"i": INTEGER, "n": NUMBER, "s": STRING, "e": STRING}
    rows[odd_row] = "none,1e5,,true"
    path.write_text("\n".join(["i,n,s,e", *rows, ""]))
    types, items = read(path)
    assert types == {"i": STRING, "n": STRING, "s": STRING, "e": BOOLEAN}
    assert len(texts(items)) == len(rows)


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(["7", "x", "", "1.5"]), min_size=2, max_size=2)
            | st.lists(st.sampled_from(CELLS), min_size=1, max_size=3),
            st.sampled_from(["\n", "\r\n", "\r"]),
        ),
        max_size=8,
    ),
    st.lists(st.integers(0, 60), max_size=4),
)
@example([(["7", "7"], "\n"), (["7", "7"], "\r"), (["x", "x"], "\r")], [])
def test_types_do_not_depend_on_where_the_text_is_cut(
    rows: list[tuple[list[str], str]], cuts: list[int]
) -> None:
    """However the bytes come in, a column has the type that all of its values have."""
    before = [b"a,b\n1,2\n", b"1,2\n", b"1,2\n"]
    text = "".join(",".join(row) + line_end for row, line_end in rows)
    places = sorted({0, *cuts, len(text)})
    pieces = [text[start:end].encode() for start, end in pairwise(places)]
    found = []
    for byte_strings in ([b"".join(before) + text.encode()], [*before, *pieces]):
        detector = TypeDetector(CsvSettings(null_strings=("N/A",)))
        reader = DelimitedReader("f", CsvSettings(), ",", 10**6)
        assert not [step for step in reader.detect(iter(byte_strings), detector) if step]
        found.append(detector.types())
    assert found[0] == found[1]


ODD_CELLS = [
    *("", "1", "-1", "0", "-0", "007", "0.5", "-0.5", "1e5", "1.", "true", "false", "True", "x"),
    *("9" * 18, "9" * 19, "9223372036854775807", "NULL", "ü", " 1", "1 ", "\x0b", "\x1c", "\u2028"),
    *('"1"', '""', '"true"', '"a,1"', '"a""b"', '"1\n2"', '"x\r\ny"', 'a"b', '"', '"a"b', "1;2"),
]


@given(
    st.lists(st.lists(st.sampled_from(ODD_CELLS), min_size=1, max_size=3), min_size=1, max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.builds(
        CsvSettings,
        null_strings=st.sampled_from([(), ("NULL",)]),
        quote=st.sampled_from(['"', None]),
        delimiter=st.sampled_from([None, ";"]),
    ),
    st.sampled_from([{}, {"a": INTEGER, "b": NUMBER}]),
)
@example([["1", "x"], ["2", '"y, z"'], ["3", ""], ["4.5", "x"]], "\n", CsvSettings(), {})
@example([["1", "x"], ["1", "x"], ["007", "x"], ["1", "x"]], "\n", CsvSettings(), {})
@example([["1", "x"], ["1", "x", "true"], ["-0", "x"]], "\r\n", CsvSettings(), {"a": INTEGER})
def test_rows_that_are_accepted_at_once_are_those_that_change_nothing(
    rows: list[list[str]], end: str, settings: CsvSettings, types: dict[str, ColumnType]
) -> None:
    """Types, misfits and their lines are the same, whether rows are accepted together or not."""
    known = KnownTypes(types, "a run")
    lines = [",".join(row) + end for row in [["a", "b"], *rows]]
    # One row a piece, and each of them often enough for a try that is due.
    pieces = [line.encode() for line in lines for _ in range(1 if line is lines[0] else 4)]

    def find(most: int) -> object:
        detector = TypeDetector(settings, known)
        reader = DelimitedReader("f.csv", settings, None, 1000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rjcli.reading.column_types._MOST_IN_A_PATTERN", most)
            assert not [step for step in reader.detect(iter(pieces), detector) if step]
        try:
            detector.check()
        except InputError as error:
            return error.message
        return detector.types(), detector.without_values

    assert find(50) == find(0)


def test_rows_are_accepted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first rows, those like them are not observed one by one."""
    observed: list[int] = []

    def observe(self: TypeDetector, names: Sequence[str], rows: Sequence[Any], place: Any) -> Any:
        observed.append(len(rows))
        return original(self, names, rows, place)

    original = TypeDetector.observe
    monkeypatch.setattr(TypeDetector, "observe", observe)
    detector = TypeDetector(CsvSettings())
    piece = b'1,"a, b",0.5,true,\r\n22,c"d,"1.5",false,\r\n'.replace(b'c"d', b"cd") * 10
    pieces = [b"id,text,price,new,nothing\r\n", *[piece] * 20]
    reader = DelimitedReader("f.csv", CsvSettings(), None, 10_000)
    assert not [step for step in reader.detect(iter(pieces), detector) if step]
    assert sum(observed) <= 3 * 20
    assert [*detector.types().values()] == [INTEGER, STRING, NUMBER, BOOLEAN, STRING]
    assert detector.without_values == ("nothing",)
