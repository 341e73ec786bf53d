"""Values of options: what each kind takes, as text and as Python, TOML and JSON have it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.settings import option_kinds
from rjcli.settings.choices import ColumnType, Format, Resume
from rjcli.settings.kinds import FLAG, BadValueError, Kind, choice, duration, number, size, whole
from rjcli.settings.lists import join_names, names, pairs, texts
from rjcli.settings.option_kinds import MaxRejects

NAMES = names("NAMES")
TEXTS = texts("TEXT")


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (whole(1, 256), "8", 8),
        (whole(1, 256), 256, 256),
        (number(0.001), "2.5", 2.5),
        (number(0.001), 2, 2.0),
        (duration(), "15m", 900.0),
        (duration(), "1.5h", 5400.0),
        (duration(), "500ms", 0.5),
        (duration(), "2d", 172800.0),
        (duration(), "90", 90.0),
        (duration(), 0.25, 0.25),
        (size(), "4M", 4 * 2**20),
        (size(), "4 MiB", 4 * 2**20),
        (size(), "64k", 65536),
        (size(), "1.5k", 1536),
        (size(), "100", 100),
        (size(), 100, 100),
        (FLAG, "1", True),
        (FLAG, "No", False),
        (FLAG, True, True),
        (choice(Format), "CSV", Format.CSV),
        (choice(Format), Format.CSV, Format.CSV),
        (NAMES, "id, sku", ("id", "sku")),
        (NAMES, '"last, first",id', ("last, first", "id")),
        (NAMES, 'order date, " id "', ("order date", " id ")),
        (NAMES, '"say ""hi""",5"', ('say "hi"', '5"')),
        (NAMES, ["last, first"], ("last, first",)),
        (TEXTS, ",NULL", ("", "NULL")),
        (option_kinds.RENAMED, 'a=b, "c,d"="e=f"', {"a": "b", "c,d": "e=f"}),
        (option_kinds.RENAMED, {"a, b": "c"}, {"a, b": "c"}),
        (option_kinds.TYPES, "zip=string", {"zip": ColumnType.STRING}),
        (option_kinds.TYPES, {"zip": "string"}, {"zip": ColumnType.STRING}),
        (option_kinds.CONSTANTS, 'a="x,y",b=[1, {"c":2}]', {"a": b'"x,y"', "b": b'[1, {"c":2}]'}),
        (option_kinds.CONSTANTS, "a=1e400,b=9" + "9" * 30, {"a": b"1e400", "b": b"9" * 31}),
        (option_kinds.CONSTANTS, {"a": "web", "b": [1, None]}, {"a": b'"web"', "b": b"[1, null]"}),
        (option_kinds.MAX_REJECTS, "0.5%", MaxRejects(0.5, is_percentage=True)),
        (option_kinds.MAX_REJECTS, 20, MaxRejects(20, is_percentage=False)),
        (option_kinds.RESUME, "auto", Resume.AUTO),
        (option_kinds.RESUME, "1", Resume.ON),
        (option_kinds.RESUME, False, Resume.OFF),
        (option_kinds.DELIMITER, r"\t", "\t"),
        (option_kinds.CHARACTER, "none", None),
        (option_kinds.ENCODING, "UTF-16", "utf-16"),
        (option_kinds.FILES, "a b", ("a b",)),
        (option_kinds.FILES, Path("a"), ("a",)),
        (option_kinds.FILES, (), ()),
    ],
)
def test_values_are_read(kind: Kind, value: object, expected: object) -> None:
    """Text and native values of each kind become what settings hold."""
    found = kind.read(value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        (whole(1, 256), "300", "must be a whole number from 1 to 256, not '300'"),
        (whole(1, 256), "8.0", "must be a whole number"),
        (whole(1, 256), True, "must be a whole number"),
        (whole(0), "٣", "must be a whole number of at least 0"),
        (number(0.001), "nan", "must be a number of at least 0.001, not 'nan'"),
        (number(0.001), float("inf"), "must be a number"),
        (number(0, 1), 2, "must be a number from 0 to 1, not 2"),
        (duration(), "15x", "must be a time, such as 500ms, 90s, 15m or 1.5h, not '15x'"),
        (duration(), "inf", "must be a time"),
        (duration(), "1e400", "must be a time"),
        (duration(0.001), "0", "must be a time of at least 1ms"),
        (size(), "4MB", "must be a size such as 65536, 64k or 4MiB, not '4MB'"),
        (size(), "1.3", "must be a size"),
        (FLAG, "maybe", "must be true or false, or 1 or 0, not 'maybe'"),
        (choice(Format), "jsno", "one of auto, json, .*, not 'jsno'; did you mean json?"),
        (choice(Format), "nd", "did you mean ndjson?"),
        (choice(Format), 5, "must be one of auto, .*, not 5$"),
        (NAMES, "a,,b", "has an empty name"),
        (NAMES, [], "has an empty name"),
        (NAMES, "a,b,a", "names 'a' twice"),
        (NAMES, '"a', "has a quotation mark that is not closed"),
        (NAMES, ["a", 1], "must be a list of names"),
        (NAMES, "\udcff", "is not UTF-8 text"),
        (NAMES, ["\udcff"], "is not UTF-8 text"),
        (option_kinds.KEYS, "id,keys", "cannot name 'keys'"),
        (option_kinds.RENAMED, "a=b,c=b", "makes one name of two fields"),
        (option_kinds.RENAMED, "a", "must look like OLD=NEW, not 'a'"),
        (option_kinds.RENAMED, "a=", "must look like OLD=NEW"),
        (option_kinds.RENAMED, "a=b,a=c", "names 'a' twice"),
        (option_kinds.RENAMED, "keys=a", "cannot name 'keys'"),
        (option_kinds.RENAMED, {"a": 1}, "'a' must be a name, not 1"),
        (option_kinds.TYPES, "a=strng", "'a' must be one of .*; did you mean string?"),
        (option_kinds.CONSTANTS, "a=oops", "'a' is not JSON: .*name=\"text\""),
        (option_kinds.CONSTANTS, "a=NaN", "NaN is not JSON"),
        (option_kinds.CONSTANTS, "a=1 2", "must look like NAME=JSON"),
        (option_kinds.CONSTANTS, 'keys=["a"]', "cannot name 'keys'"),
        (option_kinds.CONSTANTS, {"a": float("nan")}, "NaN is not JSON"),
        (option_kinds.MAX_REJECTS, "0.5", "must be a number of records, or a percentage"),
        (option_kinds.RESUME, "maybe", "must be auto, or true or false, not 'maybe'"),
        (option_kinds.DELIMITER, '"', "must be a single character, and no quotation mark"),
        (option_kinds.ENCODING, "base64", "must be an encoding such as utf-16"),
        (option_kinds.ENCODING, "nope", "must be an encoding such as utf-16"),
        (option_kinds.FILES, [], "must be files, or - for stdin"),
        (option_kinds.FILES, ["-", "-"], r"names stdin \(-\) twice"),
        (option_kinds.TABLE, "a-b", "must be a name of letters, digits and underscores"),
        (option_kinds.BASE_URL, "http://example.com", "is no usable address: .* use https"),
    ],
)
def test_other_values_are_refused(kind: Kind, value: object, complaint: str) -> None:
    """What a kind does not take is refused with what it takes, and in few words."""
    with pytest.raises(BadValueError, match=complaint) as caught:
        kind.read(value)
    assert len(str(caught.value)) < 200


