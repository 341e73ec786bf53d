"""Preparing: keys are spliced in without touching a record's own bytes."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.model import RawRecord, RawRecords, Record, Records, Rejection, Stage
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


MISSING = "the key field 'id' is missing"
NO_NAMES = "its 'keys' field is not an array of field names"


@pytest.mark.parametrize(
    ("keys", "record", "reasons"),
    [
        ("id", {"x": 1}, [MISSING]),
        ("id", {"id": None}, ["the key field 'id' is null"]),
        ("id", {"id": [1]}, ["the key field 'id' holds more than a single value"]),
        ("id", {"id": ""}, ["the key field 'id' is empty (see --allow-empty-keys)"]),
        ("id sku", {"sku": 7}, [MISSING]),
        ("id sku", {"sku": {}}, [MISSING, "the key field 'sku' holds more than a single value"]),
        (
            "id",
            {"id": 1, "keys": ["sku"]},
            ["its own 'keys' field says 'sku', and --keys says 'id'"],
        ),
        ("id", {"id": 1, "keys": "id"}, [NO_NAMES]),
        ("id", {"id": 1, "keys": []}, [NO_NAMES]),
        ("id", {"id": 1, "keys": [1]}, [NO_NAMES]),
        ("id", {"id": 1, "keys": ["id", "id"]}, ["its 'keys' field names a field twice"]),
        ("id", {}, [MISSING]),
        ("", {"id": 1}, ["the record has no 'keys' field, and no --keys was given"]),
        ("id", {"id": 1, "b": 2, "c": 3}, ["--rename makes two fields named 'b'"]),
    ],
)
def test_record_without_a_key_is_rejected(keys: str, record: Any, reasons: list[str]) -> None:
    """A record without a usable key or shape is rejected as it is, with reasons and its place."""
    preparer = Preparer(
        tuple(keys.split()), ShapeSettings(rename={"c": "b"} if "c" in record else {})
    )
    text = json.dumps(record).encode()
    block = [RawRecord(text, text, record, "f", 3, 2)]
    [rejection] = prepared_by(preparer, block, first_position=9)
    assert rejection == Rejection(Stage.PREPARE, "f", 3, 2, text, tuple(reasons), position=9)


def test_records_without_keys_are_counted() -> None:
    """Records without keys and without a key field are counted, and the last one's fields known."""
    keyless = Preparer((), ShapeSettings())
    prepared_by(keyless, [raw({"id": 1}), raw({"keys": ["id"], "id": 1}), raw({})])
    assert keyless.keyless == 2
    preparer = Preparer(("id", "sku"), ShapeSettings())
    assert not preparer.field_names
    prepared_by(preparer, [raw({"id": 1}), raw({"a": 1}), raw({"sku": 1, "b": 1}), raw({"id": []})])
    assert (preparer.keyless, preparer.missing) == (0, {"id": 2, "sku": 3})
    assert preparer.field_names == ("id",)


def test_what_was_rejected_before_gets_its_position() -> None:
    """A rejection of the reader stays as it is, with its position among all records."""
    rejection = Rejection(Stage.READ, "f", 2, 2, b"x", ("bad",))
    first, second, third = prepared_by(
        Preparer(("id",), ShapeSettings()), [raw({"id": 1}), rejection, raw({"id": 2})], 5
    )
    assert isinstance(first, Record)
    assert second == Rejection(Stage.READ, "f", 2, 2, b"x", ("bad",), position=6)
    assert isinstance(third, Record)
    assert (first.position, third.position) == (5, 7)


@pytest.mark.parametrize("bring_keys", [False, True])
def test_all_parts_of_a_key_count(*, bring_keys: bool) -> None:
    """Records share a key where all parts of their keys may be the same, in whatever order."""
    keys = ("sku", "id")
    records: list[dict[str, Any]] = [
        {"id": 1, "sku": 2},
        {"id": 1, "sku": 3},
        {"id": 2, "sku": 1},
        {"sku": "2", "id": True},
    ]
    if bring_keys:
        records = [{**record, "keys": [*record]} for record in records]
    block = RawRecords.of([raw(record) for record in records])
    prepared = prepared_by(Preparer(() if bring_keys else keys, ShapeSettings()), block)
    first, *others = [item.key for item in prepared if isinstance(item, Record)]
    assert [key == first for key in others] == [False, False, True]


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


@pytest.mark.parametrize(
    ("options", "record", "unused"),
    [
        ({"select": ("id", "a", "b"), "rename": {"c": "d"}}, {"id": 1, "a": 2}, ["b", "c"]),
        ({"select": ("1", "a"), "rename": {"1": "id", "2": "a"}}, {"id": 1, "a": 2}, []),
        ({"rename": {"1": "id", "3": "c"}}, {"id": 1, "a": 2}, ["3"]),
    ],
)
def test_fields_that_no_record_has_are_known(
    options: dict[str, Any], record: Any, unused: list[str]
) -> None:
    """Of the fields to select and to rename, those that occur in no record are named."""
    preparer = Preparer(("id",), ShapeSettings(**options))
    prepared_by(preparer, [raw(record)])
    assert preparer.unused_names == unused
