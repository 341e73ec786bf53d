"""Signals that ask a command to stop."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rjcli.errors import InterruptedByUserError, RjcliError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopping_on_signals(stop: Callable[[RjcliError], None]) -> Iterator[None]:
    """Call ``stop`` on the first signal; the second one ends the process at once.

    Within a running event loop of the main thread.
    """
    loop = asyncio.get_running_loop()

    def restore() -> None:
        for each in SIGNALS:
            loop.remove_signal_handler(each)

    def interrupt(number: signal.Signals) -> None:
        restore()
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        stop(InterruptedByUserError(f"stopped by {number.name}", signal=number))

    for number in SIGNALS:
        loop.add_signal_handler(number, interrupt, number)
    try:
        yield
    finally:
        restore()
