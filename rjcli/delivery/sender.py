"""Sending one body until its fate is known: attempts, waits, and giving up."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from rjcli.api.protocol import Answer, AttemptOutcome, OutcomeKind, classify_upsert
from rjcli.delivery.concurrency_limit import ConcurrencyLimit
from rjcli.delivery.retry import RetryGate, Timing
from rjcli.errors import TransportError
from rjcli.model import Batch
from rjcli.settings.values import DeliverySettings

Upsert = Callable[[bytes], Awaitable[Answer]]
"""Sends a batch's body; raises TransportError if no answer came."""


@dataclass(slots=True)
class Tally:
    """What was done so far: requests, bytes of their bodies, and batches by what became of them."""

    requests: int = 0
    bytes_sent: int = 0
    accepted: int = 0
    retried: int = 0
    split: int = 0


@dataclass(eq=False, slots=True)
class Parcel:
    """A batch, or a part of one, on its way."""

    batch: Batch
    in_doubt: bool = False  # it may have been applied without having been acknowledged
    may_come_late: bool = False  # an attempt may still be applied
    failures: int = 0
    failing_since: float | None = None
    attempting: bool = False


class Sender:
    """Sends parcels through the gate that all requests share."""

    def __init__(
        self, upsert: Upsert, settings: DeliverySettings, timing: Timing, tally: Tally
    ) -> None:
        self._upsert = upsert
        self._retry_for = settings.retry_for
        self._timing = timing
        self._tally = tally
        self._gate = RetryGate(timing, settings.rate_limit)
        self.concurrency = ConcurrencyLimit(settings.jobs)

    async def send(self, parcel: Parcel, is_stopping: Callable[[], bool]) -> AttemptOutcome:
        """Send a parcel until it is acknowledged, refused, or given up.

        A verdict of "unavailable" means that it was given up, also because of stopping.
        """
        while True:
            outcome = await self._attempt(parcel)
            if outcome.kind is not OutcomeKind.UNAVAILABLE:
                return outcome
            parcel.failures += 1
            self._tally.retried += parcel.failures == 1
            delay = self._next_delay(parcel, outcome)
            if delay is None or is_stopping():
                return outcome
            await self._timing.sleep(delay)

    async def _attempt(self, parcel: Parcel) -> AttemptOutcome:
        await self.concurrency.acquire()
        try:
            probe = await self._gate.enter()
            try:
                began = self._timing.now()
                outcome = await self._exchange(parcel)
                self._learn(outcome, began)
            finally:
                self._gate.leave(probe)
        finally:
            self.concurrency.release()
        parcel.in_doubt = parcel.in_doubt or outcome.in_doubt
        parcel.may_come_late = parcel.may_come_late or outcome.may_come_late
        return outcome

    async def _exchange(self, parcel: Parcel) -> AttemptOutcome:
        self._tally.requests += 1
        self._tally.bytes_sent += len(parcel.batch.body)
        parcel.attempting = True
        try:
            return classify_upsert(await self._upsert(parcel.batch.body))
        except TransportError as error:
            return AttemptOutcome(
                OutcomeKind.UNAVAILABLE,
                error.message,
                in_doubt=error.in_doubt,
                may_come_late=error.in_doubt,
            )
        except asyncio.CancelledError:
            parcel.in_doubt = parcel.may_come_late = True
            raise
        finally:
            parcel.attempting = False

    def _learn(self, outcome: AttemptOutcome, began: float) -> None:
        now = self._timing.now()
        if outcome.kind is OutcomeKind.UNAVAILABLE:
            self._gate.failed(outcome.retry_after)
            self.concurrency.troubled(began, now)
        else:
            self._gate.succeeded()
        if outcome.kind is OutcomeKind.ACKNOWLEDGED:
            self.concurrency.answered(now - began)

    def _next_delay(self, parcel: Parcel, outcome: AttemptOutcome) -> float | None:
        """Seconds until the next attempt; None if there is no time left for one."""
        now = self._timing.now()
        parcel.failing_since = now if parcel.failing_since is None else parcel.failing_since
        since = min(parcel.failing_since, self._gate.failing_since or now)
        left = since + self._retry_for - now
        if left <= 0 or (outcome.retry_after or 0) > left:
            return None
        # The last attempt is made when the time is up, not long before.
        return min(left, max(self._timing.backoff(parcel.failures), outcome.retry_after or 0.0))
