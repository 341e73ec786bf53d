"""Where options are given: on a command line, in variables, in files, and from Python."""

from collections.abc import Iterable, Mapping
from typing import Any

from rjcli.errors import UsageError
from rjcli.settings.given import COMMAND_LINE, VARIABLES, Given, Rank, Source
from rjcli.settings.kinds import nearest
from rjcli.settings.option import Declared

Options = Mapping[str, Given]
"""Values by the keys of their options."""

PYTHON = ""
"""The place of options that are arguments of a function; that of others is the file's name."""


class Texts(tuple[str, ...]):
    """The texts that a repeatable option has on a command line, each of them a list."""

    __slots__ = ()


def strongest(*layers: Options) -> dict[str, Given]:
    """For each option the value of the highest rank; of the same rank that of the first layer."""
    found: dict[str, Given] = {}
    for layer in layers:
        for key, given in layer.items():
            if key not in found or given.source.rank > found[key].source.rank:
                found[key] = given
    return found


def from_words(options: Iterable[Declared], words: Mapping[str, Any]) -> Options:
    """The options of a command line: text, Texts, or True, by their keys."""
    return {
        option.key: Given(words[option.key], COMMAND_LINE, option.flag)
        for option in options
        if option.key in words
    }


def from_variables(options: Iterable[Declared], environ: Mapping[str, str]) -> Options:
    """The options that variables give. One that is set but empty counts as not set."""
    return {
        option.key: Given(text, VARIABLES, option.variable)
        for option in options
        if not option.is_positional and (text := environ.get(option.variable))
    }


def from_mapping(options: Iterable[Declared], values: Mapping[str, Any], place: str) -> Options:
    """The options that a table of a file gives, or Python's arguments. None is not given.

    Names may be written with hyphens or underscores. Raises UsageError for
    unknown names, and for one that is there twice.
    """
    known = {option.key: option for option in options}
    source = Source(Rank.FILE, place) if place else Source(Rank.ARGUMENT)
    found: dict[str, Given] = {}
    for name, value in values.items():
        key = name.replace("-", "_")
        if key not in known:
            names = [option.name if place else option.key for option in known.values()]
            in_place = f" in {place}" if place else ""
            raise UsageError(f"unknown option{in_place}: {name}{nearest(name, names)}")
        named = name_in(place, known[key])
        if key in found:
            raise UsageError(f"{named} is there twice")
        if value is not None:
            found[key] = Given(value, source, named)
    return found


def name_in(place: str | None, option: Declared) -> str:
    """The name of an option in a file, in Python or, where there is no place, on a command line."""
    if place is None:
        return option.flag
    return f"{option.name} in {place}" if place else f"{option.key}="
