"""Records with the same fields are read by a quicker way, with the same result."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.json_text import parse_objects
from rjcli.model import RawRecord, RawRecords
from rjcli.reading.block import parse_block
from rjcli.reading.json_array import read_json
from rjcli.reading.uniform import UniformParser

NAMES = ["id", "a", "b.c", "Größe"]
ESCAPED = {"id": r'"i\u0064"', "a": r'"\u0061"'}
# What JSON texts consist of, with what is easily taken for it.
VALUES = st.one_of(
    st.integers(-(10**22), 10**22).map(str),
    st.sampled_from(["1.50", "-0", "1e5", "1e999", "true", "null", "[1,2]", '["a:b"]', "{}"]),
    st.sampled_from(['{"id":1}', '"\\ud83d\\ude00"', '"a\\":1"', '":"', '"\\u0022:"', '"id":2']),
    st.sampled_from(["", "01", "1.", "NaN", "tru", '"\\x"', '"\\ud800"', '"\t"', '"a', "1 2", "}"]),
    st.sampled_from(['{"b":":"}', '{"a":1,"a":2}', '{"a":}', '{"\\ud800":1}', '{"a":1,}']),
    st.text(max_size=5).map(json.dumps),
    st.text(max_size=5).map(lambda text: json.dumps(text, ensure_ascii=False)),
)
MEMBERS = st.tuples(
    st.sampled_from([*map(json.dumps, NAMES), *ESCAPED.values()]),
    st.sampled_from([":", " :", ": ", "\t:\n"]),
    VALUES,
)


def text_of(members: Sequence[tuple[str, str, str]]) -> bytes:
    """A record's text, good or not."""
    parts = (name + colon + value for name, colon, value in members)
    return ("{" + ",".join(parts) + "}").encode(errors="surrogatepass")


@st.composite
def uniform_texts(draw: st.DrawFn) -> list[bytes]:
    """Texts that mostly have the same members, with one that may have others."""
    values = st.integers().map(str) | st.text(max_size=5).map(json.dumps)
    colon = draw(st.sampled_from([":", ": ", " :"]))
    texts = [
        text_of([(json.dumps(name), colon, draw(values)) for name in NAMES])
        for _ in range(draw(st.integers(0, 3)))
    ]
    texts.append(text_of(draw(st.lists(MEMBERS, max_size=6))))
    value = draw(VALUES)
    return [*texts, text_of([(json.dumps(name), ":", value) for name in NAMES])]


def taught(wanted: Sequence[str] = ("id",)) -> UniformParser:
    """A parser that knows the names."""
    uniform = UniformParser(wanted)
    uniform.learn(dict.fromkeys(NAMES, 1))
    return uniform


def same(first: Any, second: Any) -> bool:
    """Whether values are equal and of one type."""
    return repr(first) == repr(second)


@given(uniform_texts() | st.lists(st.lists(MEMBERS, max_size=6).map(text_of), min_size=1))
def test_quick_way_has_the_result_of_the_careful_way(texts: list[bytes]) -> None:
    """What the quick way returns of texts is what parsing each of them returns."""
    known = taught(["a", "id"]).parse(texts)
    values, errors = parse_objects(texts)
    if known is not None:
        assert not errors
        assert all([*each] == NAMES or {*each} == {*NAMES} for each in values)
        for name in ("a", "id"):
            assert same([*known[name]], [each[name] for each in values])


@pytest.mark.parametrize(
    "value",
    [
        *[b'"\\ud800"', b'"\\udc00"', b'"\x01"', b'"\t"', b'"\\x"', b'"\\u12G4"', b'"a""b"', b'"a'],
        *[b'"\xff"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xc0\x80"', b"\xa01", b"\x001"],
        *[b"01", b"-", b"1.", b".5", b"1e", b"+1", b"NaN", b"-Infinity", b"0x1", b"1_0", b"1 2"],
        *[b"tru", b"True", b"nul", b"", b"[1,]", b"[,1]", b"{,}", b"[1 2]", b"/**/1", b"'a'"],
        *[
            b'{"a":}',
            b'{"a" 1}',
            b"{1:2}",
            b'{"a":1,}',
            b'{"\\ud800":1}',
            b'{"a":"\\x"}',
            b'{"a":1',
        ],
        *[b"[" * 2000 + b"]" * 2000, b'1,"id":2', b'1,"x":2', b'1,"v":1', b'1, "v" :1'],
        *[b'":","v":1', b'1,"\\u0076":1', b'{"a":1},"v":":"'],
    ],
)
def test_quick_way_takes_no_bad_record(value: bytes) -> None:
    """Malformed values, repeated names and other fields are left to the careful way."""
    text = b'{"id":1,"v":%b}' % value
    uniform = UniformParser(["id"])
    uniform.learn({"id": 1, "v": 1})
    assert uniform.parse([b'{"id":1,"v":2}', text]) is None


