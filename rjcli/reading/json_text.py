"""Checking the text of one JSON object without changing a byte of it.

orjson is quick and strict, and is trusted here with three exceptions: it keeps
the last of two members with the same name, it turns integers past 64 bits into
floats (harmless: the text is what is sent), and it refuses numbers past a
double's range, which are good JSON.
"""

import json
from typing import Any, NoReturn

import orjson


class MalformedJsonError(ValueError):
    """A text that is not one JSON object; ``reason`` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_object(text: bytes) -> dict[str, Any]:
    """Parse the text of one JSON object. Raises MalformedJsonError for anything else."""
    value = parse_value(text)
    if type(value) is not dict:
        raise MalformedJsonError(f"a record must be a JSON object, not {_kind(value)}")
    # Each member brings one colon at least, so that as many colons as members
    # leave no room for a name that was lost. Values may bring colons of their own.
    if text.count(b":") != len(value):
        _refuse_duplicate_names(text, value)
    return value


def parse_value(text: bytes) -> Any:
    """Parse the text of any one JSON value. Raises MalformedJsonError if it is none."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return _parse_huge_numbers(text, error)


def _refuse_duplicate_names(text: bytes, value: dict[str, Any]) -> None:
    if b"\\u003" not in text and orjson.dumps(value).count(b":") == text.count(b":"):
        return
    members: list[tuple[str, Any]] = []

    def keep_last(pairs: list[tuple[str, Any]]) -> None:
        members[:] = pairs  # the outermost object is the last to be closed

    json.loads(text, object_pairs_hook=keep_last)
    if len(members) > len(value):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedJsonError(f"the name {json.dumps(twice, ensure_ascii=False)} is there twice")


def _parse_huge_numbers(text: bytes, refusal: orjson.JSONDecodeError) -> Any:
    """Parse what orjson refused, if it did so only for a number past a double's range."""
    if "number is infinity" not in refusal.msg:
        raise MalformedJsonError(_reason(refusal)) from None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()  # refuses lone surrogates
    except json.JSONDecodeError as error:
        raise MalformedJsonError(f"{error.msg} at column {error.colno}") from None
    except UnicodeEncodeError:
        raise MalformedJsonError("a string has half of a surrogate pair") from None
    except RecursionError:
        raise MalformedJsonError("it is nested too deeply") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJsonError(f"{name} is not JSON")


def _reason(error: orjson.JSONDecodeError) -> str:
    return f"{error.msg.partition(': line ')[0]} at column {error.colno}"


def _kind(value: Any) -> str:
    kinds = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
