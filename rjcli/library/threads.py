"""A thread with an event loop of its own, for callers that have none, or a busy one."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import Future
from typing import Any, Generic, Protocol, Self, TypeVar

from rjcli.producer.feed import Feed, pieces

Result = TypeVar("Result")


class Stoppable(Protocol):
    """What runs in the thread, and can be stopped."""

    def interrupt(self) -> None:
        """Stop in good order."""

    def fail(self, error: BaseException | None) -> None:
        """Note an exception of the program's own that the result has as its cause."""


class LoopThread(Generic[Result]):
    """Runs the work of a call in its own event loop, from entering the context to its end.

    Where the context ends with KeyboardInterrupt or the like, the call is stopped in
    good order first.
    """

    def __init__(self, call: Stoppable, work: Callable[[], Coroutine[Any, Any, Result]]) -> None:
        self._call = call
        self._work = work
        self._started: Future[asyncio.AbstractEventLoop] = Future()
        self._result: Future[Result] = Future()

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, name="rjcli").start()
        self.loop = self._started.result()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind and not issubclass(kind, Exception):
            self.loop.call_soon_threadsafe(self._call.interrupt)
            self._result.exception()  # waits

    def hand_over(self, records: Iterable[Any], feed: Feed) -> None:
        """Iterate records in this thread, and feed them to the call."""
        put = asyncio.run_coroutine_threadsafe
        try:
            for piece in pieces(records):
                if not put(feed.put(piece), self.loop).result():
                    break
        except Exception as error:  # noqa: BLE001 - of the program's own iterable
            self._call.fail(error)
            self.loop.call_soon_threadsafe(feed.close, error)
        except BaseException:
            self.loop.call_soon_threadsafe(self._call.interrupt)
            self.loop.call_soon_threadsafe(feed.close)
            raise
        else:
            self.loop.call_soon_threadsafe(feed.close)

    def result(self) -> Result:
        """Wait for the end of the work, and return or raise what it does."""
        return self._result.result()

    def _run(self) -> None:
        async def work() -> Result:
            self._started.set_result(asyncio.get_running_loop())
            return await self._work()

        try:
            self._result.set_result(asyncio.run(work()))
        except BaseException as error:  # noqa: BLE001 - for the thread that waits
            self._result.set_exception(error)
