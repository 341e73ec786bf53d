"""How an option is declared: once, beside the field that holds its value.

    jobs: Annotated[int, Option("Most requests in flight.", whole(1, 256), "-j")] = 8

The command line, variables, files and Python all read it from here, and so does
the help. A field's default is the option's.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import NODEFAULT, Struct
from msgspec.structs import asdict, fields

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

    ``key``: its name where that is not the field's. ``shown``: what the help says of
    a default that is None. ``bare``: what it means without a value. ``group`` and
    ``identity``: where they are not those of the class. ``keeps_source``: the
    field holds the value as it was Given.
    """

    help: str
    kind: Kind = FLAG
    short: str = ""
    key: str = ""
    shown: str = ""
    bare: str = ""
    group: Group | None = None
    is_positional: bool = False
    identity: bool = True
    keeps_source: bool = False


class Declared(Option, frozen=True, kw_only=True):
    """An option with what its field says of it.

    ``key``: its name as Python writes it, ``rate_limit``. ``default``: NODEFAULT
    if it must be given.
    """

    group: Group
    field: str
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is NODEFAULT

    @property
    def turns_off(self) -> bool:
        """Whether it is a flag that turns off what its field says, as ``--no-check`` does."""
        return _turns_off(self, self.default)

    @property
    def name(self) -> str:
        """Its name as people write it: ``rate-limit``."""
        return self.key.replace("_", "-")

    @property
    def flag(self) -> str:
        """How it stands on a command line: ``--rate-limit``."""
        return self.metavar if self.is_positional else f"--{self.name}"

    @property
    def metavar(self) -> str:
        """What stands for its value in the help."""
        return self.kind.metavar or self.name.upper()

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
    key = option.key or (f"no_{info.name}" if _turns_off(option, default) else info.name)
    said = asdict(option) | {"group": group, "key": key, "field": info.name, "default": default}
    return Field(info.name, default, Declared(**said), None, option.identity and group.identity)


def _turns_off(option: Option, default: Any) -> bool:
    return option.kind is FLAG and default is True
