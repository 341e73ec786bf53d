"""Python mappings become JSON records, exactly: no value is rounded, and none becomes null."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from itertools import chain
from typing import Any

import orjson

from rjcli.columns import Repeated
from rjcli.json_text import parse_objects, parse_value
from rjcli.model import Block, RawRecord, RawRecords, Rejection, Stage

FILE = "<records>"  # in the place of a file's name

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_PASSTHROUGH_DATACLASS
_SIMPLE = {str, int, float, bool, type(None)}
_MAX_BITS = 63  # of an integer that orjson writes


class UnwritableError(ValueError):
    """A value that JSON cannot hold; its argument is the reason."""


def make_block(items: Sequence[Any], first_number: int) -> Block:
    """Make a block of mappings, and of bytes that are JSON objects.

    An item that is neither, or holds what JSON cannot, is a rejection.
    ``first_number``: of the first of them, from 1.
    """
    numbers = range(first_number, first_number + len(items))
    if simple := _write_simple(items):
        return RawRecords(simple, simple, items, Repeated(FILE, len(items)), numbers, numbers)
    texts: list[bytes] = []
    fields: list[Mapping[str, Any]] = []
    reasons: dict[int, str] = {}
    for index, item in enumerate(items):
        try:
            text, mapping = (item, None) if isinstance(item, bytes) else _write(item)
        except UnwritableError as error:
            reasons[index] = str(error)
            text, mapping = b"", {}
        texts.append(text)
        fields.append(mapping)  # type: ignore[arg-type] # filled in below
    given = [index for index, mapping in enumerate(fields) if mapping is None]
    parsed, errors = parse_objects([texts[index] for index in given])
    for place, index in enumerate(given):
        fields[index] = parsed[place]
        if place in errors:
            reasons[index] = errors[place].reason
    jsons = [*map(bytes.strip, texts)]
    block = RawRecords(texts, jsons, fields, Repeated(FILE, len(items)), numbers, numbers)
    if not reasons:
        return block
    return [
        _reject(record, items[index], reasons[index]) if index in reasons else record
        for index, record in enumerate(block)
    ]


def _reject(record: RawRecord, item: Any, reason: str) -> Rejection:
    raw = record.raw or repr(item).encode(errors="backslashreplace")
    return Rejection(Stage.READ, FILE, record.line, record.number, raw, (reason,))


def _write_simple(items: Sequence[Any]) -> list[bytes] | None:
    """Write dicts of plain values together, as most are; None where one needs a closer look."""
    if {*map(type, items)} != {dict}:
        return None
    values = [*chain.from_iterable(map(dict.values, items))]
    types = {*map(type, values)}
    if not types <= _SIMPLE:
        return None
    if float in types and not all(map(math.isfinite, [v for v in values if type(v) is float])):
        return None
    try:
        return [*map(orjson.dumps, items)]
    except orjson.JSONEncodeError:
        return None


def _write(item: Any) -> tuple[bytes, Mapping[str, Any]]:
    """Write a mapping as JSON; return it with its values as JSON has them."""
    if type(item) is not dict:
        if not isinstance(item, Mapping):
            raise UnwritableError(f"a record is a mapping or bytes, not {type(item).__name__}")
        item = dict(item)
    try:
        text = orjson.dumps(item, _default, _OPTIONS)
    except orjson.JSONEncodeError as error:
        text = _write_slowly(item, error)
    # What JSON cannot hold, orjson writes as null.
    if b"null" in text:
        _refuse_not_a_number(item.items())
    return text, parse_value(text)


def _write_slowly(item: Any, error: orjson.JSONEncodeError) -> bytes:
    """Write a mapping with integers of any size. Raises UnwritableError with the reason."""
    if isinstance(error.__cause__, UnwritableError):
        raise error.__cause__
    try:
        return orjson.dumps(_with_large_integers(item), _default, _OPTIONS)
    except orjson.JSONEncodeError as again:
        if isinstance(again.__cause__, UnwritableError):
            raise again.__cause__ from None
        raise UnwritableError(str(again)) from None
    except RecursionError:
        raise UnwritableError("it is nested too deeply, or holds itself") from None


def _default(value: Any) -> Any:
    """Write what orjson does not know."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise UnwritableError(f"JSON has no number {value}")
        return orjson.Fragment(str(value).encode())
    if isinstance(value, (datetime, date, time)) and value == value:  # noqa: PLR0124 - not NaT
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    raise UnwritableError(f"a value of type {type(value).__name__} cannot be written as JSON")


def _with_large_integers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_large_integers(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [*map(_with_large_integers, value)]
    if isinstance(value, int) and value.bit_length() > _MAX_BITS:
        return orjson.Fragment(str(Decimal(value)).encode())  # int's own str has a limit
    return value


def _refuse_not_a_number(members: Iterable[tuple[Any, Any]]) -> None:
    for name, member in members:
        value = member.value if isinstance(member, Enum) else member
        if hasattr(value, "tolist"):  # as NumPy's have
            value = value.tolist()
        if isinstance(value, Mapping):
            _refuse_not_a_number(value.items())
        elif isinstance(value, (list, tuple)):
            _refuse_not_a_number((name, each) for each in value)
        elif value is not None and _is_not_finite(value):
            raise UnwritableError(f"the field {name!r} is {value}, which JSON has no number for")


def _is_not_finite(value: Any) -> bool:
    try:
        return not math.isfinite(value)
    except (TypeError, ValueError, OverflowError):
        return False
