"""Waiting for what has no event to wait for: processes, their output, files, and the server."""

import asyncio
from collections.abc import Callable

_LOOK_SECONDS = 0.01


async def wait_until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds, but no longer than so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:  # noqa: ASYNC110 - there is no event
        await asyncio.sleep(_LOOK_SECONDS)
