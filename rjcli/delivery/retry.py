"""When a request that failed is tried again, and when the others have to wait as well."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds
_BUDGET, _GAIN = 10.0, 0.5  # failures before the API counts as down; what an answer gives back


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance, as far as they decide anything. Seconds of a clock that never jumps."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: random.Random = field(default_factory=random.Random)

    def backoff(self, failures: int) -> float:
        """Full jitter: anything up to a bound that doubles with each failure."""
        bound = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(failures - 1, 16))
        return self.chance.uniform(0.0, bound)


class RetryGate:
    """The gate that every attempt passes, shared by all requests.

    Retry-After closes it for all of them. Failures use up a budget that
    acknowledgements refill: while it is used up, the API counts as down, and is
    probed by one request at a time, with growing delays. ``rate``: requests a
    second at most, None for no limit.
    """

    def __init__(self, timing: Timing, rate: float | None = None) -> None:
        self._timing = timing
        self._interval = 1.0 / rate if rate else 0.0
        self._next_slot = float("-inf")
        self._closed_until = float("-inf")
        self._budget = _BUDGET
        self._failures = 0  # since the last acknowledgement
        self._probe: asyncio.Future[None] | None = None  # done when the one probe has ended
        self.failing_since: float | None = None  # no acknowledgement since then

    async def enter(self) -> "asyncio.Future[None] | None":
        """Wait until an attempt may be made; give what ``leave`` is to be told after it."""
        has_slot = not self._interval
        while True:
            wait = self._closed_until - self._timing.now()
            if wait <= 0 and not self._probe:
                if has_slot:
                    break
                wait, has_slot = self._reserve_slot(), True
            if wait > 0:
                await self._timing.sleep(wait)
            elif self._probe:
                await asyncio.wait([self._probe])
        if self._budget < 1:
            self._probe = asyncio.get_running_loop().create_future()
        return self._probe

    def leave(self, probe: "asyncio.Future[None] | None") -> None:
        """Let the others go on after an attempt, if it was the probe."""
        if probe:
            self._probe = None
            probe.set_result(None)

    def succeeded(self) -> None:
        """An attempt was answered as it should be."""
        self._budget = min(_BUDGET, self._budget + _GAIN)
        self._failures = 0
        self.failing_since = None

    def failed(self, retry_after: float | None) -> None:
        """An attempt failed that may succeed later, in ``retry_after`` seconds if it said so."""
        now = self._timing.now()
        self._budget = max(0.0, self._budget - 1)
        self._failures += 1
        self.failing_since = now if self.failing_since is None else self.failing_since
        wait = retry_after or 0.0
        if self._budget < 1:
            wait = max(wait, self._timing.backoff(self._failures))
        self._closed_until = max(self._closed_until, now + wait)

    def _reserve_slot(self) -> float:
        """Take the next slot of the rate; give the seconds until then."""
        now = self._timing.now()
        slot = max(now, self._next_slot)
        self._next_slot = slot + self._interval
        return slot - now
