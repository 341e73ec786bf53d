"""Options as they were given, kept as JSON values, and given again from there."""

import os
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.kinds import Kind
from rjcli.settings.option import Declared
from rjcli.settings.option_kinds import STDIN
from rjcli.settings.sources import Options, Texts

_TEXTS = "texts"


def store(options: Iterable[Declared], given: Options) -> dict[str, Any]:
    """The values of options as JSON values; the names of files become absolute."""
    return {
        option.key: _json(given[option.key].value, option.kind)
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


def _json(value: Any, kind: Kind | None) -> Any:
    """A value of a kind, or, without one, part of a value."""
    if isinstance(value, Texts):
        return {_TEXTS: [_json(text, kind) for text in value]}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_json(each, kind) for each in value]
    if isinstance(value, Mapping):
        return {name: _json(each, None) for name, each in value.items()}
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and kind and kind.is_path and value != STDIN:
        return kind.absolute(value)
    return value


def _native(value: Any) -> Any:
    if isinstance(value, dict) and [*value] == [_TEXTS]:
        return Texts(value[_TEXTS])
    return value
