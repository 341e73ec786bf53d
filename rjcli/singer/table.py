"""The table of a stream, while its batches are delivered."""

from collections.abc import Callable, Hashable, Iterable

from rjcli.delivery.delivery import Delivery
from rjcli.engine.route import Route
from rjcli.events import Counts
from rjcli.model import Batch, Doubt, Noted, RecordOutcome, Rejection, Settlement
from rjcli.run import KeysInDoubt, moment
from rjcli.run.account import Account
from rjcli.settings.values import DeliverySettings
from rjcli.singer import log
from rjcli.singer.messages import BatchRead, TableDeclared


class _Open:
    """A batch of which ``left`` records are not settled. ``first``: the position of the first."""

    def __init__(self, first: int, left: int) -> None:
        self.first = first
        self.left = left


class Table:
    """A delivery, its account, and what the table has in doubt; None: that is not kept.

    ``on_settled`` is called when all of a batch is settled. ``on_reject`` is called with each
    record that the API refuses, and returns whether it is settled by that.
    """

    def __init__(
        self,
        declared: TableDeclared,
        delivery: Callable[["Table"], Delivery],
        in_doubt: KeysInDoubt | None,
        on_settled: Callable[[], None],
        on_reject: Callable[["Table", Rejection], bool],
    ) -> None:
        self.declared = declared
        self.delivery = delivery(self)
        self._in_doubt = in_doubt
        self._on_settled = on_settled
        self._on_reject = on_reject
        self._account = Account()
        self._read = 0  # records
        self._open: dict[Batch, _Open] = {}
        self._unsaved: dict[Hashable, Doubt | None] = {}
        if in_doubt:
            self.delivery.late.restore(in_doubt.doubts)

    @property
    def counts(self) -> Counts:
        """How many records had which outcome so far."""
        return self._account.counts(self._read)

    @property
    def open_positions(self) -> Iterable[int]:
        """The positions of the first records of the batches that are not settled."""
        return (each.first for each in self._open.values())

    @property
    def seconds_to_wait(self) -> float:
        """Until when requests of a process that was killed may still be applied."""
        return max(0.0, self._in_doubt.unknown_until - moment.now()) if self._in_doubt else 0.0

    async def put(self, message: BatchRead) -> None:
        """Take a batch, when there is room for it. Raises what made the delivery stop."""
        batch = message.batch
        count = len(batch.keys)
        self._read += count
        self._open[batch] = _Open(message.first, count)
        try:
            await self.delivery.put(batch)
        except BaseException:
            self._account.settle(RecordOutcome.UNSENT, count)
            raise

    def reject(self) -> None:
        """Count a record that was rejected while it was read."""
        self._read += 1
        self._account.rejected += 1

    def settle(self, settlement: Settlement | Rejection, batch: Batch) -> None:
        """Take the outcome of records of a batch."""
        if isinstance(settlement, Rejection):
            self._account.rejected += 1
            count = int(self._on_reject(self, settlement))
        else:
            count = len(settlement.records)
            self._account.settle(settlement.outcome, count)
            if settlement.outcome is not RecordOutcome.ACCEPTED:
                return
        open_ = self._open[batch]
        open_.left -= count
        if not open_.left:
            del self._open[batch]
            self._on_settled()

    def save(self) -> None:
        """Have on the disk what late requests may overwrite. Raises DiskError."""
        self._unsaved |= self.delivery.late.take_changes()
        if self._in_doubt:
            self._in_doubt.save(self._unsaved)
        self._unsaved = {}

    def tick(self) -> None:
        """Do what has to be done now and then."""
        self.delivery.repeat_due()
        if self._in_doubt:
            self._in_doubt.keep_alive(moment.now())

    def end(self) -> None:
        """Save everything, now that nothing is in flight. Raises DiskError, DefectError."""
        self.save()
        if self._in_doubt:
            self._in_doubt.end(moment.now())
        self._account.check(self._read)


def make_delivery(table: Table, route: Route, settings: DeliverySettings) -> Delivery:
    """Make the delivery of a table."""

    def log_notes(event: object) -> None:
        if isinstance(event, Noted):
            log.warning(event.text)

    return Delivery(route.upsert, settings, route.limits, table.settle, log_notes, route.asked)
