"""Delivery: many requests in flight, each key's versions in order, every record settled once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from math import inf

from rjcli.api.protocol import AttemptOutcome, OutcomeKind, error_from
from rjcli.delivery.activity import find_activity, find_outage
from rjcli.delivery.in_flight import InFlightBatch, Part
from rjcli.delivery.key_order import KeyOrder
from rjcli.delivery.late_writes import LateWrites
from rjcli.delivery.limits import Limits
from rjcli.delivery.sender import Sender, Tally, Upsert
from rjcli.delivery.stop import Stop
from rjcli.errors import StoppedError
from rjcli.events import Activity, Outage, Retried, Split
from rjcli.model import Batch, Noted, RecordOutcome, Records, Rejection, Settlement
from rjcli.preparing.batcher import Batcher, make_batch, split_batch
from rjcli.settings.values import DeliverySettings

OnSettled = Callable[[Settlement | Rejection, Batch], None]
"""Called with the outcome of each record, once, and the batch in which it was taken."""

OnEvent = Callable[[Noted | Retried | Split], None]
"""Called with what people should know, and with what they may want to know."""

_BATCHES_AHEAD = 4  # taken, for each request that may be in flight
_GRACE_SECONDS = 10.0  # for requests in flight when the delivery is stopped
_LONE_REFUSALS = 20  # refused batches of one record that show the call to be wrong


class Delivery:
    """Sends the batches of one table, many at a time; those that share a key in order.

    Batches are handed over one by one (``put``, then ``finish``), or taken from
    an iterator (``deliver``). Several deliveries may share their limits. ``asked``:
    which API, with which credentials, for an error to name.
    """

    def __init__(
        self,
        upsert: Upsert,
        settings: DeliverySettings,
        limits: Limits,
        on_settled: OnSettled,
        on_event: OnEvent,
        asked: str = "",
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._on_settled = on_settled
        self._on_event = on_event
        self._asked = asked
        self.tally = Tally()
        self.late = LateWrites(settings.settle)
        self._sender = Sender(upsert, limits, settings, self.tally, self._doubt, on_event)
        self._order: KeyOrder[InFlightBatch] = KeyOrder()
        self._in_flight: set[InFlightBatch] = set()
        self._stop = Stop()
        self._whole_refusals = 0
        self._repeat_refusals = 0  # records
        self.is_repeating = False  # late writes, once everything else is settled
        # On the clock of the timing: when requests are cancelled, and when sending begins.
        self.aborts_at, self.not_before = inf, 0.0
        self.has_accepted = False  # the API, some record of this push, now or before

    @property
    def in_flight(self) -> int:
        """How many requests are in flight, those of other deliveries with the same limits too."""
        return self._limits.concurrency.in_flight

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limits.concurrency.limit

    @property
    def is_idle(self) -> bool:
        """Whether all that was taken is settled."""
        return not self._in_flight

    @property
    def outage(self) -> Outage | None:
        """What keeps requests from success, if something does."""
        limits, has_worked = self._limits, self.has_accepted
        return find_outage(limits, self._in_flight, self._settings, has_worked=has_worked)

    @property
    def activity(self) -> tuple[Activity, float | None]:
        """What it is doing, and in how many seconds that ends at the latest."""
        return find_activity(self, self._limits.timing.now())

    @property
    def failure(self) -> Exception | None:
        """What made the delivery stop, if anything did."""
        return self._stop.error

    async def deliver(self, batches: AsyncIterator[Batch]) -> None:
        """Settle every record of every batch taken from ``batches``.

        Raises what made it stop, or what ``batches`` raised, after it settled all it had taken.
        """
        broken: Exception | None = None
        try:
            await self._stop.interrupts(self._put_all(batches))
        except Exception as error:  # noqa: BLE001 - raised below
            broken = error
        await self.finish()
        if broken:
            raise broken

    async def put(self, batch: Batch) -> None:
        """Take a batch, when there is room for it. Raises what made the delivery stop."""
        await self._limits.wait_until(self._has_room)
        if self._stop.error:
            raise self._stop.error
        self.repeat_due()  # before, as what it sends is older
        self._take(batch)

    async def drain(self) -> None:
        """Wait until every record that was taken is settled."""
        await self._limits.wait_until(lambda: not self._in_flight)

    async def finish(self) -> None:
        """Settle everything, and send again what late writes may have overwritten.

        Raises what made the delivery stop.
        """
        await self.drain()
        if self.late.to_repeat:
            await self._repeat_all()
        if self._repeat_refusals:
            self._note(
                f"{_records(self._repeat_refusals)}, accepted before, refused when sent again:"
                " may be left on an older version"
            )
        if self._stop.error:
            raise self._stop.error

    def stop(self, error: Exception) -> None:
        """Take no more batches, leave the requests in flight some time, and raise the error."""
        if self._stop.error:
            return
        self._stop.ask(error)
        self._cancel(attempting=False)
        loop = asyncio.get_running_loop()
        loop.call_later(_GRACE_SECONDS, self.abort)
        self.aborts_at = self._limits.timing.now() + _GRACE_SECONDS
        self._limits.wake()

    def abort(self) -> None:
        """Cancel the requests in flight; their records become unknown. After ``stop``."""
        self._cancel(attempting=True)

    def repeat_due(self) -> None:
        """Send again, now, what late writes may have overwritten and no longer can."""
        if self._stop.error:
            return
        records = self.late.due(self._limits.timing.now(), self._order.is_claimed)
        if records:
            batcher = Batcher(self._settings.batch_size, self._settings.max_batch_bytes)
            batcher.add(Records.of(records))
            while cut := batcher.cut() or batcher.flush():
                self._take(make_batch(cut), is_repeat=True)

    def _cancel(self, *, attempting: bool) -> None:
        for each in self._in_flight:
            is_attempting = any(part.is_attempting for part in each.parts)
            if each.task and is_attempting is attempting:
                each.task.cancel()

    async def _put_all(self, batches: AsyncIterator[Batch]) -> None:
        wait = self.not_before - self._limits.timing.now()
        if wait > 0:
            await self._limits.timing.sleep(wait)
        while True:
            await self._limits.wait_until(self._has_room)
            if self._stop.error or (batch := await anext(batches, None)) is None:
                return
            self.repeat_due()
            self._take(batch)

    def _has_room(self) -> bool:
        """Whether another batch may be taken. The first one goes alone: it tries the call."""
        most = _BATCHES_AHEAD * self._settings.jobs if self.tally.accepted else 1
        has_room = len(self._in_flight) < most and self._limits.has_memory
        return has_room or self._stop.error is not None

    def _take(self, batch: Batch, *, is_repeat: bool = False) -> None:
        taken = InFlightBatch(batch, [Part(batch)], is_repeat)
        earlier = self._order.claim(batch.keys, taken)
        self._in_flight.add(taken)
        self._limits.take(len(batch.body))
        taken.task = asyncio.create_task(self._send(taken, earlier))
        # Not left to the task itself: one that is cancelled before it begins does nothing at all.
        taken.task.add_done_callback(lambda task: self._end(taken, task))

    async def _send(self, taken: InFlightBatch, earlier: Iterable[InFlightBatch]) -> None:
        """Wait for the batches that share a key, then send this one part by part."""
        for other in earlier:
            if other.task:
                await asyncio.wait([other.task])
        while taken.parts and not self._stop.error:
            await self._send_next(taken)

    def _end(self, taken: InFlightBatch, task: "asyncio.Task[None]") -> None:
        """Settle what was not sent; whatever goes wrong then, the batch is in flight no longer."""
        try:
            for part in reversed(taken.parts):
                outcome = RecordOutcome.UNKNOWN if part.in_doubt else RecordOutcome.UNSENT
                self._settle(taken, Settlement(outcome, part.batch.records))
            if not task.cancelled() and isinstance(error := task.exception(), Exception):
                self.stop(error)
        except Exception as error:  # noqa: BLE001 - the event loop would only log it
            self.stop(error)
        finally:
            self._order.release(taken)
            self._in_flight.remove(taken)
            self._limits.release(len(taken.batch.body))

    async def _send_next(self, taken: InFlightBatch) -> None:
        part = taken.parts[-1]
        outcome = await self._sender.send(part, lambda: self._stop.error is not None)
        match outcome.kind:
            case OutcomeKind.ACKNOWLEDGED:
                taken.parts.pop()
                self.tally.accepted += 1
                self.has_accepted = True
                self.late.accept(part.batch.records, part.began, is_repeat=taken.is_repeat)
                self._settle(taken, Settlement(RecordOutcome.ACCEPTED, part.batch.records))
            case OutcomeKind.REFUSED | OutcomeKind.TOO_LARGE:
                taken.parts.pop()
                self._refuse(taken, part, outcome)
            case _:
                is_denied = outcome.kind is OutcomeKind.DENIED
                self.stop(error_from(outcome, self._asked if is_denied else ""))

    def _refuse(self, taken: InFlightBatch, part: Part, outcome: AttemptOutcome) -> None:
        """Split what was refused until the guilty records stand alone."""
        if len(part.batch.records) > 1:
            self.tally.split += 1
            self._on_event(Split(str(outcome), len(part.batch.records)))
            halves = [Part(half, part.in_doubt) for half in split_batch(part.batch)]
            taken.parts += reversed(halves)
            return
        if taken.is_repeat:
            self._repeat_refusals += 1
            self.late.give_up(part.batch.records[0])
            return
        self._settle(taken, part.rejection(outcome))
        taken.refused += 1
        records = len(taken.batch.records)
        if self.has_accepted or taken.refused < records:
            return
        self._whole_refusals += 1
        if records > 1 or self._whole_refusals == _LONE_REFUSALS:
            self.stop(
                StoppedError(
                    f"the API refuses every record: {outcome}",
                    hint="the call itself seems to be wrong: check table, keys and environment",
                )
            )

    def _settle(self, taken: InFlightBatch, settlement: Settlement | Rejection) -> None:
        if not taken.is_repeat:
            self._on_settled(settlement, taken.batch)

    def _note(self, text: str) -> None:
        self._on_event(Noted(text))

    def _doubt(self, part: Part) -> None:
        self.late.doubt(part.batch.records, self._limits.timing.now())

    async def _repeat_all(self) -> None:
        """Wait until no late write can come any more, and send the newest versions again."""
        timing = self._limits.timing
        self.is_repeating = True
        wait = max(0.0, self.late.last_until - timing.now())
        if not self._stop.error:
            self._note(
                f"{_records(self.late.to_repeat)} may be overwritten by requests without an"
                f" answer: sent again in {wait:.0f} s (--settle)"
            )
        while self.late.to_repeat and not self._stop.error:
            wait = max(0.0, self.late.last_until - timing.now())
            await self._stop.interrupts(timing.sleep(wait))
            self.repeat_due()
            await self.drain()
        if left := self.late.to_repeat:
            self._note(
                f"{_records(left)} may be left on an older version by late requests,"
                " until this table is pushed again"
            )


def _records(count: int) -> str:
    return f"{count:,} {'record' if count == 1 else 'records'}"
