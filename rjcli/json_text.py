"""JSON as text: checked and cut into its parts without changing a byte of it.

orjson is quick and strict. It differs from what is needed here in three points:
it keeps the last of two members with the same name, it turns integers past 64
bits into floats (harmless: the text is what is sent), and it refuses numbers
past a double's range, which are good JSON.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson

from rjcli.errors import show_name

SPACE = b" \t\n\r"

_OPENING, _CLOSING = b"[{", b"]}"
# Matches up to the next bracket or comma outside of strings. The quantifiers
# are possessive, so that no text makes it backtrack.
_STEP = re.compile(rb'(?:[^"\[\]{},]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[\[\]{},]', re.DOTALL)
_NAME = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_ALL_BUT_COLON = bytes({*range(256)} - {*b":"})

# Words that other programs write for values. No other part of a record is shown in a message.
_WORD = re.compile(r"-?(?:NaN|nan|Infinity|inf|None|NULL|True|False|undefined)(?![A-Za-z0-9_])")
_MAX_INTEGER_DIGITS = 20  # those of 64 bits


class MalformedJsonError(ValueError):
    """A text is not the JSON that it should be; ``reason`` says why, without quoting values."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_value(text: bytes) -> Any:
    """Parse one JSON value. Raises MalformedJsonError, and MemoryError if there is too little.

    Numbers past 64 bits or a double's range become floats, infinite ones included.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if "number is infinity" in error.msg:
            return _parse_huge_numbers(text)
        if "Not enough memory" in error.msg:
            raise MemoryError from None
        raise MalformedJsonError(_reason(error, text)) from None


def parse_objects(
    texts: Sequence[bytes],
) -> "tuple[list[dict[str, Any]], dict[int, MalformedJsonError]]":
    """Parse texts, each a JSON object without repeated names; return values, and errors by index.

    Numbers are read as by ``parse_value``. A text with an error has an empty value.
    """
    try:
        values = [*map(orjson.loads, texts)]
        if {*map(type, values)} <= {dict} and _kept_all_names(b"[%b]" % b",".join(texts), values):
            return values, {}
    except orjson.JSONDecodeError:
        pass  # parsing one by one finds out which text is malformed
    values, errors = [], {}
    for index, text in enumerate(texts):
        try:
            values.append(parse_object(text))
        except MalformedJsonError as error:
            values.append({})
            errors[index] = error
    return values, errors


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse one JSON object without repeated names. Raises MalformedJsonError for all else."""
    value = parse_value(text)
    if not isinstance(value, dict):
        raise MalformedJsonError(f"a record must be a JSON object, not {_kind(value)}")
    if not _kept_all_names(text, value):
        _refuse_duplicate_names(text)
    return value


def split(container: bytes) -> list[bytes]:
    """Cut a valid array into the exact texts of its elements, or an object into its members'."""
    parts: list[bytes] = []
    depth = start = 0
    container = container.strip(SPACE)  # or a search would start at each space after the end
    for step in _STEP.finditer(container):
        end = step.end()
        mark = container[end - 1]
        if mark in _OPENING:
            depth += 1
            if depth == 1:
                start = end
        elif depth == 1:  # a comma, or the end
            parts.append(container[start : end - 1].strip(SPACE))
            start = end
        if mark in _CLOSING:
            depth -= 1
    return parts if parts != [b""] else []


def members(text: bytes) -> dict[str, bytes]:
    """Map the names of a valid object to the exact texts of their values; the last one wins."""
    return dict(map(_name_of, split(text)))


def _kept_all_names(text: bytes, value: Any) -> bool:
    """Return True only if no two members had the same name, without a look at each member.

    Each member has a colon. A value that is written again has as many colons as
    its text had, unless a member was lost or a colon was written as an escape.
    """
    try:
        rewritten = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False  # orjson reads deeper nesting than it writes
    return rewritten == text or (
        _count_colons(rewritten) == _count_colons(text) and b"\\u003" not in text
    )


def _count_colons(text: bytes) -> int:
    return len(text.translate(None, _ALL_BUT_COLON))  # twice as fast as text.count


def _refuse_duplicate_names(text: bytes) -> None:
    """Raise MalformedJsonError if two members of an object, not of those in it, have one name."""
    seen = set()
    for member in split(text):
        name = _name_of(member)[0]
        if name in seen:
            raise MalformedJsonError(f"the name {show_name(name)} occurs twice")
        seen.add(name)


def _name_of(member: bytes) -> tuple[str, bytes]:
    """Split a member into its name and the exact text of its value."""
    name = _NAME.match(member)
    if name is None:
        raise MalformedJsonError("a member has no name")
    return orjson.loads(name[1]), member[name.end() :]


def _parse_huge_numbers(text: bytes) -> Any:
    try:
        value = json.loads(
            text.decode(), parse_int=_integer_or_float, parse_constant=_refuse_constant
        )
        json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    except json.JSONDecodeError as error:
        raise MalformedJsonError(f"{error.msg} at {_place(error)}") from None
    except UnicodeEncodeError:
        raise MalformedJsonError("a string has half of a surrogate pair") from None
    except RecursionError:
        raise MalformedJsonError("it is nested too deeply") from None
    return value


def _integer_or_float(text: str) -> int | float:
    return int(text) if len(text) < _MAX_INTEGER_DIGITS else float(text)


def _reason(error: orjson.JSONDecodeError, text: bytes) -> str:
    try:
        text.decode()
    except UnicodeDecodeError as bad:
        return f"byte 0x{text[bad.start]:02x} at offset {bad.start} is not UTF-8"
    word = _WORD.match(error.doc, error.pos)
    what = f"{word[0]} is not JSON" if word else error.msg.partition(": line ")[0]
    return f"{what} at {_place(error)}"


def _place(error: json.JSONDecodeError) -> str:
    column = f"column {error.colno}"
    return column if error.lineno == 1 else f"line {error.lineno} of the record, {column}"


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJsonError(f"{name} is not JSON")


def _kind(value: Any) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
