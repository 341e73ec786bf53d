"""The progress of a push: what it has read and settled, and what it is doing."""

import time
from collections.abc import Callable, Collection

from rjcli.delivery.delivery import Delivery
from rjcli.delivery.dry_run import DryRun
from rjcli.events import Activity, LimitChanged, Progressed
from rjcli.producer.messages import ReadProgress
from rjcli.run import Ledger
from rjcli.settings.option_kinds import STDIN

_PATIENCE = 1.0  # seconds without anything to read, after which a push waits for its input


class ProgressWatch:
    """Makes the Progressed events of a push.

    ``read``: what the producer said last; ``has_types`` and ``has_ended``: whether it has
    found the column types, and read everything.
    """

    def __init__(
        self,
        delivery: Delivery | DryRun,
        ledger: Ledger,
        inputs: Collection[str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._delivery = delivery
        self._ledger = ledger
        is_stdin = STDIN in inputs
        self._waiting = Activity.WAITING_FOR_STDIN if is_stdin else Activity.WAITING_FOR_INPUT
        self._clock = clock
        self._read_at = clock()
        self._limit = delivery.limit
        self.read = ReadProgress(ledger.read, 0, None)
        self.has_types = ledger.column_types is not None  # a run that is resumed knows them
        self.has_ended = False

    def take(self, read: ReadProgress) -> None:
        """Take in how far the producer is."""
        if read.bytes_read != self.read.bytes_read:
            self._read_at = self._clock()
        self.read = read

    def progressed(self) -> Progressed:
        """Where the push is now."""
        activity, ends_in = self._delivery.activity
        if activity is Activity.SENDING:
            activity = self._reading()
        return Progressed(
            self._ledger.counts,
            self.read.bytes_read,
            self.read.bytes_total,
            self._delivery.in_flight,
            self._ledger.settled_before,
            activity,
            ends_in,
            self._delivery.outage,
        )

    def limit_change(self) -> LimitChanged | None:
        """How many requests may be in flight, if that is not what it was at the last call."""
        before, self._limit = self._limit, self._delivery.limit
        return None if self._limit == before else LimitChanged(self._limit)

    def _reading(self) -> Activity:
        """What the producer does, as far as the delivery depends on it."""
        if self.has_ended:
            return Activity.SENDING
        is_pipe = self.read.bytes_total is None
        if is_pipe and self._delivery.is_idle and self._clock() - self._read_at > _PATIENCE:
            return self._waiting
        if not self.has_types:
            return Activity.FINDING_TYPES if self.read.bytes_read else Activity.SENDING
        settled_before = self._ledger.settled_before
        if settled_before and self.read.read <= settled_before:
            return Activity.PASSING_LOADED
        return Activity.SENDING
