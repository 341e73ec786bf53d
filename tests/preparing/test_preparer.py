"""Preparing: keys are spliced in without touching a record's own bytes."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.model import RawRecord, RawRecords, Record, Records, Rejection
from rjcli.preparing.batcher import make_batch
from rjcli.preparing.preparer import Preparer
from rjcli.settings.shape import ShapeSettings
from tests.reading.test_formats import json_objects


def raw(record: Any) -> RawRecord:
    """A raw record."""
    text = json.dumps(record).encode()
    return RawRecord(text, text, record, "f", 1, 1)


def prepared_by(
    preparer: Preparer, block: Sequence[RawRecord | Rejection], first_position: int = 1
) -> list[Record | Rejection]:
    """What becomes of each item of a block."""
    prepared: list[Record | Rejection] = []
    for run in preparer.prepare(block, first_position):
        prepared += [run] if isinstance(run, Rejection) else run
    return prepared


@given(json_objects, st.integers())
def test_keys_are_spliced_into_the_bytes(record: dict[str, Any], key: int) -> None:
    """A prepared record is the original text with `keys` put before its first member."""
    record = {name: value for name, value in record.items() if name != "keys"} | {'i"d': key}
    [prepared] = prepared_by(Preparer(('i"d',), ShapeSettings()), [raw(record)])
    assert isinstance(prepared, Record)
    body = make_batch(Records.of([prepared])).body
    assert body == b'[{"keys":["i\\"d"],' + json.dumps(record).encode()[1:] + b"]"
    assert json.loads(body) == [record | {"keys": ['i"d']}]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"x": 1}, "the key field 'id' is missing"),
        ({"id": None}, "the key field 'id' is null"),
        ({"id": [1]}, "the key field 'id' holds more than a single value"),
        ({"id": 1, "keys": ["sku"]}, "its own 'keys' field says 'sku', and --keys says 'id'"),
        ({"id": 1, "keys": "id"}, "its 'keys' field is not an array of field names"),
        ({"id": 1, "keys": ["id", "id"]}, "its 'keys' field names a field twice"),
        ({}, "the key field 'id' is missing"),
    ],
)
def test_record_without_a_key_is_rejected(record: Any, reason: str) -> None:
    """A record that --keys does not fit is rejected with the reason, not changed."""
    [rejection] = prepared_by(Preparer(("id",), ShapeSettings()), [raw(record)])
    assert isinstance(rejection, Rejection)
    assert rejection.reasons == (reason,)


@pytest.mark.parametrize("key", [0, False, 1.5, "a"])
def test_any_single_value_is_a_key(key: Any) -> None:
    """Numbers, strings and booleans are keys, also those that count as false."""
    [prepared] = prepared_by(Preparer(("id",), ShapeSettings()), [raw({"id": key})])
    assert isinstance(prepared, Record)


def test_own_keys_that_agree_are_left_alone() -> None:
    """A record whose own keys name the same fields keeps its bytes."""
    record = {"id": 1, "sku": "a", "keys": ["sku", "id"]}
    [prepared] = prepared_by(Preparer(("id", "sku"), ShapeSettings()), [raw(record)])
    assert isinstance(prepared, Record)
    assert make_batch(Records.of([prepared])).body == json.dumps([record]).encode()


@given(
    st.lists(
        st.fixed_dictionaries(
            {"id": st.sampled_from([1, "a", " A", "", None, [2]])},
            optional={"sku": st.integers(), "keys": st.sampled_from([["id"], ["sku"], 7])},
        )
    ),
    st.sampled_from([(), ("id",), ("sku", "id")]),
)
def test_together_is_as_one_by_one(records: list[Any], keys: tuple[str, ...]) -> None:
    """What is prepared together, which is quicker, comes out as it does one by one, in order."""
    block = [raw(record) for record in records]
    preparer = Preparer(keys, ShapeSettings())
    one_by_one = [
        *chain.from_iterable(
            prepared_by(preparer, [each], position) for position, each in enumerate(block, 1)
        )
    ]
    assert prepared_by(preparer, RawRecords.of(block)) == one_by_one
    assert [item.raw for item in one_by_one] == [each.raw for each in block]


@pytest.mark.parametrize("keys", [("id",), ("id", "sku")])
def test_empty_key_is_rejected_unless_allowed(keys: tuple[str, ...]) -> None:
    """An empty string is no key, alone or as a part of one, unless it is allowed."""
    block = [raw({"id": "", "sku": 1})]
    [refused] = prepared_by(Preparer(keys, ShapeSettings()), block)
    assert isinstance(refused, Rejection)
    assert "--allow-empty-keys" in refused.reasons[0]
    [allowed] = prepared_by(Preparer(keys, ShapeSettings(), allow_empty_keys=True), block)
    assert isinstance(allowed, Record)


def test_fields_that_no_record_has_are_known() -> None:
    """Of the fields to select and to rename, those that occur in no record are named."""
    preparer = Preparer(("id",), ShapeSettings(("id", "a", "b"), {"c": "d"}))
    prepared_by(preparer, [raw({"id": 1, "a": 2})])
    assert preparer.unused_names == ["b", "c"]
