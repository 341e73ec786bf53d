"""Shape: fields are selected, renamed and set; whatever stays keeps its exact text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.json_text import members, parse_object
from rjcli.model import RawRecord
from rjcli.preparing.shaper import Shaper, UnshapeableError
from rjcli.settings.shape import ShapeSettings
from tests.reading.test_json import GOOD

RECORD = b'{ "id" : 1.10 ,"b":{"x": 1e400,"x":2}, "\\u0063":"\\u00e9\\/" , "d":[ 1,2 ]}'

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
exact_texts = st.sampled_from([text.strip() for text in GOOD.values() if len(text) < 100])


def raw(text: bytes) -> RawRecord:
    """A raw record."""
    return RawRecord(text, text, parse_object(text), "f", 1, 1)


def shape(text: bytes, **options: Any) -> bytes:
    """Shape a record, and check that its fields are still those of its JSON."""
    shaped = Shaper(ShapeSettings(**options)).shape(raw(text))
    assert shaped.fields == parse_object(shaped.json)
    assert shaped.raw == text
    return shaped.json


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"select": ("id",)}, b'{"id":1.10}'),
        ({"select": ("d", "id")}, b'{"id":1.10,"d":[ 1,2 ]}'),
        ({"select": ("c",)}, rb'{"c":"\u00e9\/"}'),
        ({"select": ("b",)}, b'{"b":{"x": 1e400,"x":2}}'),
        ({"select": ("none",)}, b"{}"),
        ({"select": ("id",), "rename": {"id": "key"}}, b'{"key":1.10}'),
        ({"select": ("id", "b"), "rename": {"b": "c"}}, b'{"id":1.10,"c":{"x": 1e400,"x":2}}'),
        ({"select": ("id",), "constants": {"new": b"1.50"}}, b'{"id":1.10,"new":1.50}'),
        ({"select": ("id", "d"), "constants": {"id": b" 1e5"}}, b'{"id": 1e5,"d":[ 1,2 ]}'),
        ({"select": ("id", "d"), "rename": {"id": "d", "d": "id"}}, b'{"d":1.10,"id":[ 1,2 ]}'),
        ({"select": ("id",), "rename": {"id": 'a"\n\U0001f600'}}, '{"a\\"\\n😀":1.10}'.encode()),
        ({"select": ("id",), "rename": {"missing": "x"}}, b'{"id":1.10}'),
    ],
)
def test_values_keep_their_exact_text(options: dict[str, Any], expected: bytes) -> None:
    """Fields are selected, then renamed, then set, in their old order, with their own values."""
    assert shape(RECORD, **options) == expected


def test_rename_that_collides_is_refused() -> None:
    """A record in which two fields would have one name is refused, whichever comes first."""
    for text in (b'{"a":1,"b":2}', b'{"b":2,"a":1}'):
        with pytest.raises(UnshapeableError, match="two fields named 'b'"):
            shape(text, rename={"a": "b"})
        assert shape(text, rename={"a": "b"}, select=("a",)) == b'{"b":1}'


def test_own_keys_stay() -> None:
    """What a record says of its keys is not selected away."""
    record = b'{"keys":["id"],"id":1,"x":2}'
    assert shape(record, select=("id",)) == b'{"keys":["id"],"id":1}'


@given(st.dictionaries(names, exact_texts, max_size=5), st.data())
def test_any_record_keeps_what_is_selected(texts: dict[str, bytes], data: st.DataObject) -> None:
    """Of any record, just the selected fields stay, each with the text that it had."""
    selected = data.draw(st.sets(st.sampled_from(sorted(texts)))) if texts else set()
    object_ = b", ".join(json.dumps(name).encode() + b" : " + t for name, t in texts.items())
    record = b"{" + object_ + b"}"
    expected = {
        name: t for name, t in texts.items() if not selected or name in selected or name == "keys"
    }
    shaped = Shaper(ShapeSettings(select=tuple(selected))).shape(raw(record))
    assert members(shaped.json) == expected


def test_no_option_is_no_shape() -> None:
    """Without any option there is no shape, and records are left as they are."""
    assert not ShapeSettings()
