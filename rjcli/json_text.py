"""JSON as text: checked and cut into its parts without changing a byte of it.

orjson is quick and strict, and is trusted here with three exceptions: it keeps
the last of two members with the same name, it turns integers past 64 bits into
floats (harmless: the text is what is sent), and it refuses numbers past a
double's range, which are good JSON.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NoReturn

import orjson

SPACE = b" \t\n\r"

_OPENING, _CLOSING = b"[{", b"]}"
# Steps over strings and everything else to the next bracket or comma. The
# quantifiers are possessive, so that no text makes it backtrack.
_STEP = re.compile(rb'(?:[^"\[\]{},]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[\[\]{},]', re.DOTALL)
_NAME = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_ALL_BUT_COLON = bytes({*range(256)} - {*b":"})

_WORD = re.compile(r"-?[A-Za-z]{2,20}")  # such as NaN, -Infinity or None
_MAX_INTEGER_DIGITS = 20  # those of 64 bits


class MalformedJsonError(ValueError):
    """A text that is not the JSON it should be; ``reason`` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_value(text: bytes) -> Any:
    """Parse one JSON value. Raises MalformedJsonError if it is none, and MemoryError.

    Numbers past 64 bits or a double's range become floats, if need be infinite.
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
    """Parse JSON objects whose names all differ; for those that are none, errors by their index.

    Numbers past 64 bits or a double's range become floats, if need be infinite.
    """
    try:
        values = [*map(orjson.loads, texts)]
        if {*map(type, values)} <= {dict} and _kept_all_names(b"[%b]" % b",".join(texts), values):
            return values, {}
    except orjson.JSONDecodeError:
        pass  # one by one it shows which
    values, errors = [], {}
    for index, text in enumerate(texts):
        try:
            values.append(parse_object(text))
        except MalformedJsonError as error:
            values.append({})
            errors[index] = error
    return values, errors


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse one such object. Raises MalformedJsonError for anything else."""
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
    """The exact text of each member's value of a valid object; the last of a name stays."""
    return dict(map(_name_of, split(text)))


def _kept_all_names(text: bytes, value: Any) -> bool:
    """Whether parsing for certain lost no member for its name, without looking at each.

    Each member brings a colon. Written anew, a value has as many as its text
    unless one was lost with a member, or a colon was written as an escape.
    """
    try:
        rewritten = orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False  # it is nested too deeply to be written, though not to be read
    return rewritten == text or (
        _count_colons(rewritten) == _count_colons(text) and b"\\u003" not in text
    )


def _count_colons(text: bytes) -> int:
    return len(text.translate(None, _ALL_BUT_COLON))  # twice as fast as text.count


def _refuse_duplicate_names(text: bytes) -> None:
    """Raise MalformedJsonError if a name is there twice at the top of an object."""
    seen = set()
    for member in split(text):
        name = _name_of(member)[0]
        if name in seen:
            shown = json.dumps(name, ensure_ascii=False)
            raise MalformedJsonError(f"the name {shown} is there twice")
        seen.add(name)


def _name_of(member: bytes) -> tuple[str, bytes]:
    """The name of a member, and the exact text of its value."""
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
