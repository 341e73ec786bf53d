"""Keys as the API might compare them, or more coarsely.

How the warehouse compares key values is not published: whether 1, 1.0 and "1"
are one key, or "Ab" and "ab ". Two versions of one key must never overtake each
other, so keys that might be the same are treated as the same. Taking two keys
for one costs a little waiting; taking one for two would leave the table on an
old version.

Keys live in dicts, and whoever writes an input chooses them: no choice may make
many of them share a hash, and none may take long to normalize.
"""

import math
import unicodedata
from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Any

import orjson

from rjcli.api.upsert import KEYS_FIELD
from rjcli.json_text import members
from rjcli.model import Record

_NUMBERS = frozenset("0123456789+-.")
_BOOLEANS = {"true": 1.0, "false": 0.0}


def normalize_value(value: Any) -> str | float | None:
    """Map a key value so that all values that might be the same to the API map to one.

    Numbers, strings that read as numbers, and booleans become floats; other
    strings lose case, accents, and spaces at their ends. Anything that is not
    a single value, and so no key, becomes None.
    """
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:  # an integer past a float's range, which JSON's readers round as well
            return math.inf
    return _normalize_text(value) if isinstance(value, str) else None


def normalize_values(values: Sequence[Any], *, allow_empty: bool = True) -> list[Hashable | None]:
    """Map many key values; numbers, which most keys are, at once.

    ``allow_empty``: else empty strings are no keys either.
    """
    types = {*map(type, values)}
    if types <= {int, float} or (types == {str} and _are_digits("".join(values))):
        with suppress(OverflowError, ValueError):  # the latter of an empty string
            return [*map(float, values)]
    keys: list[Hashable | None] = [*map(normalize_value, values)]
    if allow_empty or "" not in values:
        return keys
    return [None if value == "" else key for value, key in zip(values, keys, strict=True)]


def combine(parts: Sequence[Sequence[Hashable | None]]) -> list[Hashable | None]:
    """Make composite keys from their normalized parts, a column for each; None if a part is None.

    All parts but the last become strings, whose hashes depend on a secret of the
    process: anybody can find any number of tuples of numbers that share one hash.
    """
    *others, last = parts
    texts = [[*map(_as_text, part)] for part in others]
    return [None if None in key else key for key in zip(*texts, last, strict=True)]


def _as_text(part: Hashable | None) -> Hashable | None:
    return repr(part + 0.0) if isinstance(part, float) else part  # -0.0 is 0.0


def _are_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _normalize_text(value: str) -> str | float:
    text = value.strip()
    if not text.isascii():
        text = text.translate(_BARE)
    text = text.casefold()
    if text[:1] in _NUMBERS:
        try:
            number = float(text)
        except ValueError:
            return text
        return text if math.isnan(number) else number  # NaN does not equal itself
    return _BOOLEANS.get(text, text)


class _BareCharacters(dict[int, str]):
    """Characters without accents and other marks, by code point.

    Decomposing one by one is linear; for a whole text it can be quadratic, as marks get sorted.
    """

    def __missing__(self, code: int) -> str:
        parts = unicodedata.normalize("NFKD", chr(code))
        self[code] = bare = "".join([part for part in parts if not unicodedata.combining(part)])
        return bare


_BARE = _BareCharacters()


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
