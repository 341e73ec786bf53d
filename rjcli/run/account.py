"""The account of every record: read = accepted + rejected + unknown + unsent."""

from collections import Counter

from rjcli.errors import DefectError
from rjcli.events import Counts
from rjcli.model import RecordOutcome


class Account:
    """Counts records by their fate. Each fate is counted where it is met, none is derived.

    ``accepted`` and ``rejected``: those of the run that is resumed.
    """

    def __init__(self, accepted: int = 0, rejected: int = 0) -> None:
        self.rejected = rejected
        self._settled: Counter[RecordOutcome] = Counter({RecordOutcome.ACCEPTED: accepted})

    def settle(self, outcome: RecordOutcome, records: int) -> None:
        """Count records that met a fate other than being rejected."""
        self._settled[outcome] += records

    def counts(self, read: int) -> Counts:
        """The numbers as they stand, with how many records were read."""
        return Counts(
            read,
            self._settled[RecordOutcome.ACCEPTED],
            self.rejected,
            self._settled[RecordOutcome.UNKNOWN],
            self._settled[RecordOutcome.UNSENT],
        )

    def check(self, read: int) -> None:
        """At the end of a run: raise DefectError if a record has no fate, or two."""
        counted = self._settled.total() + self.rejected
        if counted != read:
            raise DefectError(
                f"the account does not add up: {read} records were read, {counted} have an outcome",
                hint="do not rely on this run; please report it",
            )
