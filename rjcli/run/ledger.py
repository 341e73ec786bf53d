"""The ledger of a push: every record's outcome is counted, and what is settled is saved."""

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from rjcli.crash_report import error_from
from rjcli.errors import RjcliError
from rjcli.events import Counts
from rjcli.model import Batch, Doubt, RecordOutcome, Rejection, Settlement
from rjcli.run import moment
from rjcli.run.account import Account
from rjcli.run.keys_in_doubt import InDoubt
from rjcli.run.prefix import Prefix
from rjcli.run.run import Position, Run
from rjcli.run.table_types import TableTypes

if TYPE_CHECKING:
    from rjcli.settings.choices import ColumnType

Doubts = Callable[[], Mapping[Hashable, Doubt | None]]
"""Returns the doubts that changed since the last call."""


class Ledger:
    """Account and settled prefix of one push, and what of them is kept on disk.

    ``run``, ``in_doubt`` and ``types``: where; None: nowhere. ``doubts``: asked whenever something
    is saved. ``settles_unsent``: as in a dry run, whose records are as settled as they get.
    """

    def __init__(
        self,
        run: Run | None = None,
        in_doubt: InDoubt | None = None,
        doubts: Doubts = dict,
        types: TableTypes | None = None,
        *,
        settles_unsent: bool = False,
    ) -> None:
        self._run = run
        self._in_doubt = in_doubt
        self._doubts = doubts
        self._unsaved: dict[Hashable, Doubt | None] = {}  # doubts that changed
        self._types = types
        self._settles_unsent = settles_unsent
        self._account = Account()
        self._prefix = Prefix()
        self.settled_before = 0  # records, by the run that is resumed
        self.reported_before = 0  # rejects, when that run was finished,
        self.reported_of = 0  # of so many records that were read by then
        self.column_types: Mapping[str, ColumnType] | None = None  # None: not detected yet
        self._without_values: Sequence[str] = ()  # columns whose type is not known
        if run and (checkpoint := run.resumed):
            self._account = Account(checkpoint.accepted, checkpoint.rejected)
            self.settled_before = checkpoint.accepted + checkpoint.rejected
            self.reported_before = checkpoint.reported
            self.reported_of = checkpoint.reported_of
            self._prefix = Prefix(checkpoint.records, checkpoint.accepted, checkpoint.rejected)
            self.column_types = checkpoint.column_types
            self._without_values = checkpoint.without_values
        self._accepted_before = run.resumed.accepted if run and run.resumed else 0
        self.read = self.settled_before  # records
        self._taken = self.settled_before  # of these, rejected or handed on to be sent

    @property
    def counts(self) -> Counts:
        """How many records had which outcome so far."""
        return self._account.counts(self.read)

    @property
    def waiting(self) -> int:
        """How many rejections are held because something before them is not settled."""
        return self._prefix.waiting

    def take_types(
        self, types: "Mapping[str, ColumnType]", without_values: Sequence[str] = ()
    ) -> None:
        """Note the column types before anything is sent; ``without_values``: not known, really.

        Raises UsageError or DiskError if the types file that the user named cannot be written.
        """
        self.column_types = types
        self._without_values = without_values
        if self._types:
            self._types.write(self._found_types())

    def reject(self, rejection: Rejection, read: int) -> None:
        """Note that a record was rejected before it got into a batch."""
        self.read = read
        self._taken += 1
        self._prefix.reject(rejection)
        self._account.rejected += 1

    def close_span(self, end: int, digest: bytes, batch: Batch | None, read: int) -> None:
        """Note that a span was read, whose batch is handed on to be sent."""
        self.read = read
        self._taken += len(batch.records) if batch else 0
        self._prefix.close(end, digest, batch)

    def settle(self, settlement: Settlement | Rejection, batch: Batch) -> None:
        """Note the outcome of records of a batch."""
        if isinstance(settlement, Rejection):
            self._prefix.settle(settlement, batch)
            self._account.rejected += 1
            return
        self._account.settle(settlement.outcome, len(settlement.records))
        if settlement.outcome is RecordOutcome.ACCEPTED or self._settles_unsent:
            self._prefix.settle(settlement, batch)

    def save_if_due(self) -> None:
        """Save what has to be by now. Raises DiskError if the disk is full."""
        self._join()
        now = time.monotonic()
        if self._run and self._run.is_due(self._prefix, now):
            self._save(now, is_finished=False, in_flight=True)
        elif self._in_doubt:
            self._in_doubt.keep_alive(moment.now())

    def close(self, failure: RjcliError | None) -> RjcliError | None:
        """Count what was not handed on, and save everything; return what the push ends with."""
        self._account.settle(RecordOutcome.UNSENT, self.read - self._taken)
        try:
            self._save_end(is_finished=failure is None)
        except Exception as error:  # noqa: BLE001 - the account is given whatever went wrong
            failure = failure or error_from(error)
        try:
            self._account.check(self.read)
        except RjcliError as error:
            failure = error
        return failure

    def _save_end(self, *, is_finished: bool) -> None:
        self._join()
        self._save(time.monotonic(), is_finished=is_finished, in_flight=False)
        if self._in_doubt:
            self._in_doubt.end(moment.now())
        if self._run:
            self._run.reject(self._prefix.beyond())
            self._run.sync()

    def _save(self, now: float, *, is_finished: bool, in_flight: bool) -> None:
        """Write a checkpoint, once the doubts that it covers are on the disk."""
        if self._in_doubt:
            self._unsaved |= self._doubts()
            self._in_doubt.save(self._unsaved)
            self._unsaved = {}
        if self._run:
            types, without_values = self.column_types, self._without_values
            position = Position(self._prefix, types, without_values, is_finished, in_flight)
            self._run.save(position, now)
        if self._types and self.counts.accepted > self._accepted_before:
            self._types.remember(self._found_types())
            self._types = None  # once is enough

    def _found_types(self) -> "Mapping[str, ColumnType]":
        return {
            name: type_
            for name, type_ in (self.column_types or {}).items()
            if name not in self._without_values
        }

    def _join(self) -> None:
        """Take what is settled into the prefix, and write down the rejects in it."""
        for span in self._prefix.advance():
            if self._run and span.rejections:
                self._run.reject(span.rejections[place] for place in sorted(span.rejections))
