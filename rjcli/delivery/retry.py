"""When a request that failed is tried again, and when the others have to wait as well."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rjcli.api.protocol import AttemptOutcome
from rjcli.delivery.pace import Pace
from rjcli.settings.values import DeliverySettings

FIRST_DELAY, LONGEST_DELAY = 0.25, 30.0  # seconds
_DOWN_AFTER = 10  # failures in a row


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance, as far as they decide anything. Seconds of a clock that never jumps."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: random.Random = field(default_factory=random.Random)

    def backoff(self, failures: int) -> float:
        """Full jitter: seconds up to a bound that doubles with each failure."""
        bound = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))
        return self.chance.uniform(0.0, bound)


class Closure:
    """Until when nothing is sent. ``until``: on the clock of the timing."""

    until = float("-inf")

    def extend(self, until: float) -> None:
        """Send nothing until then, nor before what was said earlier."""
        self.until = max(self.until, until)


class RetryGate:
    """The gate that every attempt passes, shared by all requests.

    Retry-After closes it for all of them. After ten failures in a row, answers of
    429 apart, the API counts as down: it is probed by one request at a time, with
    growing delays, until one is answered as it should be. ``rate``: requests a second
    at most, None for no limit; answers of 429 slow the pace below it. ``closure``: shared
    with other gates.
    """

    def __init__(
        self, timing: Timing, rate: float | None = None, closure: Closure | None = None
    ) -> None:
        self._timing = timing
        self._pace = Pace(rate)
        self._closure = closure or Closure()
        self.failures = 0  # since the last success
        self.last_failure: AttemptOutcome | None = None  # since then
        self._has_answered = False  # in whatever way
        self._failures = 0  # of these, other than 429
        self._probes = 0  # of these, failures of a probe
        self._probe: asyncio.Future[None] | None = None  # done when the one probe has ended
        self.failing_since: float | None = None  # no success since then

    @property
    def closed_until(self) -> float:
        """Until when nothing is sent, on the clock of the timing."""
        return self._closure.until

    @property
    def is_down(self) -> bool:
        """Whether the API counts as down."""
        return self._failures >= _DOWN_AFTER

    def patience(self, outcome: AttemptOutcome, settings: DeliverySettings) -> float:
        """Seconds for which an attempt that failed is repeated."""
        if outcome.is_unreached and not self._has_answered:
            return min(settings.connect_for, settings.retry_for)
        return settings.retry_for

    async def enter(self) -> "asyncio.Future[None] | None":
        """Wait until an attempt may be made; return what ``leave`` takes after it."""
        has_slot = False
        while True:
            now = self._timing.now()
            if (closed_for := self._closure.until - now) > 0:
                await self._timing.sleep(closed_for)
                has_slot = False  # or all who waited would go at once
            elif self._probe:
                await asyncio.wait([self._probe])
            elif has_slot:
                break
            else:
                has_slot = True
                if wait := self._pace.reserve(now):
                    await self._timing.sleep(wait)
        if self.is_down:
            self._probe = asyncio.get_running_loop().create_future()
        return self._probe

    def leave(self, probe: "asyncio.Future[None] | None") -> None:
        """Let the others go on after an attempt, if it was the probe."""
        if probe:
            self._probe = None
            probe.set_result(None)

    def succeeded(self) -> None:
        """Note an attempt that was answered as it should be."""
        self.failures = self._failures = self._probes = 0
        self.failing_since = self.last_failure = None
        self._has_answered = True
        self._pace.passed(self._timing.now())

    def failed(self, outcome: AttemptOutcome, *, is_probe: bool = False) -> None:
        """Note an attempt that failed and may succeed later."""
        now = self._timing.now()
        wait = outcome.retry_after or 0.0
        self.failing_since = now if self.failing_since is None else self.failing_since
        self.failures += 1
        self.last_failure = outcome
        self._has_answered = self._has_answered or not outcome.is_unreached
        if outcome.is_throttled:
            self._pace.throttled(now, wait)
        else:
            self._pace.passed(now)
            self._failures += 1
            self._probes += is_probe
            if self.is_down:
                wait = max(wait, self._timing.backoff(self._probes + 1))
        if wait:
            self._closure.extend(now + wait)