def test_endless_integer_is_refused_in_few_words() -> None:
    """An integer that Python would not write as text is not quoted."""
    with pytest.raises(BadValueError, match="not a value of type int"):
        whole(0, 10).read(10**5000)


@pytest.mark.parametrize("kind", [option_kinds.CLIENT_ID, option_kinds.BASE_URL])
def test_what_may_be_a_key_is_not_quoted(kind: Kind) -> None:
    """An API key in the place of a client id or an address is not in the error."""
    with pytest.raises(BadValueError) as caught:
        kind.read("rj-canary-1234")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (duration(), 900.0, "15m"),
        (duration(), 5400.0, "90m"),
        (duration(), 0.5, "500ms"),
        (size(), 4 * 2**20, "4 MiB"),
        (size(), 1000, "1000 bytes"),
    ],
)
def test_defaults_are_shown_in_units(kind: Kind, value: float, shown: str) -> None:
    """Times and sizes are shown in the largest unit that makes them whole, and read again."""
    assert kind.show(value) == shown
    if "bytes" not in shown:
        assert kind.read(shown) == value


@given(st.floats(0.001, 10**9))
def test_any_time_is_read_in_seconds(seconds: float) -> None:
    """A number of seconds stands for itself, as text and as a number."""
    assert duration().read(seconds) == seconds
    assert duration().read(f"{seconds:.18f}") == pytest.approx(seconds)


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
        min_size=1,
        unique=True,
    )
)
def test_any_names_can_be_written(written: list[str]) -> None:
    """Any names, with commas, quotes and spaces, can be written as one text, and as pairs."""
    assert NAMES.read(join_names(written)) == tuple(written)
    text = ",".join(f"{join_names([name])}=x{index}" for index, name in enumerate(written))
    assert pairs("A=B", str).read(text) == {name: f"x{index}" for index, name in enumerate(written)}


def test_repeated_texts_are_one_list() -> None:
    """What an option is given several times is one list, each part quoted by itself."""
    assert NAMES.read_texts(('"a,b",c', "d")) == ("a,b", "c", "d")
    assert TEXTS.read_texts(("", "NULL")) == ("", "NULL")
    with pytest.raises(BadValueError, match="twice"):
        NAMES.read_texts(("a", "a"))
    with pytest.raises(BadValueError, match="not closed"):
        NAMES.read_texts(('"a', 'b"'))
