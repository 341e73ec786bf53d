"""States on stdout: the newest one that is earned, and nothing else."""

import asyncio
import os
import select
from collections.abc import Callable

from rjcli.errors import RjcliError, UnfinishedError
from rjcli.singer.states import States

_PAUSE_SECONDS = 0.05  # so that a state is not written for each batch


class StateOutput:
    """Writes states as they are earned. Its task ends with ``close``.

    ``secure`` is called before each, and has everything on the disk that it relies on.
    ``fail`` is called with an error of that, or of writing; no state is written after it.
    """

    def __init__(
        self,
        fd: int,
        states: States,
        secure: Callable[[], None],
        fail: Callable[[RjcliError], None],
    ) -> None:
        self._fd = fd
        self._states = states
        self._secure = secure
        self._fail = fail
        self._changed = asyncio.Event()
        self._is_closed = False
        self._task = asyncio.create_task(self._write_all())

    def wake(self) -> None:
        """Look at the states again: one may be earned now."""
        self._changed.set()

    async def close(self) -> None:
        """Write what is earned by now, and end."""
        self._is_closed = True
        self._changed.set()
        await self._task

    async def _write_all(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            is_last = self._is_closed
            try:
                await self._write_newest()
            except RjcliError as error:
                self._fail(error)
                return
            if is_last:
                return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _write_newest(self) -> None:
        earned = self._states.take()
        if not earned:
            return
        _, newest = earned[-1]
        self._secure()
        # In a thread: whoever reads may take any time.
        await asyncio.to_thread(_write, self._fd, newest + b"\n")


def _write(fd: int, data: bytes) -> None:
    try:
        while data:
            try:
                data = data[os.write(fd, data) :]
            except BlockingIOError:
                select.select([], [fd], [])
    except OSError as error:
        raise UnfinishedError(
            f"cannot write a state to stdout: {error.strerror}",
            hint="see why the program that reads the states has ended",
        ) from None
