"""How many requests may be in flight: as many as the API answers quickly, and no more."""

import asyncio
from collections import deque

_QUICK_FACTOR, _QUICK_SLACK = 2.0, 0.1  # of the quickest answer; seconds


class ConcurrencyLimit:
    """A limit on requests in flight that adapts to the answers.

    It starts at one, so that a wrong call or key is found out by a single
    request. It grows with each quick answer, fast until the first trouble and
    slowly after it; trouble halves it. It never passes ``most``.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = 1.0
        self._threshold = float(most)  # fast growth ends here
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._quickest = float("inf")
        self._troubled_at = float("-inf")
        self.in_flight = 0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return int(self._limit)

    async def acquire(self) -> None:
        """Wait for a place."""
        if self.in_flight < self.limit and not self._waiting:
            self.in_flight += 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            await place  # whoever wakes it up has counted it already
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a place up."""
        self.in_flight -= 1
        self._wake()

    def answered(self, seconds: float) -> None:
        """An acknowledgement took so long: grow, if that was quick."""
        self._quickest = min(self._quickest, seconds)
        if seconds <= _QUICK_FACTOR * self._quickest + _QUICK_SLACK:
            growth = 1.0 if self._limit < self._threshold else 1.0 / self._limit
            self._limit = min(self._most, self._limit + growth)
            self._wake()

    def troubled(self, began: float, now: float) -> None:
        """A request failed that may succeed later: shrink, once for all that began before."""
        if began >= self._troubled_at:
            self._troubled_at = now
            self._limit = max(1.0, self._limit / 2)
            self._threshold = self._limit

    def _wake(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            place = self._waiting.popleft()
            if not place.done():
                self.in_flight += 1
                place.set_result(None)
