"""Where bytes come from: files, pipes and stdin."""

import asyncio
import os
import select
import stat
import sys
from collections.abc import Iterator
from typing import Self

from rjcli.errors import InputError
from rjcli.settings import STDIN

READ_SIZE = 256 * 1024


class Source:
    """An input, open within its ``with`` block. ``size`` is in bytes, None for a pipe.

    Raises InputError if there is no such input, or if it cannot be opened or read.
    """

    def __init__(self, path: str) -> None:
        self.name = "<stdin>" if path == STDIN else path
        self.bytes_read = 0
        self._path = path
        self._fd = -1
        try:
            status = os.stat(sys.stdin.fileno() if path == STDIN else path)  # noqa: PTH116 - or a descriptor
        except (OSError, ValueError, AttributeError) as error:
            raise self._unreadable(error) from None
        if stat.S_ISDIR(status.st_mode):
            raise InputError(
                f"{self.name} is a directory", hint=f"name the files in it, as in {self.name}/*.csv"
            )
        self._regular = stat.S_ISREG(status.st_mode)
        self.size = status.st_size if self._regular else None

    def __enter__(self) -> Self:
        try:
            self._fd = (
                os.dup(sys.stdin.fileno())
                if self._path == STDIN
                else os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            )
        except OSError as error:
            raise self._unreadable(error) from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)

    def byte_strings(self) -> Iterator[bytes]:
        """The input's bytes, in order; an empty byte string means "nothing there yet"."""
        while True:
            if not self._ready():
                yield b""
                continue
            try:
                data = os.read(self._fd, READ_SIZE)
            except OSError as error:
                raise self._unreadable(error) from None
            if not data:
                return
            self.bytes_read += len(data)
            yield data

    async def wait(self) -> None:
        """Wait until there is something to read, or the end."""
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        loop.add_reader(self._fd, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(self._fd)

    def _ready(self) -> bool:
        if self._regular:
            return True
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(0))

    def _unreadable(self, error: Exception) -> InputError:
        reason = error.strerror if isinstance(error, OSError) else "there is none"
        return InputError(f"cannot read {self.name}: {reason}")
