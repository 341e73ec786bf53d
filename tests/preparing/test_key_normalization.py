"""Normalized keys: keys that may be the same are equal, and nobody can choose slow ones."""

import math
import unicodedata
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.model import Record
from rjcli.preparing.key_normalization import combine, exact_key, normalize_value, normalize_values


def test_composite_number_keys_cannot_be_chosen_to_collide() -> None:
    """Numbers that all share one hash make composite keys whose hashes differ."""
    numbers = [2.0 ** (61 * power) for power in range(-12, 12)]
    assert len({*map(hash, numbers)}) == 1  # so do all tuples of them
    columns = [*zip(*product(numbers, repeat=3), strict=True)]
    keys = combine([normalize_values(column) for column in columns])
    assert len({*map(hash, keys)}) >= len(numbers) ** 2


@given(st.lists(st.tuples(*[st.sampled_from([0, -0.0, 1, "1.0", True, "Ä", "a ", None, []])] * 2)))
def test_composite_keys_are_equal_where_all_parts_are(rows: list[tuple[object, object]]) -> None:
    """Two composite keys are equal if and only if their parts are, and None without a part."""
    columns = [*zip(*rows, strict=True)] or [(), ()]
    parts = [normalize_values(column) for column in columns]
    keys = combine(parts)
    for key, first, second in zip(keys, *parts, strict=True):
        assert (key is None) == (first is None or second is None)
        for other, *others in zip(keys, *parts, strict=True):
            if key is not None and other is not None:
                assert (key == other) == ([first, second] == others)


@given(st.text())
def test_marks_do_not_count(text: str) -> None:
    """A text is normalized as by decomposing all of it and leaving out its marks."""
    parts = unicodedata.normalize("NFKD", text.strip())
    bare = "".join(part for part in parts if not unicodedata.combining(part)).casefold()
    assert normalize_value(f"x{text.strip()}x") == f"x{bare}x"


@pytest.mark.parametrize("marks", ["\u0301\u0327", "\u0f73"])
def test_normalizing_a_text_full_of_marks_is_linear(marks: str) -> None:
    """A key of 3 MB of marks, which takes minutes to sort into their order, is normalized."""
    half = len(marks) // 2 or 1
    text = "x" + marks[:half] * 500_000 + marks[half:] * 500_000
    assert normalize_value(text) == "x"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" 1.0e1 ", 10.0),
        ("+nan", "+nan"),
        ("nan", "nan"),
        ("inf", "inf"),
        ("", ""),
        ("-", "-"),
        ("TRUE", 1.0),
        ("false ", 0.0),
        ("Ab ", "ab"),
        (-(10**400), math.inf),
        (10**400, math.inf),
        ({"a": 1}, None),
        (None, None),
    ],
)
@pytest.mark.parametrize("other", ["7", 7, "x"])
def test_value_is_normalized_as_documented(value: object, other: object, expected: object) -> None:
    """A value has its normalized form, alone or with others, which may be numbers or texts."""
    others = {"7": 7.0, 7: 7.0, "x": "x"}
    assert normalize_values([value]) == [expected]
    assert normalize_values([value, other]) == [expected, others[other]]


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (rb'"\u00e9"', '"é"'.encode(), True),
        (b"1.10", b"1.1", False),
        (b"1.10", b'"1.10"', False),
        (b"123456789012345678901", b"123456789012345678902", False),
        (b"1.10", b"1.10", True),
    ],
)
def test_exact_keys_are_equal_where_their_values_are(
    one: bytes, other: bytes, *, is_same: bool
) -> None:
    """Strings are one exact key where their characters are equal, numbers where their texts are."""
    keys = [
        exact_key(Record(b'{"id":%b,"x":1}' % text, b'{"keys":["id"],', "", b"", "f", 1, 1))
        for text in (one, other)
    ]
    assert (keys[0] == keys[1]) is is_same
