"""Sending one body until its outcome is known: attempts, waits, and giving up."""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec import Struct

from rjcli.api.protocol import Answer, AttemptOutcome, OutcomeKind, classify_upsert
from rjcli.delivery.in_flight import Part
from rjcli.delivery.limits import Limits
from rjcli.errors import TransportError
from rjcli.events import Retried
from rjcli.settings.values import DeliverySettings

Upsert = Callable[[bytes], Awaitable[Answer]]
"""Sends a batch's body; raises TransportError if no answer came."""


class Tally(Struct):
    """What was done so far: requests, bytes of their bodies, and batches by what became of them."""

    requests: int = 0
    bytes_sent: int = 0
    accepted: int = 0
    retried: int = 0
    split: int = 0


class Sender:
    """Sends parts of batches within the limits that all requests share.

    ``on_doubt`` is called with a part after each attempt that may still be applied;
    ``on_retry`` before each wait for another attempt.
    """

    def __init__(
        self,
        upsert: Upsert,
        limits: Limits,
        settings: DeliverySettings,
        tally: Tally,
        on_doubt: Callable[[Part], None],
        on_retry: Callable[[Retried], None],
    ) -> None:
        self._upsert = upsert
        self._limits = limits
        self._timing = limits.timing
        self._settings = settings
        self._tally = tally
        self._on_doubt = on_doubt
        self._on_retry = on_retry

    async def send(self, part: Part, is_stopping: Callable[[], bool]) -> AttemptOutcome:
        """Send a part until it is acknowledged, refused, or given up.

        An outcome of "unavailable" means that it was given up, also because of stopping.
        """
        part.ready_at = 0.0
        while True:
            outcome = await self._attempt(part)
            if outcome.kind is not OutcomeKind.UNAVAILABLE:
                return outcome
            part.failures += 1
            self._tally.retried += part.failures == 1
            delay = self._next_delay(part, outcome)
            if delay is None or is_stopping():
                return outcome
            now = self._timing.now()
            part.ready_at = now + delay
            seconds = max(delay, self._limits.gate.closed_until - now)
            records = len(part.batch.records)
            self._on_retry(Retried(str(outcome), part.failures, records, seconds))
            await self._timing.sleep(delay)

    async def _attempt(self, part: Part) -> AttemptOutcome:
        gate, concurrency = self._limits.gate, self._limits.concurrency
        await concurrency.acquire()
        try:
            probe = await gate.enter()
            try:
                outcome = await self._exchange(part)
                self._learn(outcome, part.began, is_probe=probe is not None)
            finally:
                gate.leave(probe)
        finally:
            concurrency.release()
        part.in_doubt = part.in_doubt or outcome.in_doubt
        if outcome.may_come_late:
            self._on_doubt(part)
        return outcome

    async def _exchange(self, part: Part) -> AttemptOutcome:
        self._tally.requests += 1
        self._tally.bytes_sent += len(part.batch.body)
        part.began = self._timing.now()
        part.is_attempting = True
        try:
            return classify_upsert(await self._upsert(part.batch.body))
        except TransportError as error:
            return AttemptOutcome(
                OutcomeKind.UNAVAILABLE,
                error.message,
                in_doubt=error.in_doubt,
                may_come_late=error.in_doubt,
            )
        except asyncio.CancelledError:
            part.in_doubt = True
            self._on_doubt(part)
            raise
        finally:
            part.is_attempting = False

    def _learn(self, outcome: AttemptOutcome, began: float, *, is_probe: bool) -> None:
        now = self._timing.now()
        gate, concurrency = self._limits.gate, self._limits.concurrency
        if outcome.kind is OutcomeKind.UNAVAILABLE:
            gate.failed(outcome, is_probe=is_probe)
            if not outcome.is_throttled:
                concurrency.troubled(began, now)
            return
        gate.succeeded()
        if outcome.kind is OutcomeKind.ACKNOWLEDGED:
            concurrency.answered(now - began)

    def _next_delay(self, part: Part, outcome: AttemptOutcome) -> float | None:
        """Seconds until the next attempt; None if there is no time left for one."""
        now = self._timing.now()
        part.failing_since = now if part.failing_since is None else part.failing_since
        since = min(part.failing_since, self._limits.gate.failing_since or now)
        left = since + self._limits.gate.patience(outcome, self._settings) - now
        retry_after = outcome.retry_after or 0.0
        if left <= 0 or retry_after > left:
            return None
        # The gate paces what is throttled; a wait of its own would leave slots unused.
        delay = 0.0 if outcome.is_throttled else self._timing.backoff(part.failures)
        # The last attempt is made when the time is up, not long before.
        return min(left, max(delay, retry_after))
