"""How an option is declared: once, beside the field that holds its value.

    jobs: Annotated[int, Option("Most requests in flight.", whole(1, 256), "-j")] = 8

The command line, variables, files and Python all read it from here, and so does
the help. A field's default is the option's.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

from rjcli.settings.kinds import FLAG, Kind

NOT_IDENTITY = "not part of a run's identity"
"""Marks a field that is no option, and does not shape records."""


class Group(Struct, frozen=True):
    """A group of the help, with a line on what its options are about.

    ``identity``: whether they shape records, so that a run can be continued only
    with the same values.
    """

    title: str
    help: str
    identity: bool = True


class Option(Struct, frozen=True):
    """What is to be known of an option beside its field's name, type and default.

    ``name``: where it is not that of the field. ``shown``: what the help says of
    a default that is None. ``bare``: what it means without a value. ``group`` and
    ``identity``: where they are not those of the class. ``keeps_source``: the
    field holds the value as it was Given. ``complete`` offers values, from what
    has been typed by the options' keys, and the beginning of the value.
    """

    help: str
    kind: Kind = FLAG
    short: str = ""
    name: str = ""
    shown: str = ""
    bare: str = ""
    group: Group | None = None
    is_positional: bool = False
    identity: bool = True
    hidden: bool = False
    keeps_source: bool = False
    complete: Callable[[Mapping[str, Any], str], Iterable[str]] | None = None


class Declared(Struct, frozen=True):
    """An option with what its field says of it. ``default``: NODEFAULT if it must be given."""

    option: Option
    field: str
    group: Group
    default: Any
    is_required: bool

    @property
    def turns_off(self) -> bool:
        """Whether it is a flag that turns off what its field says, as ``--no-check`` does."""
        return self.option.kind is FLAG and self.default is True

    @property
    def key(self) -> str:
        """Its name as Python writes it: ``rate_limit``."""
        return self.option.name or (f"no_{self.field}" if self.turns_off else self.field)

    @property
    def name(self) -> str:
        """Its name as people write it: ``rate-limit``."""
        return self.key.replace("_", "-")

    @property
    def flag(self) -> str:
        """How it stands on a command line: ``--rate-limit``."""
        return self.option.kind.metavar if self.option.is_positional else f"--{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that it can come from."""
        return f"RJCLI_{self.key.upper()}"


class Field(Struct, frozen=True):
    """A field of settings: an option, a section with fields of its own, or neither."""

    name: str
    default: Any
    declared: Declared | None
    section: type[Struct] | None
    identity: bool


@cache
def fields_of(settings: type[Struct]) -> tuple[Field, ...]:
    """The fields of a class of settings, whose ``group`` is that of its options."""
    return tuple(_field(settings, info) for info in fields(settings))


def options_of(*settings: type[Struct]) -> Iterator[Declared]:
    """All options of some classes of settings and of their sections, in the order of the fields."""
    for one in settings:
        for field in fields_of(one):
            if field.declared:
                yield field.declared
            elif field.section:
                yield from options_of(field.section)


def _field(settings: Any, info: Any) -> Field:
    parts = (info.type, *getattr(info.type, "__args__", ()))  # it may be optional
    marks = [mark for part in parts for mark in getattr(part, "__metadata__", ())]
    option = next((mark for mark in marks if isinstance(mark, Option)), None)
    default = info.default if info.default_factory is NODEFAULT else info.default_factory()
    if option is None:
        is_section = isinstance(info.type, type) and issubclass(info.type, Struct)
        section = info.type if is_section and hasattr(info.type, "group") else None
        identity = settings.group.identity and NOT_IDENTITY not in marks
        return Field(info.name, default, None, section, identity)
    group = option.group or settings.group
    declared = Declared(option, info.name, group, default, default is NODEFAULT)
    return Field(info.name, default, declared, None, option.identity and group.identity)
