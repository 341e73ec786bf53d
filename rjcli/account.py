"""The account of every record: read = accepted + rejected + unknown + unsent."""

from collections import Counter

from rjcli.errors import DefectError
from rjcli.model import Counts, Outcome


class Account:
    """Counts records by their fate. Each fate is counted where it is met, none is derived."""

    def __init__(self) -> None:
        self.read = 0
        self.rejected = 0
        self._settled: Counter[Outcome] = Counter()

    def settle(self, outcome: Outcome, records: int) -> None:
        """Count records that met a fate other than being rejected."""
        self._settled[outcome] += records

    @property
    def counts(self) -> Counts:
        """The numbers as they stand."""
        return Counts(
            self.read,
            self._settled[Outcome.ACCEPTED],
            self.rejected,
            self._settled[Outcome.UNKNOWN],
            self._settled[Outcome.UNSENT],
        )

    def check(self) -> None:
        """At the end of a run: raise DefectError if a record has no fate, or two."""
        counts = self.counts
        told = counts.accepted + counts.rejected + counts.unknown + counts.unsent
        if told != counts.read:
            raise DefectError(
                f"the account does not add up: {counts.read} records were read, {told} are told of",
                hint="do not rely on this run; please report it",
            )
