"""Where bytes come from: files, pipes and stdin."""

import os
import select
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from rjcli.errors import InputError, UnfinishedError
from rjcli.settings.option_kinds import STDIN

READ_SIZE = 48 * 1024  # bytes; what becomes of more of a CSV outgrows caches and a socket's buffer


class Source:
    """The bytes of one input. ``size`` is in bytes, None for a pipe.

    A file can be read again and again, a pipe only once, until it is spooled.
    Raises InputError if there is no such input, or if it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.name = "<stdin>" if path == STDIN else path
        self.bytes_read = 0
        self._path: str | int = path
        try:
            if path == STDIN:
                self._path = sys.stdin.fileno()
            status = os.stat(self._path)  # noqa: PTH116 - or a descriptor
        except (OSError, ValueError, AttributeError) as error:
            raise self._unreadable(error) from None
        if stat.S_ISDIR(status.st_mode):
            raise InputError(
                f"{self.name} is a directory", hint=f"name the files in it, as in {self.name}/*.csv"
            )
        self.rereadable = stat.S_ISREG(status.st_mode)
        self.size = status.st_size if self.rereadable else None
        self._fd = -1  # while it is open
        self._is_dry = False  # there was nothing when it was read last
        self._broken: InputError | None = None  # how the bytes that were spooled ended

    def byte_strings(self) -> Iterator[bytes]:
        """The input's bytes, from its beginning; an empty byte string is "nothing there yet"."""
        self.bytes_read = 0
        self._fd = fd = self._open()
        try:
            start = os.lseek(fd, 0, os.SEEK_CUR) if self.rereadable else 0
            while True:
                if self.rereadable:
                    data = os.pread(fd, READ_SIZE, start + self.bytes_read)
                elif _has_data(fd):
                    data = os.read(fd, READ_SIZE)
                else:
                    self._is_dry = True
                    yield b""
                    continue
                self._is_dry = False
                if not data:
                    break
                self.bytes_read += len(data)
                yield data
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(fd)
            self._fd = -1
        if self._broken:
            raise self._broken
        if self.size is not None and start + self.bytes_read < self.size:
            raise InputError(
                f"{self.name} has shrunk while it was read: it had {self.size:,} bytes",
                hint="let no program write to it while it is pushed",
            )

    @property
    def dry_fd(self) -> int | None:
        """Where there was nothing to read yet: the descriptor on which something has to come.

        None where there was something: who makes something of the bytes may still hold some.
        """
        return self._fd if self._is_dry and self._fd >= 0 else None

    def spool(self, byte_strings: Iterator[bytes]) -> Iterator[None]:
        """Copy a pipe's bytes, as they are given, to disk, and read them from there from now on.

        Yields None for "nothing there yet". Where the bytes break off, they do so again when
        they are read. Raises UnfinishedError if the disk is full.
        """
        try:
            with tempfile.TemporaryFile() as spool:
                yield from self._copy(byte_strings, spool)
                self.size = spool.tell()
                spool.seek(0)
                self._path = os.dup(spool.fileno())  # open for as long as rjcli runs
        except OSError as error:
            raise UnfinishedError(
                f"cannot spool {self.name} in {tempfile.gettempdir()}: {error.strerror}",
                hint="set TMPDIR to a directory with room, or pin every column with --type",
            ) from None
        self.rereadable = True

    def _copy(self, byte_strings: Iterator[bytes], spool: BinaryIO) -> Iterator[None]:
        try:
            for data in byte_strings:
                spool.write(data)
                spool.flush()
                if not data:
                    yield None
        except InputError as error:
            self._broken = error

    def _open(self) -> int:
        if isinstance(self._path, int):
            return os.dup(self._path)
        try:
            # Opening a FIFO would wait for somebody to write into it.
            return os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> InputError:
        reason = error.strerror if isinstance(error, OSError) else "there is none"
        return InputError(f"cannot read {self.name}: {reason}")


def total_size(sources: Iterable[Source]) -> int | None:
    """How many bytes some sources have together; None if one of them is a pipe."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _has_data(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
