"""The types that a table's columns have already."""

from collections.abc import Mapping

from msgspec import Struct, field

from rjcli.errors import UsageError
from rjcli.settings.choices import ColumnType


class KnownTypes(Struct, frozen=True):
    """The types that columns are known to have before a push. ``source``: where from.

    ``error``: why it cannot be said; raised where types are needed.
    """

    types: Mapping[str, ColumnType] = field(default_factory=dict)
    source: str = ""
    error: UsageError | None = None
