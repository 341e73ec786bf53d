"""JSON as text: values parsed, with the exact bytes of their parts kept at hand."""

import json
import re
from typing import Any

import orjson

MAX_DEPTH = 1000

_SPACE = b" \t\n\r"
_OPENING = b"[{"
_CLOSING = b"]}"
# Steps over strings and everything else to the next bracket or comma. The
# quantifiers are possessive, so that no text makes it backtrack.
_STEP = re.compile(rb'(?:[^"\[\]{},]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+[\[\]{},]', re.DOTALL)
_MEMBER = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+', re.DOTALL)
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")
_MAX_INTEGER_DIGITS = 20  # those of 64 bits
_MAX_NUMBER_CHARACTERS = 1000


def parse(text: bytes) -> Any:
    """Parse strict JSON: UTF-8, no NaN, no lone surrogates, any size of number.

    Numbers too large for a 64-bit integer or a float become floats, if need be
    infinite ones. Raises ValueError.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return _parse_any_number(text)


def split(container: bytes) -> list[bytes]:
    """Cut a valid array into the exact texts of its elements, or an object into its members.

    Raises ValueError if anything in it is nested deeper than MAX_DEPTH.
    """
    parts: list[bytes] = []
    depth = start = 0
    for step in _STEP.finditer(container):
        end = step.end()
        mark = container[end - 1]
        if mark in _OPENING:
            depth += 1
            if depth == 1:
                start = end
            elif depth > MAX_DEPTH + 1:
                raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
        elif depth == 1:  # a comma, or the end
            parts.append(container[start : end - 1].strip(_SPACE))
            start = end
        if mark in _CLOSING:
            depth -= 1
    return parts if parts != [b""] else []


def members(text: bytes) -> dict[str, bytes]:
    """The exact text of each member's value of a valid object; the last of a name stays."""
    exact = {}
    for member in split(text):
        name = _MEMBER.match(member)
        if name is None:
            raise ValueError("not a member of an object")
        exact[orjson.loads(name[1])] = member[name.end() :]
    return exact


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


def _parse_any_number(text: bytes) -> Any:
    """Parse what orjson refuses, which it also does for numbers beyond a float's range."""
    try:
        document = json.loads(
            text.decode(), parse_int=_integer_or_float, parse_constant=_refuse_constant
        )
        json.dumps(document, ensure_ascii=False).encode()  # fails for lone surrogates
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels") from None
    return document


def _integer_or_float(text: str) -> int | float:
    return int(text) if len(text) < _MAX_INTEGER_DIGITS else float(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
