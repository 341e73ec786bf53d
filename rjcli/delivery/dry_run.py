"""Dry run: takes batches as a delivery does, and sends nothing."""

import asyncio
from collections.abc import AsyncIterator

from rjcli.delivery.delivery import OnSettled
from rjcli.delivery.sender import Tally
from rjcli.delivery.stop import Stop
from rjcli.events import Activity
from rjcli.model import Batch, RecordOutcome, Settlement


class DryRun:
    """Counts what would be sent, and keeps the first body."""

    in_flight = limit = 0
    outage = None
    is_idle = True

    def __init__(self, on_settled: OnSettled) -> None:
        self._on_settled = on_settled
        self._stop = Stop()
        self.tally = Tally()
        self.first_body: bytes | None = None

    @property
    def activity(self) -> tuple[Activity, float | None]:
        """What it is doing, and in how many seconds that ends at the latest."""
        return Activity.STOPPING if self._stop.error else Activity.SENDING, None

    async def deliver(self, batches: AsyncIterator[Batch]) -> None:
        """Count all batches; their records are unsent. Raises what made it stop."""
        await self._stop.interrupts(self._take_all(batches))
        if self._stop.error:
            raise self._stop.error

    def stop(self, error: Exception) -> None:
        """Take no more batches, and raise the error."""
        self._stop.ask(error)

    def abort(self) -> None:
        """Do nothing: no request is in flight."""

    async def _take_all(self, batches: AsyncIterator[Batch]) -> None:
        async for batch in batches:
            self.first_body = self.first_body or batch.body
            self.tally.requests += 1
            self.tally.bytes_sent += len(batch.body)
            self._on_settled(Settlement(RecordOutcome.UNSENT, batch.records), batch)
            await asyncio.sleep(0)  # so that it can be interrupted
