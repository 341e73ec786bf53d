"""Options as they were given, kept as JSON values, and given again from there."""

import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.option import Declared
from rjcli.settings.option_kinds import STDIN
from rjcli.settings.sources import Options, Texts

_TEXTS = "texts"


def store(options: Iterable[Declared], given: Options) -> dict[str, Any]:
    """The values of options as JSON values; the names of files become absolute."""
    return {
        option.key: _json(given[option.key].value, is_path=option.kind.is_path)
        for option in options
        if option.key in given
    }


def restore(options: Iterable[Declared], values: Mapping[str, Any], place: str) -> Options:
    """The same values again. Others than those of the options are left out."""
    source = Source(Rank.FILE, place)
    return {
        option.key: Given(_native(values[option.key]), source, f"{option.name} of {place}")
        for option in options
        if option.key in values
    }


def _json(value: Any, *, is_path: bool) -> Any:
    if isinstance(value, Texts):
        return {_TEXTS: [_json(text, is_path=is_path) for text in value]}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_json(each, is_path=is_path) for each in value]
    if isinstance(value, Mapping):
        return {name: _json(each, is_path=False) for name, each in value.items()}
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and is_path and value != STDIN:
        return os.path.abspath(value)  # noqa: PTH100 - as text, resolving no links
    return value


def _native(value: Any) -> Any:
    if isinstance(value, dict) and [*value] == [_TEXTS]:
        return Texts(value[_TEXTS])
    return value
