"""Limits: what all deliveries to one API share."""

import asyncio
from collections.abc import Callable

from rjcli.delivery.concurrency_limit import ConcurrencyLimit
from rjcli.delivery.retry import Closure, RetryGate, Timing

_MOST_BYTES = 32 * 2**20  # of bodies that were taken and not settled yet


class Limits:
    """The retry gate, the limit on requests in flight, and the memory that deliveries share.

    ``jobs``: requests in flight at most; ``rate_limit``: requests a second at
    most, None for no limit. ``closure``: what other processes close as well.
    """

    def __init__(
        self,
        jobs: int,
        rate_limit: float | None = None,
        timing: Timing | None = None,
        closure: Closure | None = None,
    ) -> None:
        self.jobs = jobs
        self.timing = timing or Timing()
        self.gate = RetryGate(self.timing, rate_limit, closure)
        self.concurrency = ConcurrencyLimit(jobs)
        self._bytes = 0
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def has_memory(self) -> bool:
        """Whether another body may be taken."""
        return self._bytes < _MOST_BYTES

    def take(self, size: int) -> None:
        """Count the bytes of a body that was taken."""
        self._bytes += size

    def release(self, size: int) -> None:
        """Count the bytes of a body that is settled, and wake those who wait for room."""
        self._bytes -= size
        self.wake()

    def wake(self) -> None:
        """Have everyone who waits look at its condition again."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition holds that can change when a body is released."""
        while not condition():
            released = asyncio.get_running_loop().create_future()
            self._waiting.append(released)
            await released
