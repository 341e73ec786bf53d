"""Records of every kind: good, malformed, and such as the server refuses; with their keys."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import count, product
from typing import Any, NamedTuple

from soak.table import Fields

Key = tuple[Any, ...]
"""The values of the key fields."""


class Form(StrEnum):
    """What a file is written in; the value is the end of its name."""

    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"
    TSV = "tsv"

    @property
    def is_delimited(self) -> bool:
        """Whether it has columns, all of whose keys are strings here."""
        return self in {Form.CSV, Form.TSV}


class KeyKind(StrEnum):
    """How often keys come again, and how much they look alike."""

    UNIQUE = "unique"
    HOT = "hot"  # a handful make most of the records
    FEW = "few"
    ALIKE = "alike"  # such as "A2" and "a2", 4 and "4.0"
    COMPOSITE = "composite"


class Kind(StrEnum):
    """What must become of a record."""

    GOOD = "good"
    POISON = "poison"  # refused with 400
    HUGE = "huge"  # refused with 413
    MALFORMED = "malformed"


STATUS = {Kind.POISON: 400, Kind.HUGE: 413}

_ALIKE: list[list[Any]] = [
    ["A2", "a2", " a2", "A2 "],
    [4, "4", "4.0", 4.0, "04"],
    ["11", " 11", 11, "11.0"],
    ["\u00e9a", "E\u0301A", "ea"],
    [True, "true", "1", 1],
]
_TEXTS = ["plain", 'says "so"', "a, b; c", "Z\u00fcrich \u2603", "tab\there", "two\nlines", "\\n"]


class Made(NamedTuple):
    """A record of an input, and what must become of it.

    ``raw``: its bytes in the file; ``rejected``: those among the rejects, if it
    gets there. ``fields``: what the table must hold of it. ``stage``: where it is
    rejected.
    """

    raw: bytes
    rejected: bytes
    kind: Kind
    fields: Fields
    stage: str = ""


class Recipe(NamedTuple):
    """How records are made. ``text``: characters in each; ``huge``: in one that is too large.

    ``malformed``, ``poison``: how likely one begins; ``stretch``: how many come in a row.
    """

    form: Form
    keys: KeyKind
    text: int
    huge: int | None
    malformed: float
    poison: float
    stretch: int


def key_names(kind: KeyKind) -> tuple[str, ...]:
    """The names of the key fields."""
    return ("id", "sku") if kind is KeyKind.COMPOSITE else ("id",)


def draw_keys(recipe: Recipe, size: int, chance: random.Random) -> Iterator[Key]:
    """Keys without end, for an input of about ``size`` records."""
    if recipe.keys is KeyKind.UNIQUE:
        yield from ((_typed(number, recipe.form),) for number in count())
    pool = _pool(recipe, size, chance)
    hot = pool[:3]
    while True:
        yield chance.choice(hot if recipe.keys is KeyKind.HOT and chance.random() < 0.7 else pool)


def _pool(recipe: Recipe, size: int, chance: random.Random) -> list[Key]:
    strings = recipe.form.is_delimited
    alike = [[each for each in group if not strings or isinstance(each, str)] for group in _ALIKE]
    match recipe.keys:
        case KeyKind.ALIKE:
            groups = chance.sample(alike, chance.randint(1, 2))
            return [(key,) for group in groups for key in group]
        case KeyKind.COMPOSITE:
            ids = chance.choice(alike)
            return [*product(ids, chance.sample(["s", "S", "t", "u", "v"], chance.randint(2, 4)))]
        case KeyKind.FEW:
            keys = chance.randint(2, 20)
        case _:
            keys = size // 3 + 3
    return [(_typed(number, recipe.form),) for number in range(keys)]


def _typed(number: int, form: Form) -> Any:
    return f"k{number}" if form.is_delimited else number


class RecordMaker:
    """Makes the records of one input. ``versions``: of all inputs of a table, ascending."""

    def __init__(
        self, recipe: Recipe, size: int, versions: Iterator[int], chance: random.Random
    ) -> None:
        self._recipe = recipe
        self._versions = versions
        self._chance = chance
        self._names = key_names(recipe.keys)
        self._keys = draw_keys(recipe, size, chance)
        self._made = 0
        self._stretch: list[Kind] = []  # kinds of the next records

    def make(self, number: int) -> list[Made]:
        """Make so many records."""
        return [self._make(self._next_kind()) for _ in range(number)]

    def _next_kind(self) -> Kind:
        self._made += 1
        if self._made == 1:  # or the call itself would seem to be wrong
            return Kind.GOOD
        if self._stretch:
            return self._stretch.pop()
        recipe, draw = self._recipe, self._chance.random()
        if draw < recipe.malformed:
            return Kind.MALFORMED
        if draw < recipe.malformed + recipe.poison:
            kind = Kind.HUGE if recipe.huge and self._chance.random() < 0.3 else Kind.POISON
            self._stretch = [kind] * (recipe.stretch - 1)
            return kind
        return Kind.GOOD

    def _make(self, kind: Kind) -> Made:
        recipe = self._recipe
        fields: Fields = dict(zip(self._names, next(self._keys), strict=True))
        fields |= {"v": next(self._versions), "kind": kind}
        if kind is Kind.MALFORMED:
            return self._malformed(fields)
        length = recipe.huge if kind is Kind.HUGE and recipe.huge else recipe.text
        fields["text"] = self._chance.choice(_TEXTS) + "x" * length
        stage = "" if kind is Kind.GOOD else "api"
        if recipe.form.is_delimited:
            raw = delimited(fields.values(), recipe.form)
            return Made(raw, raw, kind, fields, stage)
        spaced = recipe.form is Form.JSON and self._chance.random() < 0.1
        raw = json.dumps(fields, indent=1 if spaced else None, ensure_ascii=spaced).encode()
        return Made(raw, raw.replace(b"\n", b" "), kind, fields, stage)

    def _malformed(self, fields: Fields) -> Made:
        ways = _MALFORMED[self._recipe.form]
        raw, stage = self._chance.choice(ways)(fields, self._recipe.form)
        return Made(raw, raw.replace(b"\n", b" "), Kind.MALFORMED, fields, stage)


def delimited(cells: Sequence[Any] | Any, form: Form) -> bytes:
    """A row without its line end."""
    separator = "," if form is Form.CSV else "\t"
    return separator.join(_cell(str(cell), separator) for cell in cells).encode()


def _cell(text: str, separator: str) -> str:
    is_special = any(each in text for each in (separator, '"', "\n", ","))
    return '"{}"'.format(text.replace('"', '""')) if is_special else text


_Way = Callable[[Fields, Form], tuple[bytes, str]]
"""Makes a malformed record of fields; returns it and the stage at which it is rejected."""


def _cut(fields: Fields, _: Form) -> tuple[bytes, str]:
    return json.dumps(fields).encode()[:-1], "read"


def _no_json(fields: Fields, _: Form) -> tuple[bytes, str]:
    return b"no JSON %d" % fields["v"], "read"


def _number(fields: Fields, _: Form) -> tuple[bytes, str]:
    return b"%d" % fields["v"], "read"


def _array(fields: Fields, _: Form) -> tuple[bytes, str]:
    return b"[%d]" % fields["v"], "read"


def _no_comma(fields: Fields, _: Form) -> tuple[bytes, str]:
    return b'{"id":1 "v":%d}' % fields["v"], "read"


def _no_utf8(fields: Fields, _: Form) -> tuple[bytes, str]:
    return b'{"id":"\xff","v":%d}' % fields["v"], "read"


def _no_key(fields: Fields, _: Form) -> tuple[bytes, str]:
    return b'{"v":%d}' % fields["v"], "prepare"


def _null_key(fields: Fields, _: Form) -> tuple[bytes, str]:
    return json.dumps(fields | {"id": None}).encode(), "prepare"


def _other_keys(fields: Fields, _: Form) -> tuple[bytes, str]:
    return json.dumps(fields | {"keys": ["v"]}).encode(), "prepare"


def _nested_key(fields: Fields, _: Form) -> tuple[bytes, str]:
    return json.dumps(fields | {"id": {"a": 1}}).encode(), "prepare"


def _cell_missing(fields: Fields, form: Form) -> tuple[bytes, str]:
    return delimited(fields.values(), form), "read"


def _cell_more(fields: Fields, form: Form) -> tuple[bytes, str]:
    return delimited([*fields.values(), "a", "b"], form), "read"


def _no_integer(fields: Fields, form: Form) -> tuple[bytes, str]:
    cells = fields | {"v": f"v{fields['v']}", "text": "t"}
    return delimited(cells.values(), form), "read"


def _empty_key(fields: Fields, form: Form) -> tuple[bytes, str]:
    return delimited((fields | {"id": "", "text": "t"}).values(), form), "prepare"


_BALANCED: list[_Way] = [_number, _array, _no_comma, _no_key, _null_key, _other_keys, _nested_key]
_ROWS: list[_Way] = [_cell_missing, _cell_more, _no_integer, _empty_key]
_MALFORMED: dict[Form, list[_Way]] = {
    Form.NDJSON: [*_BALANCED, _cut, _no_json, _no_utf8],
    Form.JSON: _BALANCED,
    Form.CSV: _ROWS,
    Form.TSV: _ROWS,
}
