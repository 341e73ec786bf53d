"""A request's body as checked records.

The rules are the Import API's: one object or an array of at most 100, each
with `keys`, a non-empty array of names of fields that it has.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import orjson

from rjcli.api.upsert import KEYS_FIELD, MAX_BATCH_RECORDS
from rjcli.json_text import SPACE, members, parse_value, split

SqlValue = int | float | str | None

_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_NUMBERS, _CONTAINERS = (int, float), (dict, list)
_MAX_INTEGER_DIGITS = 20  # those of 64 bits
_MAX_NUMBER_CHARACTERS = 1000
_MAX_QUOTED_CHARACTERS = 100
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1  # SQLite's


class RefusedBatchError(Exception):
    """A batch that breaks the API's rules; none of it may be applied.

    ``reasons`` says for people what is wrong, records counted from 1.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its exact text, its key, and its values for SQL.

    ``key`` maps each key field to its value's canonical JSON, so that 1 and 1.0
    are one key, and 1, "1" and true are three. ``values`` holds the fields but
    `keys`. What SQLite's 64-bit numbers cannot hold is the exact text there, and
    so are arrays and objects.
    """

    text: str
    key: Mapping[str, str]
    values: Mapping[str, SqlValue]


def read_batch(body: bytes) -> list[Record]:
    """Read and check the body of an upsert, one record or an array of 1 to 100.

    Raises RefusedBatchError, with a reason for each bad record.
    """
    try:
        document = parse_value(body)
    except ValueError as error:
        raise RefusedBatchError([f"the body is not valid JSON: {error}"]) from None
    is_array = isinstance(document, list)
    values = document if is_array else [document]
    if not 1 <= len(values) <= MAX_BATCH_RECORDS:
        limit = f"a batch holds 1 to {MAX_BATCH_RECORDS}"
        raise RefusedBatchError([f"the batch has {len(values)} records; {limit}"])
    texts = _elements(body) if is_array else [body.strip(SPACE)]
    records, reasons = [], []
    for number, (text, value) in enumerate(zip(texts, values, strict=True), 1):
        try:
            records.append(_read_record(text, value))
        except ValueError as error:
            reasons.append(f"record {number}: {error}")
    if reasons:
        raise RefusedBatchError(reasons)
    return records


def exact_values(record: bytes) -> Mapping[str, bytes]:
    """The exact text of each field's value in a record; the last of a repeated name stays."""
    try:
        return {field: bytes(text) for field, text in _MEMBERS.decode(record).items()}
    except RecursionError:
        return members(record)


def quoted(name: object) -> str:
    """A JSON value as reasons show it: as JSON, and not too long."""
    text = orjson.dumps(name).decode()
    if len(text) > _MAX_QUOTED_CHARACTERS:
        return f"{text[:_MAX_QUOTED_CHARACTERS]}…"
    return text


def canonical_number(text: str) -> str:
    """Write a JSON number so that equal numbers, however large, have equal texts.

    Numbers of at most 20 digits that are whole come out as plain integers:
    ``1.0`` and ``10e-1`` as ``1``. Raises ValueError for more than 1,000 characters.
    """
    number = _NUMBER.fullmatch(text)
    if number is None or len(text) > _MAX_NUMBER_CHARACTERS:
        raise ValueError(f"a number of {len(text)} characters")
    sign, whole, fraction, exponent = number.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    significant = digits.rstrip("0")
    power = int(exponent or 0) - len(fraction) + len(digits) - len(significant)
    if 0 <= power <= _MAX_INTEGER_DIGITS - len(significant):
        return f"{sign}{significant}{'0' * power}"
    return f"{sign}{significant}e{power}"


def _elements(array: bytes) -> list[bytes]:
    """Cut a valid array into the exact texts of its elements."""
    try:
        return [*map(bytes, _ELEMENTS.decode(array))]
    except RecursionError:  # nested deeper than msgspec goes, though not deeper than orjson
        return split(array)


def _read_record(text: bytes, value: Any) -> Record:
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 -- about data, not about types
    keys = _take_keys(value)
    as_text = [field for field, member in value.items() if not _fits_sql(member)]
    exact: Mapping[str, bytes] = {}
    if as_text or any(isinstance(value[field], float) for field in keys):
        exact = exact_values(text)
    key = {field: _canonical(field, value[field], exact) for field in keys}
    for field in as_text:
        value[field] = exact[field].decode()
    return Record(text.decode(), key, value)


def _take_keys(value: dict[str, Any]) -> list[str]:
    keys = value.pop(KEYS_FIELD, None)
    if keys is None:
        raise ValueError(f'it has no "{KEYS_FIELD}"')
    if not (isinstance(keys, list) and keys and all(isinstance(key, str) for key in keys)):
        raise ValueError(f'its "{KEYS_FIELD}" must be a non-empty array of field names')
    if len(set(keys)) < len(keys):
        raise ValueError(f'its "{KEYS_FIELD}" names a field twice')
    for field in keys:
        if field not in value:
            raise ValueError(f"it has no field {quoted(field)}, which its keys name")
    return keys


def _fits_sql(member: Any) -> bool:
    kind = type(member)
    if kind in _NUMBERS:
        return bool(_MIN_INTEGER <= member <= _MAX_INTEGER)
    return kind not in _CONTAINERS


def _canonical(field: str, member: Any, exact: Mapping[str, bytes]) -> str:
    if isinstance(member, str):
        return orjson.dumps(member).decode()
    if isinstance(member, float):
        try:
            return canonical_number(exact[field].decode())
        except ValueError as error:
            raise ValueError(f"its key field {quoted(field)} is {error}: too long") from None
    if isinstance(member, int):
        return str(member).lower()  # true and false, too
    what = "null" if member is None else "not a string, number or boolean"
    raise ValueError(f"its key field {quoted(field)} is {what}")
