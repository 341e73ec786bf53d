"""Locks that die with their process."""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import Self

from rjcli.errors import UnfinishedError
from rjcli.private_file import Directory, os_errors_as_ours

_ATTEMPTS = 5
_PAUSE_SECONDS = 0.02  # `is_held` holds a lock for much less


class Lock:
    """A file in a directory that one process at a time holds, and that says which.

    Entering raises UnfinishedError if another process holds it. ``what`` is
    what is locked, and ``hint`` what to do about it.
    """

    def __init__(
        self, directory: Directory, name: str, what: str, started: str, hint: str | None = None
    ) -> None:
        self._directory = directory
        self._name = name
        self._what = what
        self._started = started
        self._hint = hint

    def __enter__(self) -> Self:
        with os_errors_as_ours(f"cannot lock {self._directory.path / self._name}"):
            self._fd = self._directory.open(self._name, "the lock", os.O_RDWR | os.O_CREAT)
            try:
                self._hold()
            except BaseException:
                os.close(self._fd)
                raise
        return self

    def _hold(self) -> None:
        if not _take(self._fd):
            holder = _holder(self._fd)
            raise UnfinishedError(f"{holder} is at work on {self._what}", hint=self._hint)
        os.ftruncate(self._fd, 0)
        document = {"pid": os.getpid(), "started": self._started}
        os.write(self._fd, json.dumps(document).encode())

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)


def _take(fd: int) -> bool:
    """Lock a file; false if another process holds it, and does not only look whether one does."""
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return True
    return False


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _holder(fd: int) -> str:
    """Who holds a lock, as far as it says: it may have been taken just now."""
    try:
        document = json.loads(os.pread(fd, 1024, 0))
        return f"process {int(document['pid'])}, started {str(document['started'])[:40]},"
    except (ValueError, TypeError, KeyError):
        return "another process"
