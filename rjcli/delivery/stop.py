"""Stopping in good order: work that can be interrupted, and the reason why it was."""

import asyncio
from collections.abc import Awaitable


class Stop:
    """A request to stop. ``error``: the reason; None as long as nobody asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self._work: asyncio.Future[None] | None = None

    def ask(self, error: Exception) -> None:
        """Ask to stop, and interrupt what can be; the first reason stays."""
        if self.error is None:
            self.error = error
            if self._work:
                self._work.cancel()

    async def interrupts(self, work: Awaitable[None]) -> None:
        """Do some work until it is done, or until a stop is asked for."""
        self._work = asyncio.ensure_future(work)
        if self.error:
            self._work.cancel()
        try:
            await self._work
        except asyncio.CancelledError:
            if self.error is None:
                raise
        finally:
            self._work = None
