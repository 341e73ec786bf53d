"""The pace of requests: as many a second as are asked for, and as the API lets through."""

from collections import deque
from math import exp
from typing import NamedTuple

_WINDOW = 5.0  # seconds in which requests that were let through are counted
_SHORTEST = 0.25  # seconds that are measured at least, and between two cuts
_SLOWEST = 0.5  # requests a second
_CAUTIOUS = 20.0  # seconds after a cut
_FORGET = 60.0  # seconds without a 429 after which nothing is held back any more
_FAST = 0.1  # growth a second after the cautious time
_UNLIMITED = float("inf")


class _Manner(NamedTuple):
    """How the pace answers a 429.

    ``least``: of what is let through; ``cut``: of the pace; ``growth``: a second, as a
    share of the pace, and ``step`` in requests a second.
    """

    least: float
    cut: float
    growth: float
    step: float


_FREE = _Manner(1.35, 0.9, 0.03, 0.5)  # a 429 costs nothing but itself
_COSTLY = _Manner(0.9, 0.93, 0.005, 0.01)  # each one makes all requests wait (Retry-After)


class Pace:
    """Slots for requests, one after the other.

    ``rate``: requests a second at most, None for no limit. A 429 says that there
    were too many: then the pace falls towards what was let through in the last
    seconds, and grows again as long as no other 429 comes.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._rate = rate or _UNLIMITED
        self._next_slot = -_UNLIMITED
        self._cut_at = -_UNLIMITED
        self._cut_to = _UNLIMITED  # requests a second
        self._manner = _FREE
        self._let_through: deque[float] = deque()  # when, the oldest first

    def reserve(self, now: float) -> float:
        """Take the next slot; return the seconds until then."""
        rate = min(self._rate, self._throttled_rate(now))
        if rate == _UNLIMITED:
            return 0.0
        slot = max(now, self._next_slot)
        self._next_slot = slot + 1.0 / rate
        return slot - now

    def passed(self, now: float) -> None:
        """Note an answer other than 429."""
        self._let_through.append(now)
        while self._let_through[0] < now - _WINDOW:
            self._let_through.popleft()

    def throttled(self, now: float, retry_after: float) -> None:
        """Note a 429, after which all requests wait so many seconds."""
        if retry_after:  # those who wait ask for slots anew
            self._next_slot = now + retry_after
        if now - self._cut_at < _SHORTEST:
            return
        self._manner = manner = _COSTLY if retry_after else _FREE
        measured = self._measure(now)
        current = min(self._throttled_rate(now), 2 * measured)
        self._cut_to = max(_SLOWEST, measured * manner.least, current * manner.cut)
        self._cut_at = now + retry_after

    def _measure(self, now: float) -> float:
        """Requests a second that were let through lately, counting the next as well."""
        if not self._let_through:
            return 0.0
        seconds = now - max(self._let_through[0], now - _WINDOW)
        return (len(self._let_through) + 1) / max(_SHORTEST, seconds)

    def _throttled_rate(self, now: float) -> float:
        """Requests a second that the API is likely to let through; infinite if nothing is known."""
        seconds = max(0.0, now - self._cut_at)
        if seconds > _FORGET:
            return _UNLIMITED
        cautious = min(seconds, _CAUTIOUS)
        growth = exp(self._manner.growth * cautious + _FAST * (seconds - cautious))
        return (self._cut_to + self._manner.step * seconds) * growth
