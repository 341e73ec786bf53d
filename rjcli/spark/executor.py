"""What the tasks of one executor share, though each runs in a process of its own.

They meet in files of a directory that goes with the executor. A process that is killed
leaves nothing locked.
"""

import asyncio
import fcntl
import json
import os
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from rjcli.api.protocol import Answer
from rjcli.delivery.retry import Closure
from rjcli.delivery.sender import Upsert
from rjcli.private_file import make_directory

_POLL_SECONDS = 0.004
_MOMENT = struct.Struct("d")
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class ExecutorShare:
    """The limits that the tasks of an executor share. A context manager.

    ``directory``: the same for all of them. ``jobs``: requests in flight at most.
    ``push``: the name of the push, of which a failure ends the tasks that begin later.
    """

    def __init__(self, directory: Path, jobs: int, push: str) -> None:
        make_directory(directory)
        self._failure = directory / f"{push}.failed"
        self._places = Places(directory / "places", jobs)
        self.closure = SharedClosure(directory / "closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._places.close()
        self.closure.close()

    def limited(self, upsert: Upsert) -> Upsert:
        """The same upsert, which waits for a place first."""

        async def send(body: bytes) -> Answer:
            return await self._places.within(lambda: upsert(body))

        return send

    @property
    def failure(self) -> Any:
        """What another task of the push has failed with; None if none has."""
        with suppress(OSError, ValueError):
            return json.loads(self._failure.read_bytes())
        return None

    def fail(self, failure: Any) -> None:
        """Note for the tasks that begin later what this one has failed with."""
        temporary = self._failure.with_suffix(f".{os.getpid()}")
        with suppress(OSError):
            temporary.write_text(json.dumps(failure))
            temporary.replace(self._failure)


class Places:
    """So many places for requests, each of which is a lock on a byte of a file."""

    def __init__(self, path: Path, count: int) -> None:
        self._fd = os.open(path, _OPEN, 0o600)
        self._free: list[int] = [*range(count)]  # not taken by this process; perhaps by another one

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    async def within(self, work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Wait for a place, work, and leave it."""
        while (place := self._take()) is None:  # noqa: ASYNC110 - others are other processes
            await asyncio.sleep(_POLL_SECONDS)
        try:
            return await work()
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, place)
            self._free.append(place)

    def _take(self) -> int | None:
        for place in reversed(self._free):  # the last one left is likely to be free still
            with suppress(BlockingIOError, PermissionError):
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
                self._free.remove(place)
                return place
        return None


class SharedClosure(Closure):
    """Until when no task of the executor sends anything, in a file."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, _OPEN, 0o600)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    @property
    def until(self) -> float:  # type: ignore[override] # others extend it
        """The moment, on the clock that all processes of a machine share."""
        content = os.pread(self._fd, _MOMENT.size, 0)
        if len(content) < _MOMENT.size:
            return float("-inf")
        moment: float = _MOMENT.unpack(content)[0]
        return moment

    def extend(self, until: float) -> None:
        """Send nothing until then, nor before what was said earlier."""
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            os.pwrite(self._fd, _MOMENT.pack(max(self.until, until)), 0)
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)
