"""Delivery: many requests in flight, each key's versions in order, every record settled once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from rjcli.api.protocol import AttemptOutcome, OutcomeKind, error_from
from rjcli.delivery.key_order import KeyOrder
from rjcli.delivery.late_writes import LateWrites
from rjcli.delivery.retry import Timing
from rjcli.delivery.sender import Parcel, Sender, Tally, Upsert
from rjcli.delivery.stop import Stop
from rjcli.errors import RjcliError, StoppedError
from rjcli.model import Batch, Outcome, Record, Records, Rejection, Settlement, Stage
from rjcli.preparing.batcher import Batcher, make_batch, split_batch
from rjcli.settings.values import DeliverySettings

Settle = Callable[[Settlement | Rejection, Batch], None]
"""Is told the fate of every record that was taken, once, and the batch it was taken in."""

Note = Callable[[str], None]
"""Is told what people should know."""

_BATCHES_AHEAD = 4  # taken, for each request that may be in flight
_BYTES_AHEAD = 32 * 2**20  # taken at most, but for a single batch
_GRACE_SECONDS = 10.0  # for requests in flight when the delivery is stopped
_LONE_REFUSALS = 20  # refused batches of one record that show the call to be wrong


@dataclass(eq=False, slots=True)
class _Consignment:
    """A batch that was taken; ``parcels`` are still to be sent, the next one last."""

    batch: Batch
    parcels: list[Parcel]
    again: bool  # its records have been settled before
    inherited: bool  # an earlier run may have requests for its records under way
    refused: int = 0  # records
    task: "asyncio.Task[None] | None" = None


class Delivery:
    """Sends batches, many at a time; those that share a key one after the other."""

    def __init__(
        self,
        upsert: Upsert,
        settings: DeliverySettings,
        settle: Settle,
        note: Note,
        timing: Timing | None = None,
    ) -> None:
        self._settings = settings
        self._settle = settle
        self._note = note
        self._timing = timing or Timing()
        self.tally = Tally()
        self._sender = Sender(upsert, settings, self._timing, self.tally)
        self._order: KeyOrder[_Consignment] = KeyOrder()
        self.late = LateWrites()  # keys that may be overwritten late, to be sent again
        self._under_way: set[_Consignment] = set()
        self._bytes = 0  # of the bodies under way
        self._end_of_one: asyncio.Future[None] | None = None  # somebody waits for it
        self._stop = Stop()
        self._whole_refusals = 0
        self._is_resumed = False
        self._inherited = 0  # records to come that may be under way already

    @property
    def in_flight(self) -> int:
        """How many requests are in flight."""
        return self._sender.concurrency.in_flight

    @property
    def limit(self) -> int:
        """How many requests it found may be in flight."""
        return self._sender.concurrency.limit

    def inherit(self, records: int, keys_in_doubt: AbstractSet[Hashable]) -> None:
        """Go on from an earlier run, whose requests may be under way until now.

        ``records``: of so many to come. ``suspects``: the keys it had in doubt.
        """
        self._is_resumed = True
        self._inherited = records
        self.late.doubt(keys_in_doubt, self._timing.now())
        self.late.take_news()  # which these are not

    async def deliver(self, batches: AsyncIterator[Batch]) -> None:
        """Settle every record of every batch taken from ``batches``.

        Raises what made it stop, or what ``batches`` raised, after it settled all it had taken.
        """
        broken: RjcliError | None = None
        try:
            await self._stop.interrupts(self._take_all(batches))
        except RjcliError as error:
            broken = error
        await self._all_ended()
        # The rest of an input that broke off may have newer versions, sent by an earlier run.
        await self._send_again(is_told_all=not (broken and self._is_resumed))
        if failure := self._stop.error or broken:
            raise failure

    def stop(self, error: Exception) -> None:
        """Take no more batches, leave the requests in flight some time, and raise the error."""
        if self._stop.error:
            return
        self._stop.ask(error)
        self._cancel(attempting=False)
        loop = asyncio.get_running_loop()
        loop.call_later(_GRACE_SECONDS, lambda: self._cancel(attempting=True))

    def _cancel(self, *, attempting: bool) -> None:
        for consignment in self._under_way:
            is_attempting = any(parcel.attempting for parcel in consignment.parcels)
            if consignment.task and is_attempting is attempting:
                consignment.task.cancel()

    async def _take_all(self, batches: AsyncIterator[Batch]) -> None:
        while True:
            await self._room()
            batch = await anext(batches, None)
            if batch is None:
                return
            self._take(batch)

    async def _room(self) -> None:
        """Wait until another batch may be taken. The first one goes alone: it tries the call."""
        most = _BATCHES_AHEAD * self._settings.jobs
        while (
            len(self._under_way) >= (most if self.tally.accepted else 1)
            or self._bytes >= _BYTES_AHEAD
        ):
            await self._an_end()

    async def _all_ended(self) -> None:
        while self._under_way:
            await self._an_end()

    async def _an_end(self) -> None:
        self._end_of_one = asyncio.get_running_loop().create_future()
        await self._end_of_one

    def _take(self, batch: Batch, *, again: bool = False) -> None:
        consignment = _Consignment(batch, [Parcel(batch)], again, self._inherited > 0)
        self._inherited -= len(batch.records)
        earlier = self._order.claim(batch.keys, consignment)
        self._under_way.add(consignment)
        self._bytes += len(batch.body)
        consignment.task = asyncio.create_task(self._carry(consignment, earlier))
        # Not left to the task itself: one that is cancelled before it begins does nothing at all.
        consignment.task.add_done_callback(lambda task: self._end(consignment, task))

    async def _carry(self, consignment: _Consignment, earlier: Iterable[_Consignment]) -> None:
        """Wait for the batches that share a key, then send this one part by part."""
        for other in earlier:
            if other.task:
                await asyncio.wait([other.task])
        while consignment.parcels and not self._stop.error:
            await self._send_next(consignment)

    def _end(self, consignment: _Consignment, task: "asyncio.Task[None]") -> None:
        for parcel in reversed(consignment.parcels):
            outcome = Outcome.UNKNOWN if parcel.in_doubt else Outcome.UNSENT
            self._tell(consignment, Settlement(outcome, parcel.batch.records))
        self._order.release(consignment)
        self._under_way.remove(consignment)
        self._bytes -= len(consignment.batch.body)
        if self._end_of_one and not self._end_of_one.done():
            self._end_of_one.set_result(None)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self.stop(error)

    async def _send_next(self, consignment: _Consignment) -> None:
        parcel = consignment.parcels[-1]
        outcome = await self._sender.send(parcel, lambda: self._stop.error is not None)
        match outcome.kind:
            case OutcomeKind.ACKNOWLEDGED:
                consignment.parcels.pop()
                self.tally.accepted += 1
                self.late.accept(parcel.batch.records, in_doubt=consignment.inherited)
                if parcel.may_come_late:
                    self.late.doubt(parcel.batch.keys, self._timing.now())
                self._tell(consignment, Settlement(Outcome.ACCEPTED, parcel.batch.records))
            case OutcomeKind.REFUSED | OutcomeKind.TOO_LARGE if not consignment.again:
                consignment.parcels.pop()
                self._refuse(consignment, parcel, outcome)
            case _:
                self.stop(error_from(outcome))

    def _refuse(self, consignment: _Consignment, parcel: Parcel, outcome: AttemptOutcome) -> None:
        """Split what was refused until the guilty records stand alone."""
        if len(parcel.batch.records) > 1:
            self.tally.split += 1
            parts = [Parcel(part, parcel.in_doubt) for part in split_batch(parcel.batch)]
            consignment.parcels += reversed(parts)
            return
        self._tell(consignment, _rejection(parcel.batch, outcome))
        consignment.refused += 1
        records = len(consignment.batch.records)
        if self.tally.accepted or consignment.refused < records:
            return
        self._whole_refusals += 1
        if records > 1 or self._whole_refusals == _LONE_REFUSALS:
            self.stop(
                StoppedError(
                    f"the API refuses whatever it is sent: {outcome}",
                    hint="it is the call that is wrong: check table, keys and environment",
                )
            )

    def _tell(self, consignment: _Consignment, fate: Settlement | Rejection) -> None:
        if not consignment.again:
            self._settle(fate, consignment.batch)

    async def _send_again(self, *, is_told_all: bool) -> None:
        """Send the newest versions of keys again that a late write may have overwritten."""
        records = self.late.newest
        if not (records and self._settings.settle):
            return
        what = f"{len(records):,} records with keys that came again after a request without answer"
        if self._stop.error or not is_told_all:
            self._note(f"{what} may be left on an older version until the push is resumed")
            return
        wait = self.late.last_doubt + self._settings.settle - self._timing.now()
        self._note(f"{what} are sent again in {max(0.0, wait):.0f} s (--settle)")
        await self._stop.interrupts(self._take_again(records, wait))
        await self._all_ended()

    async def _take_again(self, records: Sequence[Record], wait: float) -> None:
        await self._timing.sleep(max(0.0, wait))
        batcher = Batcher(self._settings.batch_size, self._settings.max_batch_bytes)
        batcher.add(Records.of(records))
        while cut := batcher.cut() or batcher.flush():
            await self._room()
            self._take(make_batch(cut), again=True)


def _rejection(batch: Batch, outcome: AttemptOutcome) -> Rejection:
    record = batch.records[0]
    reasons = outcome.reasons or (outcome.message,)
    return Rejection(
        Stage.API, record.file, record.line, record.number, record.raw, reasons, outcome.status
    )


class DryRun:
    """Takes batches as a delivery does, and sends nothing: its tally is what would be sent."""

    in_flight = limit = 0

    def __init__(self, settle: Settle) -> None:
        self._settle = settle
        self._stop = Stop()
        self.tally = Tally()
        self.first_body: bytes | None = None

    async def deliver(self, batches: AsyncIterator[Batch]) -> None:
        """Count all batches; their records are unsent. Raises what made it stop."""
        await self._stop.interrupts(self._take_all(batches))
        if self._stop.error:
            raise self._stop.error

    def stop(self, error: Exception) -> None:
        """Take no more batches, and raise the error."""
        self._stop.ask(error)

    async def _take_all(self, batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            self.first_body = self.first_body or batch.body
            self.tally.requests += 1
            self.tally.bytes_sent += len(batch.body)
            self._settle(Settlement(Outcome.UNSENT, batch.records), batch)
            await asyncio.sleep(0)  # so that it can be interrupted
