"""Signals that ask a command to stop: each is heard once, and the second one ends the process.

From its first line on the command holds signals back, until ``listen``. From then on a
signal raises KeyboardInterrupt in the main thread, or stops the push that is going on.
"""

import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from rjcli.errors import InterruptedByUserError, RjcliError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_IMPORTING = "<frozen importlib._bootstrap>"  # whose code imports each module
_LATER_SECONDS = 0.01

Stop = Callable[[RjcliError], object]
T = TypeVar("T")


def _raise(error: RjcliError) -> None:
    raise KeyboardInterrupt from error


class _Listener:
    """What is done about the first signal."""

    def __init__(self) -> None:
        self.stop: Stop = _raise
        self.waits = False  # for something that must not be broken off
        self._heard: list[int] = []  # the signals that are listened to

    def listen(self) -> None:
        self.stop, self.waits = _raise, False
        # What ignores SIGHUP from its start, as with nohup, is to outlive its terminal.
        is_ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        self._heard = [each for each in SIGNALS if each != signal.SIGHUP or not is_ignored]
        for number in self._heard:
            signal.signal(number, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        for each in self._heard:
            signal.signal(each, signal.SIG_DFL)
        name = signal.Signals(number).name
        self._act(InterruptedByUserError(f"stopped by {name}", signal=number), frame)

    def _act(self, error: RjcliError, frame: FrameType | None) -> None:
        # Extension modules whose import is broken off may crash.
        if not (self.waits or _is_importing(frame)):
            self.stop(error)
            return
        signal.signal(signal.SIGALRM, lambda _, later: self._act(error, later))
        signal.setitimer(signal.ITIMER_REAL, _LATER_SECONDS)


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


_listener = _Listener()


def listen() -> None:
    """Hear signals from now on, also those that were held back."""
    _listener.listen()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def no_more_to_stop() -> None:
    """Let the first signal do nothing: what was to be done is done, and only has to be closed."""
    _listener.stop = lambda _: None


def interruption(error: KeyboardInterrupt) -> RjcliError:
    """The error that an exception in the main thread stands for."""
    if isinstance(error.__cause__, RjcliError):
        return error.__cause__
    return InterruptedByUserError("stopped by SIGINT", signal=signal.SIGINT)


def run_async(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine function in an event loop; no signal breaks off its making or closing."""
    import asyncio

    async def listening() -> T:
        _listener.waits = False
        try:
            return await work()
        finally:
            _listener.waits = True

    _listener.waits = True
    try:
        with asyncio.Runner() as runner:
            runner.get_loop()  # which fails where there are too many open files
            return runner.run(listening())
    finally:
        _listener.waits = False


@contextmanager
def stopping_on_signals(stop: Stop) -> Iterator[None]:
    """Call ``stop`` on the first signal, from the running event loop of the main thread.

    A signal that comes after it does nothing: what was to be stopped has ended.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    _listener.stop = lambda error: loop.call_soon_threadsafe(stop, error)
    try:
        yield
    finally:
        no_more_to_stop()
