"""Where bytes come from: files, pipes and stdin."""

import os
import select
import stat
import sys
from collections.abc import Iterable, Iterator

from rjcli.errors import InputError, UnfinishedError
from rjcli.settings.option_kinds import STDIN

READ_SIZE = 64 * 1024  # bytes; with more, what a CSV becomes outgrows caches and socket buffers
_ELSEWHERE = "set TMPDIR to a directory with room, or read it once: --no-detect-types"


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
        self._file = _file_of(status)
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
            size = os.fstat(fd).st_size
        except OSError as error:
            raise self._unreadable(error) from None
        finally:
            os.close(fd)
            self._fd = -1
        if self._broken:
            raise self._broken
        if self.size is not None and start + self.bytes_read < self.size:
            raise InputError(
                f"{self.name} has shrunk while it was read: it had {self.size:,} bytes,"
                f" and was cut to {size:,}",
                hint="let no program write to it while it is pushed",
            )

    @property
    def is_replaced(self) -> bool:
        """Whether another file has its name by now, as a log's that is rotated."""
        if isinstance(self._path, int) or not self.rereadable:
            return False
        try:
            return _file_of(os.stat(self._path)) != self._file  # noqa: PTH116 - as above
        except OSError:
            return False

    @property
    def dry_fd(self) -> int | None:
        """The descriptor to wait for, if there was nothing to read yet.

        None if there was something: a reader may still hold some of it.
        """
        return self._fd if self._is_dry and self._fd >= 0 else None

    def spool(self, byte_strings: Iterator[bytes], max_bytes: int | None) -> Iterator[None]:
        """Copy the bytes of a pipe to disk, to be read from there from now on.

        ``max_bytes`` None: half of what is free. Yields None for "nothing there
        yet". An error that ends the bytes is raised again when the copy is read.
        Raises InputError if there are too many bytes, UnfinishedError if the disk is full.
        """
        import tempfile

        directory = tempfile.gettempdir()
        try:
            if max_bytes is None:
                disk = os.statvfs(directory)
                max_bytes = disk.f_bavail * disk.f_frsize // 2
            with tempfile.TemporaryFile(dir=directory) as spool:
                for data in self._until_broken(byte_strings):
                    if not data:
                        yield None
                    if spool.tell() + len(data) > max_bytes:
                        raise InputError(
                            f"{self.name} has more than the {max_bytes:,} bytes that may be copied"
                            f" to {directory}, which finding its column types takes",
                            hint=f"allow more with --max-spool, {_ELSEWHERE}",
                        )
                    spool.write(data)
                    spool.flush()
                self.size = spool.tell()
                spool.seek(0)
                self._path = os.dup(spool.fileno())  # open for as long as rjcli runs
        except OSError as error:
            raise UnfinishedError(
                f"cannot copy {self.name} to {directory}: {error.strerror}", hint=_ELSEWHERE
            ) from None
        self.rereadable = True

    def _until_broken(self, byte_strings: Iterator[bytes]) -> Iterator[bytes]:
        """The same byte strings; the error that ends them is raised when they are read again."""
        try:
            yield from byte_strings
        except InputError as error:
            self._broken = error

    def _open(self) -> int:
        if isinstance(self._path, int):
            return os.dup(self._path)
        try:
            # Opening a FIFO would wait for somebody to write into it.
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise self._unreadable(error) from None
        if self.rereadable and _file_of(os.fstat(fd)) != self._file:
            os.close(fd)
            raise InputError(
                f"another file took the place of {self.name} after the push had begun",
                hint="if it is a log that is rotated, push the file that does not change any more",
            )
        return fd

    def _unreadable(self, error: Exception) -> InputError:
        reason = error.strerror if isinstance(error, OSError) else "there is none"
        return InputError(f"cannot read {self.name}: {reason}")


def _file_of(status: os.stat_result) -> tuple[int, int]:
    """Device and inode: the same only for the same file, whatever its name."""
    return status.st_dev, status.st_ino


def total_size(sources: Iterable[Source]) -> int | None:
    """How many bytes some sources have together; None if one of them is a pipe."""
    sizes = [source.size for source in sources]
    return None if None in sizes else sum(size or 0 for size in sizes)


def _has_data(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(0))
