"""The table: what the server holds, by keys as it compares them."""

from collections.abc import Hashable, Iterable, Sequence
from enum import StrEnum
from typing import Any

Fields = dict[str, Any]


class Comparison(StrEnum):
    """When two keys are one to the table. How the real one compares them is not published."""

    EXACT = "exact"  # equal values of equal types
    FOLDED = "folded"  # strings without case, and without spaces at their ends
    NUMERIC = "numeric"  # the same, and numbers and strings that read as numbers by their value


class Table:
    """The records of one table, of which a later one replaces one with the same key.

    ``applied``: the versions that were ever written; ``acknowledged``: those of
    which a whole acknowledgement was sent.
    """

    def __init__(self, comparison: Comparison, keys: Sequence[str]) -> None:
        self._comparison = comparison
        self._keys = keys
        self.rows: dict[Hashable, Fields] = {}
        self.applied: set[int] = set()
        self.acknowledged: set[int] = set()

    def key(self, fields: Fields) -> Hashable:
        """The key of a record, as the table compares it."""
        return tuple(_comparable(fields[name], self._comparison) for name in self._keys)

    def apply(self, records: Iterable[Fields]) -> None:
        """Write records in their order."""
        for record in records:
            fields = {name: value for name, value in record.items() if name != "keys"}
            self.rows[self.key(fields)] = fields
            self.applied.add(fields["v"])

    def acknowledge(self, records: Iterable[Fields]) -> None:
        """Note that an acknowledgement of these records is sent."""
        self.acknowledged.update(record["v"] for record in records)


def _comparable(value: Any, comparison: Comparison) -> Hashable:
    folded = value.strip().casefold() if isinstance(value, str) else value
    match comparison:
        case Comparison.EXACT:
            return type(value), value
        case Comparison.FOLDED:
            return type(folded), folded
    try:
        return float(folded)
    except ValueError:
        return str(folded)
