"""Python mappings as JSON records: exact, or rejected."""

import dataclasses
import datetime as dt
import json
import uuid
from collections import OrderedDict
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.model import RawRecord, Rejection, Stage
from rjcli.preparing.python_values import make_block


def written(item: Any) -> bytes:
    """The JSON text of an item."""
    [record] = make_block([item], 1)
    assert isinstance(record, RawRecord), record
    return record.json


class Shape(Enum):
    """An enumeration."""

    RED = "red"
    BOX = MappingProxyType({"w": 1})
    NONE = float("nan")


class Day(dt.date):
    """A day that is no plain date."""


class NotATime(dt.datetime):
    """Like the missing time of pandas, which equals nothing."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, _: object) -> bool:
        return False


class Odd:
    """A value whose text is no text."""

    def __repr__(self) -> str:
        return "odd \ud800"


@dataclasses.dataclass
class Point:
    """A value without a place in JSON."""

    x: float


class Array(list[Any]):
    """Like an array of NumPy."""

    def tolist(self) -> list[Any]:
        """Its values."""
        return [*self]


PARIS = dt.datetime(2019, 8, 1, 14, 22, 32, 5, ZoneInfo("Europe/Paris"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2**200, str(2**200)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        pytest.param(10**5000, "1" + "0" * 5000, id="long"),
        ([Decimal("1e999")], "[1E+999]"),
        ([2**70, {"b": -(2**80)}], f'[{2**70},{{"b":-{2**80}}}]'),
        (Decimal("58.40"), "58.40"),
        (Decimal("0.1000000000000000055511151231257827"), "0.1000000000000000055511151231257827"),
        (Decimal("1E+5"), "1E+5"),
        (True, "true"),
        (None, "null"),
        (1e16, "1e+16"),
        (0.1, "0.1"),
        ("é\u2028", '"é\u2028"'),
        (dt.datetime(2019, 8, 1, 14, 22, 32), '"2019-08-01T14:22:32"'),  # noqa: DTZ001
        (PARIS, '"2019-08-01T14:22:32.000005+02:00"'),
        (dt.date(2019, 8, 1), '"2019-08-01"'),
        (uuid.UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        (Shape.RED, '"red"'),
        (Shape.BOX, '{"w":1}'),
        (Day(2019, 8, 1), '"2019-08-01"'),
        ([None, "x", Decimal("1.50")], '[null,"x",1.50]'),
        ((1, 2), "[1,2]"),
        (MappingProxyType({"b": 2**70}), f'{{"b":{2**70}}}'),
    ],
)
def test_values_are_written_exactly(value: Any, text: str) -> None:
    """Each value keeps all of its digits, and its usual form as text."""
    assert written({"a": value}) == f'{{"a":{text}}}'.encode()


@given(st.integers() | st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_digit(value: int | Decimal) -> None:
    """Integers and decimals of any size come back as they were."""
    text = written({"a": value}).decode()
    back = json.loads(text, parse_float=Decimal)["a"]
    assert Decimal(back) == Decimal(value)
    assert isinstance(value, int) or str(value) in text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "the field 'a' is nan, which JSON has no number for"),
        (float("-inf"), "the field 'a' is -inf, which JSON has no number for"),
        ([1, {"b": float("inf")}], "the field 'b' is inf, which JSON has no number for"),
        (Array([1.0, float("nan")]), "the field 'a' is nan, which JSON has no number for"),
        (Shape.NONE, "the field 'a' is nan, which JSON has no number for"),
        (Decimal("NaN"), "JSON has no number NaN"),
        (Decimal("-Infinity"), "JSON has no number -Infinity"),
        (Point(float("nan")), "a value of type Point cannot be written as JSON"),
        ([2**70, Point(1.0)], "a value of type Point cannot be written as JSON"),
        (NotATime(2019, 8, 1), "a value of type NotATime cannot be written as JSON"),
        (b"bytes", "a value of type bytes cannot be written as JSON"),
        ({1: 2}, "Dict key must be str"),
        ({1, 2}, "a value of type set cannot be written as JSON"),
        (dt.timedelta(1), "a value of type timedelta cannot be written as JSON"),
        (Odd(), "a value of type Odd cannot be written as JSON"),
        ("\ud800", "str is not valid UTF-8: surrogates not allowed"),
        ([2**70, "\ud800"], "str is not valid UTF-8: surrogates not allowed"),
    ],
)
def test_what_json_cannot_hold_is_rejected(value: Any, reason: str) -> None:
    """Nothing becomes null, or text, that was something else: the record is rejected, as it is."""
    item = {"id": 1, "a": value}
    [rejection] = make_block([item], 7)
    raw = repr(item).encode(errors="backslashreplace")
    assert rejection == Rejection(Stage.READ, "<records>", 7, 7, raw, (reason,))


def test_what_holds_itself_is_rejected() -> None:
    """A mapping that holds itself is rejected, and does not end the push."""
    record: dict[str, Any] = {"id": 2**70}
    record["a"] = record
    [rejection] = make_block([record], 1)
    assert isinstance(rejection, Rejection)
    assert rejection.reasons == ("it is nested too deeply, or holds itself",)


def test_bytes_stay_as_they_are() -> None:
    """Bytes that are a JSON object are sent as they stand; others are rejected one by one."""
    good = b' {"id": 1.50 , "a":"\\u00e9"} '
    block = make_block([good, b"[1]", {"id": 2}, b'{"id":1,"id":2}', b"\xff", "text", 5], 7)
    assert block[0] == RawRecord(good, good.strip(), {"id": 1.5, "a": "é"}, "<records>", 7, 7)
    assert block[2] == RawRecord(b'{"id":2}', b'{"id":2}', {"id": 2}, "<records>", 9, 9)
    rejected = [item for item in block if isinstance(item, Rejection)]
    assert [item.number for item in rejected] == [8, 10, 11, 12, 13]
    assert [item.raw for item in rejected] == [b"[1]", b'{"id":1,"id":2}', b"\xff", b"'text'", b"5"]
    assert [item.reasons for item in rejected] == [
        ("a record must be a JSON object, not an array",),
        ("the name 'id' occurs twice",),
        ("byte 0xff at offset 0 is not UTF-8",),
        ("a record is a mapping or bytes, not str",),
        ("a record is a mapping or bytes, not int",),
    ]


def test_any_mapping_is_a_record() -> None:
    """Mappings of any kind are records, with their names in order."""
    assert written(OrderedDict(b=1, a=2)) == b'{"b":1,"a":2}'
    assert written(MappingProxyType({"a": 1})) == b'{"a":1}'


def test_values_of_keys_are_those_that_are_sent() -> None:
    """A key that is a UUID or a decimal is known by what the API gets of it."""
    [record] = make_block([{"id": uuid.UUID(int=5), "n": Decimal("1.50")}], 1)
    assert isinstance(record, RawRecord)
    assert record.fields == {"id": "00000000-0000-0000-0000-000000000005", "n": 1.5}