@pytest.mark.parametrize(
    "value",
    [b'"a:b"', b'"\\ud83d\\ude00"', b'"\xc3\xa4"', b"1e5", b"-0", b"1" * 30, b"[1]", b'{"a":":"}'],
)
def test_quick_way_takes_good_records(value: bytes) -> None:
    """Records with the same fields are read by the quick way, whatever their values."""
    text = b'{"id":"x","v":%b}' % value
    uniform = UniformParser(["id"])
    uniform.learn({"id": 1, "v": 1})
    assert uniform.parse([text, text]) == {"id": ["x", "x"]}


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a:b", "keys"])
def test_names_that_need_care_are_left_to_the_careful_way(name: str) -> None:
    """Names with escapes or colons, and `keys`, are not for the quick way."""
    uniform = UniformParser(["id"])
    uniform.learn({"id": 1, name: 1})
    assert uniform.parse([json.dumps({"id": 1, name: 1}).encode()]) is None


def test_fields_change_within_a_file() -> None:
    """Blocks before, at, and after a change of the fields are all right, by whichever way."""
    uniform = UniformParser(["id"])
    number = 0
    for names in ["ia", "ia", "ia", "iab", "iab", "iab", "ib", "ia", "ia"]:
        texts = [
            json.dumps({{"i": "id"}.get(name, name): number + at for name in names}).encode()
            for at in range(3)
        ]
        block = parse_block(texts, "file", [1, 2, 3], number + 1, 1000, uniform)
        assert isinstance(block, RawRecords)
        assert block.values("id") == [number, number + 1, number + 2]
        assert [*block.column("fields")] == [json.loads(text) for text in texts]
        assert block.has("b") == ("b" in names)
        assert not block.has("keys")
        number += 3


def test_records_that_differ_cost_few_attempts() -> None:
    """Where fields differ from block to block, the quick way is tried ever more rarely."""
    uniform = UniformParser(["id"])
    attempts = 0
    for number in range(1000):
        before = uniform.names
        uniform.parse([b'{"id":1,"a%d":2}' % number])
        uniform.learn({"id": 1, f"a{number}": 2})
        attempts += uniform.names != before
    assert attempts < 30


SPACES = st.sampled_from(["", " \n"])
SEPARATORS = st.sampled_from([",", ",\n", " ,\n", "\n,\n\n", ", "])
ELEMENTS = st.one_of(
    st.integers(0, 10**6).map(lambda n: f'{{"id":{n},"a":"{"x" * (n % 7)}"}}'),
    st.sampled_from(['{"id":1,"a":"},{"}', '{"id":1,"a":"},\n{"}', '{"id":2,"a":[{},{}]}', "{}"]),
    st.sampled_from(['{"id":3,\n"a":"b"\n}', '{"a":1,"a":2}', "1", '"},{"', "[{},\n{}]", "null"]),
    st.sampled_from(
        [
            '{"id":4}\0{"id":5}',
            '{"id":6,"a":"\0"}',
            '{"id":01}',
            '{"id":"\\x"}',
            '{"id" 1}',
            '{"a":1} {"a":2}',
            '{"id":}',
        ]
    ),
)


@given(
    st.lists(ELEMENTS, max_size=12), SEPARATORS, st.integers(1, 60), st.sampled_from(["", " \n"])
)
def test_array_is_read_the_same_in_one_piece_and_in_many(
    elements: list[str], separator: str, size: int, space: str
) -> None:
    """Records, numbers and lines of an array do not depend on how it is cut and split."""
    regular = [f'{{"id":{number},"a":"b"}}' for number in range(5)]
    text = f"{space}[{space}{separator.join(regular + elements + regular)}{space}]".encode()
    seen = []
    for step in (size, len(text)):
        for wanted in ((), ("id",)):
            pieces = (text[at : at + step] for at in range(0, len(text), step))
            found: list[Any] = []
            with suppress(InputError):
                for block in read_json(pieces, "f", 1000, wanted):
                    found += block
            seen.append(found)
    assert all(found == seen[0] for found in seen)
    for item in seen[0]:
        if isinstance(item, RawRecord):
            assert text.split(b"\n")[item.line - 1].lstrip().find(item.json.split(b"\n")[0]) >= 0
