"""Keys are found in files: never empty, never twice, in memory that does not grow."""

import random
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.inspecting.findings import Findings, inspect
from rjcli.inspecting.keys import likeness
from rjcli.inspecting.uniqueness import Uniqueness
from rjcli.settings.values import InputSettings


def look(tmp_path: Path, *files: list[dict[str, Any]]) -> Findings:
    """What is found in files of these records."""
    names = []
    for number, records in enumerate(files):
        path = tmp_path / f"{number}.ndjson"
        path.write_bytes(b"".join(orjson.dumps(each) + b"\n" for each in records))
        names.append(str(path))
    return inspect(InputSettings(files=tuple(names)))


def keys(found: Findings) -> tuple[str, ...] | None:
    """The fields of the key."""
    return found.key.fields if found.key else None


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([{"name": "x", "id": 1}, {"name": "y", "id": 2}], ("id",)),
        ([{"id": 1, "sku": "a"}, {"id": 1, "sku": "b"}], ("sku",)),
        ([{"id": 1, "sku": "a"}, {"id": None, "sku": "b"}], ("sku",)),
        ([{"id": 1, "sku": "a"}, {"sku": "b"}], ("sku",)),
        ([{"id": "", "sku": "a"}, {"id": "1", "sku": "b"}], ("sku",)),
        ([{"id": [1], "sku": "a"}, {"id": [2], "sku": "b"}], ("sku",)),
        ([{"id": -1}, {"id": -2}], ("id",)),
        ([{"id": "a"}, {"id": "A"}], None),
        ([{"id": 1}, {"id": "1"}], None),
        ([{"price": 1.5}, {"price": 2.5}], None),
        ([{"is_new": True}, {"is_new": False}], None),
        ([{"o": a, "l": b} for a in range(3) for b in range(3)], ("o", "l")),
        ([{"a": a, "b": b, "c": c} for a in (1, 2) for b in (1, 2) for c in (1, 2)], tuple("abc")),
        ([{"a": 1, "b": 1}, {"a": 1, "b": 1}], None),
        ([{"name": "x"}], None),
        ([{"id": 1}], ("id",)),
        ([], None),
    ],
)
def test_keys(tmp_path: Path, records: list[dict[str, Any]], expected: Any) -> None:
    """A key is never empty and never twice, alone or with others, as the API would see it."""
    assert keys(look(tmp_path, records)) == expected


def test_keys_of_several_files(tmp_path: Path) -> None:
    """What repeats in later files only is a key if its name is one's, and that is said."""
    first = [{"id": number, "day": 1, "n": number} for number in range(5)]
    found = look(tmp_path, first, [{"id": number, "day": 2, "n": number} for number in range(5)])
    assert found.key == (("id",), False, 1.0)
    first = [{"shop": number, "day": 1} for number in range(5)]
    found = look(tmp_path, first, [{"shop": number, "day": 2} for number in range(5)])
    assert found.key == (("shop", "day"), True, 1.0)


def test_own_keys(tmp_path: Path) -> None:
    """Records that bring their keys need none."""
    found = look(tmp_path, [{"keys": ["id"], "id": 1}, {"keys": ["id"], "id": 2}])
    assert found.has_own_keys


def test_likely_names() -> None:
    """Names that keys have come before others."""
    names = ["id", "order_id", "orderId", "line", "sku", "created_at", "name"]
    assert [*map(likeness, names)] == [0, 1, 1, 2, 3, 4, 5]
    assert likeness("paid") == likeness("piano") == 5


@given(
    st.lists(st.lists(st.integers(-3, 30) | st.text(max_size=1), max_size=12), max_size=4),
    st.integers(1, 5),
)
def test_uniqueness_is_exact_for_few(files: list[list[Any]], size: int) -> None:
    """Where all values are watched, both answers are exact, however they come in blocks."""
    uniqueness = Uniqueness()
    for values in files:
        for start in range(0, len(values), size):
            uniqueness.add([repr(value) for value in values[start : start + size]], 1000)
        uniqueness.end_file()
    texts = [[*map(repr, values)] for values in files]
    together = [text for values in texts for text in values]
    assert uniqueness.in_each == all(len({*values}) == len(values) for values in texts)
    assert uniqueness.in_all == (len({*together}) == len(together))


def test_uniqueness_is_bounded() -> None:
    """Of many values a share is watched, in which a repetition is still found."""
    uniqueness = Uniqueness()
    chance = random.Random(1)
    values = [chance.random() for _ in range(5000)]
    uniqueness.add(values, 100)
    assert uniqueness.in_all
    assert uniqueness.share <= 1 / 32
    uniqueness.add(values, 100)
    assert not uniqueness.in_each
