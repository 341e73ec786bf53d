"""Files that hold secrets: read only if nobody else could, written so that nobody else can."""

import errno
import fcntl
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rjcli.errors import UnfinishedError, UsageError

_OTHERS_READ_OR_WRITE = 0o066
_OTHERS_WRITE = 0o022
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Not to wait for a writer if it is a pipe: that is found out once it is open.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_secret_file(path: Path, name: str, limit: int) -> bytes:
    """Read a file that the user named, at most ``limit`` bytes long.

    Raises UsageError if others can read or write it, or it cannot be read.
    ``name`` says what it is.
    """
    with told(f"cannot read {name} {path}"), _descriptor(os.open(path, _READ)) as file:
        _check_private(os.fstat(file), path, name)
        return _read(file, path, name, limit)


def read_own_file(path: Path, name: str, limit: int) -> bytes | None:
    """Read a file of rjcli's own, at most ``limit`` bytes long; None if there is none.

    Raises UsageError if it or its directory is a symbolic link or another
    user's, if others can change the directory, or read or write the file.
    """
    with told(f"cannot read {name} {path}"):
        try:
            with open_directory(path.parent) as directory:
                return _read_in(directory, path, name, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None


def change_own_file(path: Path, name: str, limit: int, change: Callable[[bytes], bytes]) -> None:
    """Replace a file of rjcli's own by what ``change`` makes of its content, as one step.

    The content of a file that is not there is empty. Directories are made as
    needed. Raises UsageError as ``read_own_file`` does, and if the file cannot
    be written; UnfinishedError if the disk is full.
    """
    with told(f"cannot write {name} {path}"):
        make_directory(path.parent)
        with open_directory(path.parent) as directory:
            os.fchmod(directory, 0o700)
            fcntl.flock(directory, fcntl.LOCK_EX)  # until it is closed
            content = change(_read_in(directory, path, name, limit) or b"")
            replace_file(directory, path.name, content)


def check_own_file(path: Path, name: str) -> bool:
    """Whether a file of rjcli's own is there, by its path: others have to open it.

    Raises UsageError if it is a symbolic link or another user's, or if others
    can read or write it.
    """
    with told(f"cannot use {name} {path}"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            return False
    if stat.S_ISLNK(status.st_mode):
        raise _symbolic_link(path, name)
    _check_owner(status, path, name)
    _check_private(status, path, name)
    return True


def create_own_file(path: Path, name: str) -> None:
    """Make an empty file for oneself alone, whatever the umask. Raises UsageError."""
    with told(f"cannot make {name} {path}"), _descriptor(os.open(path, _CREATE, 0o600)) as file:
        os.fchmod(file, 0o600)


def make_directory(path: Path) -> None:
    """Make a directory for oneself alone, and those above it as needed."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)


@contextmanager
def open_directory(path: Path) -> Iterator[int]:
    """Open a directory. Raises UsageError if it is another user's, or others can change it."""
    try:
        descriptor = os.open(path, _DIRECTORY)
    except OSError:
        if not path.is_symlink():
            raise
        raise UsageError(
            f"the directory {path} is a symbolic link", hint="put a real directory in its place"
        ) from None
    with _descriptor(descriptor):
        _check_owner(os.fstat(descriptor), path, "the directory")
        if os.fstat(descriptor).st_mode & _OTHERS_WRITE:
            raise UsageError(
                f"others can change the directory {path}", hint=f"chmod 700 {_quoted(path)}"
            )
        yield descriptor


def _read_in(directory: int, path: Path, name: str, limit: int) -> bytes | None:
    try:
        descriptor = os.open(path.name, _READ | os.O_NOFOLLOW, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _symbolic_link(path, name) from None
    with _descriptor(descriptor) as file:
        _check_owner(os.fstat(file), path, name)
        _check_private(os.fstat(file), path, name)
        return _read(file, path, name, limit)


def replace_file(directory: int, name: str, content: bytes) -> None:
    """Write a file beside the one to be replaced, and move it there once it is on the disk."""
    # The lock is held, so that what is there was left behind by a process that was killed.
    temporary = f".{name}.new"
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=directory)
    try:
        with os.fdopen(os.open(temporary, _CREATE, 0o600, dir_fd=directory), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        os.fsync(directory)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _check_private(status: os.stat_result, path: Path, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{name} {path} is not a regular file")
    if status.st_mode & _OTHERS_READ_OR_WRITE:
        raise UsageError(
            f"others can read or write {name} {path}", hint=f"chmod 600 {_quoted(path)}"
        )


def _symbolic_link(path: Path, name: str) -> UsageError:
    return UsageError(f"{name} {path} is a symbolic link", hint="put a real file in its place")


def _check_owner(status: os.stat_result, path: Path, name: str) -> None:
    if status.st_uid != os.geteuid():
        raise UsageError(
            f"{name} {path} belongs to another user",
            hint=f"sudo chown {os.geteuid()} {_quoted(path)}",
        )


def _read(file: int, path: Path, name: str, limit: int) -> bytes:
    content = b""
    while data := os.read(file, limit + 1 - len(content)):
        content += data
    if len(content) > limit:
        raise UsageError(f"{name} {path} is longer than {limit:,} bytes")
    return content


@contextmanager
def _descriptor(descriptor: int) -> Iterator[int]:
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def told(failure: str) -> Iterator[None]:
    """Turn an operating system's error into ours."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise UnfinishedError(f"{failure}: {error.strerror}") from None
        raise UsageError(f"{failure}: {error.strerror}") from None


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
