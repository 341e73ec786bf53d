"""Keys as the API might compare them, or more coarsely.

How the warehouse compares key values is not published: whether 1, 1.0 and "1"
are one key, or "Ab" and "ab ". Two versions of one key must never overtake each
other, and keys that only might be one are treated as if they were. Taking two
keys for one costs a little waiting; taking one for two would leave the table on
an old version.
"""

import math
import unicodedata
from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from rjcli.api.protocol import KEYS_FIELD
from rjcli.json_text import members
from rjcli.model import Record

_NUMBERS = frozenset("0123456789+-.")
_BOOLEANS = {"true": 1.0, "false": 0.0}


def normalize_value(value: Any) -> str | float | None:
    """Map a key value so that all values that might be taken for it map to the same.

    Numbers, strings that read as numbers, and booleans become floats; other
    strings lose case, accents, and spaces at their ends. What is no single
    value, and so no key, becomes None.
    """
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:  # an integer past a float's range, which JSON's readers round as well
            return math.inf
    return _normalize_text(value) if isinstance(value, str) else None


def normalize_values(values: Sequence[Any]) -> list[Hashable | None]:
    """Map many key values; numbers, which most keys are, at once."""
    types = {*map(type, values)}
    if types <= {int, float} or (types == {str} and _are_digits("".join(values))):
        with suppress(OverflowError, ValueError):  # the latter of an empty string
            return [*map(float, values)]
    return [*map(normalize_value, values)]


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _normalize_text(value: str) -> str | float:
    text = value.strip()
    if not text.isascii():
        parts = unicodedata.normalize("NFKD", text)
        text = "".join([part for part in parts if not unicodedata.combining(part)])
    text = text.casefold()
    if text[:1] in _NUMBERS:
        try:
            number = float(text)
        except ValueError:
            return text
        return text if math.isnan(number) else number  # which equals nothing, itself included
    return _BOOLEANS.get(text, text)


def exact_key(record: Record) -> Hashable:
    """The key of a record so that only equal values of equal types are equal.

    Strings compare by their characters, everything else by its text.
    """
    texts = members(record.opening + record.json[1:])
    names = orjson.loads(texts[KEYS_FIELD])
    return tuple((name, _exact(texts[name])) for name in sorted(names))


def _exact(text: bytes) -> str:
    """The text of a value; escapes in strings make no difference."""
    return (orjson.dumps(orjson.loads(text)) if text.startswith(b'"') else text).decode()
