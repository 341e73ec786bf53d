"""Lists of names and of pairs, as options take them: ``id,sku`` and ``old=new``. Pure.

A text is a list as one line of a CSV: commas separate the items, and a name that
holds a comma, an equals sign, or spaces at its ends stands in quotation marks,
which are doubled within it: ``"last, first",id``.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rjcli.settings.kinds import BadValueError, Kind, is_utf8, quoted

_QUOTED = re.compile(r'\s*+"((?:[^"]|"")*+)"\s*+')
_SPECIAL = re.compile(r'[,="]|^\s|\s$')
_PLAIN = {",": re.compile("[^,]*+"), ",=": re.compile("[^,=]*+")}


def names(metavar: str, check: Callable[[Sequence[str]], object] = len) -> Kind:
    """A list of names, each once and none empty, as a tuple; ``check`` may refuse the whole."""

    def parse(value: object) -> tuple[str, ...]:
        found = _items(value)
        if not found or "" in found:
            raise BadValueError("has an empty name in it")
        for name in {name for name in found if found.count(name) > 1}:
            raise BadValueError(f"names {quoted(name)} twice")
        check(found)
        return found

    return Kind("a list of names", parse, metavar, split=_split_names, is_repeatable=True)


def texts(metavar: str) -> Kind:
    """A list of texts, which may be empty, as a tuple."""
    return Kind("a list of texts", _items, metavar, split=_split_names, is_repeatable=True)


def pairs(
    metavar: str,
    read_value: Callable[[Any], Any],
    check: Callable[[dict[str, Any]], object] = len,
    *,
    json_values: bool = False,
) -> Kind:
    """Pairs of a name and a value, each name once, as a dict.

    ``read_value`` makes a value of a text or a native value; ``check`` may refuse
    the whole. ``json_values``: a text has JSON values, which come as bytes.
    """

    def split(text: str) -> list[tuple[str, Any]]:
        return _split_pairs(text, metavar, _json_at if json_values else _name_at)

    def parse(value: Any) -> Mapping[str, Any]:
        items = split(value) if isinstance(value, str) else value
        found: dict[str, Any] = {}
        for name, given in items.items() if isinstance(items, Mapping) else items:
            if not isinstance(name, str) or not name:
                raise TypeError
            if name in found:
                raise BadValueError(f"names {quoted(name)} twice")
            try:
                found[name] = read_value(given)
            except BadValueError as error:
                raise BadValueError(f"{quoted(name)} {error}") from None
        check(found)
        return found

    return Kind(f"pairs such as {metavar}", parse, metavar, split=split, is_repeatable=True)


def join_names(items: Sequence[str]) -> str:
    """Names as a text that is read as the same names."""
    doubled = [name.replace('"', '""') for name in items]
    return ",".join(f'"{name}"' if _SPECIAL.search(name) else name for name in doubled)


def _items(value: object) -> tuple[str, ...]:
    """The texts of a list that is given as text or as a list."""
    items = _split_names(value) if isinstance(value, str) else value
    if not isinstance(items, Sequence) or not all(isinstance(item, str) for item in items):
        raise TypeError
    if not all(map(is_utf8, items)):
        raise BadValueError("is not UTF-8 text")
    return tuple(items)


def _split_names(text: str) -> list[str]:
    found, position = [], -1
    while position < len(text):
        name, position = _name_at(text, position + 1)
        found.append(name)
    return found


def _split_pairs(
    text: str, form: str, value_at: Callable[[str, int], tuple[Any, int]]
) -> list[tuple[str, Any]]:
    found, position = [], -1
    while position < len(text):
        name, equals = _name_at(text, position + 1, ",=")
        value, position = value_at(text, equals + 1) if text[equals:] else ("", len(text))
        if not (
            name and value and text[equals] == "=" and text[position : position + 1] in {"", ","}
        ):
            raise BadValueError(f"must look like {form}, not {quoted(text)}")
        found.append((name, value))
    return found


def _name_at(text: str, start: int, ends: str = ",") -> tuple[str, int]:
    """The name that begins at a place, and where it ends."""
    found = _QUOTED.match(text, start)
    if found and text[found.end() : found.end() + 1] in {"", *ends}:
        return found[1].replace('""', '"'), found.end()
    plain = _PLAIN[ends].match(text, start)
    end = plain.end() if plain else start
    name = text[start:end].strip()
    if name.startswith('"'):
        raise BadValueError(f"has a quotation mark that is not closed: {quoted(text)}")
    return name, end


def _json_at(text: str, start: int) -> tuple[bytes, int]:
    """The JSON value that begins at a place, and where it ends: at a comma, or with the text."""
    rest = text[start:].strip()
    try:
        _, end = json.JSONDecoder(strict=False).raw_decode(rest)
    except (ValueError, RecursionError):
        end = len(rest)  # what is wrong with it is said where the value is checked
    tail = rest[end:].lstrip()
    return rest[:end].encode(), len(text.rstrip()) - len(tail) if tail else len(text)
