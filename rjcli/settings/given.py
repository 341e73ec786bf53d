"""Values of options with their sources, which errors name."""

from enum import IntEnum
from typing import Any

from msgspec import Struct


class Rank(IntEnum):
    """Where a value came from; the higher one beats the lower."""

    PROFILE = 1
    FILE = 2
    VARIABLE = 3
    ARGUMENT = 4


class Source(Struct, frozen=True):
    """A source of values. ``place``: the name of the file or profile."""

    rank: Rank
    place: str = ""


COMMAND_LINE = Source(Rank.ARGUMENT)
VARIABLES = Source(Rank.VARIABLE)


class Given(Struct, frozen=True):
    """A value, where it came from, and how it was named there: ``RJCLI_JOBS``."""

    value: Any
    source: Source
    name: str
