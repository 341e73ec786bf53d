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

from rjcli.model import RawRecord, Rejection
from rjcli.preparing.python_values import make_block


def written(item: Any) -> bytes:
    """The JSON text of an item."""
    [record] = make_block([item], 1)
    assert isinstance(record, RawRecord), record
    return record.json


class Color(Enum):
    """An enumeration."""

    RED = "red"


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
        (Color.RED, '"red"'),
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
    "value",
    [
        float("nan"),
        float("-inf"),
        [1, {"b": float("inf")}],
        Array([1.0, float("nan")]),
        Decimal("NaN"),
        Decimal("-Infinity"),
        Point(float("nan")),
        b"bytes",
        {1: 2},
        {1, 2},
        dt.timedelta(1),
        object(),
        "\ud800",
    ],
)
def test_what_json_cannot_hold_is_rejected(value: Any) -> None:
    """Nothing becomes null, or text, that was something else: the record is rejected."""
    [rejection] = make_block([{"id": 1, "a": value}], 1)
    assert isinstance(rejection, Rejection)
    assert rejection.reasons[0]


def test_what_holds_itself_is_rejected() -> None:
    """A mapping that holds itself is rejected, and does not end the push."""
    record: dict[str, Any] = {"id": 2**70}
    record["a"] = record
    [rejection] = make_block([record], 1)
    assert isinstance(rejection, Rejection)


def test_bytes_stay_as_they_are() -> None:
    """Bytes that are a JSON object are sent as they stand; others are rejected one by one."""
    good = b' {"id": 1.50 , "a":"\\u00e9"} '
    block = make_block([good, b"[1]", {"id": 2}, b'{"id":1,"id":2}', b"\xff", "text", 5], 7)
    assert isinstance(block[0], RawRecord)
    assert (block[0].json, block[0].number) == (good.strip(), 7)
    assert isinstance(block[2], RawRecord)
    rejected = [item.number for item in block if isinstance(item, Rejection)]
    assert rejected == [8, 10, 11, 12, 13]


def test_any_mapping_is_a_record() -> None:
    """Mappings of any kind are records, with their names in order."""
    assert written(OrderedDict(b=1, a=2)) == b'{"b":1,"a":2}'
    assert written(MappingProxyType({"a": 1})) == b'{"a":1}'


def test_values_of_keys_are_those_that_are_sent() -> None:
    """A key that is a UUID or a decimal is known by what the API gets of it."""
    [record] = make_block([{"id": uuid.UUID(int=5), "n": Decimal("1.50")}], 1)
    assert isinstance(record, RawRecord)
    assert record.fields == {"id": "00000000-0000-0000-0000-000000000005", "n": 1.5}
