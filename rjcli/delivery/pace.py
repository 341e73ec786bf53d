"""The pace of requests: as many a second as are asked for, and as the API lets through."""

from collections import deque

_WINDOW = 5.0  # seconds in which requests that were let through are counted
_SHORTEST = 0.25  # seconds that are measured at least, and between two cuts
_SLOWEST = 1.0  # requests a second
_CUT = 0.9
_OVER, _UNDER = 1.25, 0.95  # of what is let through: where probing is free, and where it costs
_RECOVERY = 5.0  # seconds until the pace is what it was before a cut
_GROWTH = 1.1  # a second after that
_FORGET = 60.0  # seconds without a 429 after which nothing is held back any more


class Pace:
    """Slots for requests, one after the other.

    ``rate``: requests a second at most, None for no limit. A 429 says that there
    were too many: then the pace falls towards what was let through in the last
    seconds, and grows again as long as no other 429 comes.
    """

    def __init__(self, rate: float | None = None) -> None:
        self._rate = rate
        self._next_slot = float("-inf")
        self._cut_at: float | None = None  # or, before the first cut, when the first 429 came
        self._before = self._after = float("inf")  # requests a second, around the last cut
        self._let_through: deque[float] = deque()  # when, the oldest first; since the first 429
        self._watched_since = 0.0

    def reserve(self, now: float) -> float:
        """Take the next slot; return the seconds until then."""
        rate = min(self._rate or float("inf"), self._throttled_rate(now))
        slot = max(now, self._next_slot)
        self._next_slot = slot + 1.0 / rate
        return slot - now

    def passed(self, now: float) -> None:
        """Note an answer other than 429."""
        if self._cut_at is not None:
            self._let_through.append(now)

    def throttled(self, now: float, *, asks_to_wait: bool) -> None:
        """Note a 429. ``asks_to_wait``: each one costs a wait of all requests."""
        if self._cut_at is None:
            self._cut_at = self._watched_since = now
        elif now - self._cut_at >= _SHORTEST:
            least = max(_SLOWEST, self._measure(now) * (_UNDER if asks_to_wait else _OVER))
            current = min(self._throttled_rate(now), 2 * least)
            self._after = max(least, current * _CUT)
            self._before = max(self._after, current)
            self._cut_at = now

    def _measure(self, now: float) -> float:
        """Requests a second that were let through lately."""
        seconds = min(_WINDOW, now - self._watched_since)
        while self._let_through and self._let_through[0] < now - seconds:
            self._let_through.popleft()
        return len(self._let_through) / seconds

    def _throttled_rate(self, now: float) -> float:
        """Requests a second that the API is likely to let through; infinite if it says nothing."""
        if self._cut_at is None or self._before == float("inf"):
            return float("inf")
        seconds = now - self._cut_at
        if seconds < _RECOVERY:
            return self._after + (self._before - self._after) * seconds / _RECOVERY
        if seconds < _FORGET:
            return self._before * float(_GROWTH ** (seconds - _RECOVERY))
        self._cut_at = None
        self._before = self._after = float("inf")
        self._let_through.clear()
        return float("inf")
