"""Keys and metadata that records are sent with beside their own fields."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.singer.additions import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
).filter(lambda value: "\ud800" not in repr(value))
RECORDS = st.dictionaries(st.text(), VALUES, max_size=4)


def _is_utf8(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


@given(RECORDS.filter(_is_utf8), st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_canonical_text_is_the_same_for_all_ways_to_write(
    fields: dict[str, Any],
    ascii_only: bool,  # noqa: FBT001 - drawn
    indent: int | None,
) -> None:
    """Order of members, white space and escapes make no difference."""
    backwards = dict(reversed(fields.items()))
    text = json.dumps(backwards, ensure_ascii=ascii_only, indent=indent).encode()
    assert canonical(text) == canonical(json.dumps(fields, separators=(",", ":")).encode())


def test_canonical_text_is_what_it_is_documented_to_be() -> None:
    """Sorted names, no white space, no needless escapes, numbers as they are written."""
    text = b'{ "b" : 1.10 , "a":{"d":1e2,"c":"\\u00e4\\/"}, "\\u00e4":12345678901234567890123 }'
    assert (
        canonical(text) == '{"a":{"c":"ä/","d":1e2},"b":1.10,"ä":12345678901234567890123}'.encode()
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [(b"1", b"1.0"), (b"0.1", b"0.10"), (b"9007199254740993", b"9007199254740992")],
)
def test_numbers_that_differ_in_any_digit_are_different(one: bytes, other: bytes) -> None:
    """No number is rounded: two records are taken for one only if they are."""
    assert canonical(b'{"n":%b}' % one) != canonical(b'{"n":%b}' % other)


def test_deep_nesting_is_refused() -> None:
    """What is nested too deeply to be written again has no canonical text, and says so."""
    with pytest.raises(ValueError, match="nested too deeply"):
        canonical(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}")
