"""Which fields records keep, and under which names: settings with their options."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar

from msgspec import Struct, field

from rjcli.errors import UsageError
from rjcli.settings.lists import join_names
from rjcli.settings.option import Group, Option
from rjcli.settings.option_kinds import CONSTANTS, FIELDS, RENAMED

_POSITION = re.compile("[1-9][0-9]{0,5}")  # of a column, in the place of its name


class ShapeSettings(Struct, frozen=True):
    """Which fields records keep, under which names, and which constant ones they get.

    ``constants``: the exact JSON text of each. ``select`` None: all fields.
    """

    group: ClassVar = Group("Shape", "Which fields are sent, and under which names.")

    select: Annotated[tuple[str, ...] | None, Option("Send only these fields: a,b.", FIELDS)] = None
    rename: Annotated[Mapping[str, str], Option("Send a field under another name.", RENAMED)] = (
        field(default_factory=dict)
    )
    constants: Annotated[
        Mapping[str, bytes],
        Option("Add a constant field: 'source=\"web\"'.", CONSTANTS, key="set"),
    ] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.select or self.rename or self.constants)

    @property
    def positions(self) -> dict[str, str]:
        """New names whose old one may be the position of a column in a CSV."""
        return {old: new for old, new in self.rename.items() if _POSITION.fullmatch(old)}

    def columns(self, keys: Sequence[str]) -> tuple[str, ...]:
        """The fields that an input must have for these keys and this shape.

        Raises UsageError if the shape leaves a key field out.
        """
        old_names = {new: old for old, new in self.rename.items()}
        sources = [old_names.get(name, name) for name in keys if name not in self.constants]
        for name in sources:
            if self.select and name not in self.select:
                raise UsageError(
                    f"--select leaves out {name!r}, which the key needs",
                    hint=f"select it too, as in --select {join_names([name, *self.select])}",
                )
        return tuple(dict.fromkeys([*sources, *(self.select or ()), *self.rename]))
