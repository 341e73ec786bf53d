"""Time that passes at once: an event loop whose clock jumps to the next timer."""

import asyncio
import random
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from rjcli.delivery.retry import Timing

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Never waits: where the loop would, its clock moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self.seconds += timeout
        return super().select(0)


def run_in_virtual_time(work: Coroutine[Any, Any, T]) -> tuple[T, float]:
    """Run something that only sleeps; return its result and how many seconds passed for it."""
    selector = _Selector()
    loop = asyncio.SelectorEventLoop(selector)
    loop.time = lambda: selector.seconds  # type: ignore[method-assign]
    try:
        result = loop.run_until_complete(work)
        return result, selector.seconds
    finally:
        loop.close()


def virtual_timing(seed: int = 0) -> Timing:
    """The timing of a delivery on the running loop's clock."""
    return Timing(now=lambda: asyncio.get_running_loop().time(), chance=random.Random(seed))
