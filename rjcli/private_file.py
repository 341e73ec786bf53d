"""Files for oneself alone: read if nobody else could change them, written so that nobody can."""

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from rjcli.errors import DiskError, UnfinishedError, UsageError
from rjcli.ownership import check_directory, check_own, check_private, symbolic_link

DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
_NOW = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # what the system refuses just now
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for a writer.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY
_APPEND = os.O_WRONLY | os.O_APPEND | _SAFELY


def user_directory(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """The user's directory for files of a kind, by the XDG specification.

    ``variable``: the environment's name for it; ``default``: where it is below the home
    directory otherwise. Raises UsageError where there is no home directory.
    """
    directory = Path(environ.get(variable, ""))
    if directory.is_absolute():  # relative ones are to be ignored
        return directory
    try:
        return Path.home() / default
    except RuntimeError:
        raise UsageError(
            "there is no home directory", hint=f"set {variable} to a directory"
        ) from None


def read_secret_file(path: Path, name: str, limit: int) -> bytes:
    """Read a file that the user named, at most ``limit`` bytes long.

    Raises UsageError if others can read or write it, or it cannot be read; the error
    does not quote a path that cannot be opened: it may be the secret itself.
    ``name`` says what the file is.
    """
    with os_errors_as_ours(f"cannot read {name}"):
        descriptor = os.open(path, _READ)
    with os_errors_as_ours(f"cannot read {name} {path}"), _closing(descriptor):
        check_private(os.fstat(descriptor), path, name)
        return _read(descriptor, path, name, limit)


def read_own_file(path: Path, name: str, limit: int) -> bytes | None:
    """Read a file of rjcli's own, at most ``limit`` bytes long; None if there is none.

    Raises UsageError if ``Directory`` or ``check_own`` does.
    """
    with os_errors_as_ours(f"cannot read {name} {path}"):
        try:
            with Directory(path.parent) as directory:
                return directory.read(path.name, name, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None


def change_own_file(path: Path, name: str, limit: int, change: Callable[[bytes], bytes]) -> None:
    """Replace a file of rjcli's own by what ``change`` makes of its content, as one step.

    The content of a missing file is empty; missing directories are made. Raises
    UsageError as ``read_own_file`` does, and if the file cannot be written;
    DiskError if the disk is full.
    """
    with (
        os_errors_as_ours(f"cannot write {name} {path}"),
        Directory(path.parent, make=True) as directory,
        directory.locked(),
    ):
        content = change(directory.read(path.name, name, limit) or b"")
        directory.replace(path.name, content)


class Directory:
    """A directory of rjcli's own, held open: its files are reached through it, not by its name.

    So nobody can put another directory in its place meanwhile. ``make``: it is made if it
    is missing, and for oneself alone from now on. A context manager. Raises UsageError if it
    is another user's, or others can change it; this and all methods raise OSError.
    """

    def __init__(self, path: Path, *, make: bool = False) -> None:
        self.path = path
        if make:
            make_directory(path)
        try:
            self._fd = os.open(path, _DIRECTORY)
        except OSError:
            if not path.is_symlink():
                raise
            raise UsageError(
                f"the directory {path} is a symbolic link", hint="put a real directory in its place"
            ) from None
        try:
            check_directory(os.fstat(self._fd), path)
            if make:
                os.fchmod(self._fd, 0o700)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold a lock on it, and wait until others let go of theirs."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def names(self) -> list[str]:
        """The names of what is in it."""
        return os.listdir(self._fd)  # noqa: PTH208 - by its descriptor

    def open(self, name: str, what: str, flags: int) -> int:
        """Open a file, for oneself alone if it is made. ``what``: the file, for messages.

        Raises UsageError if it is a symbolic link, or ``check_own`` does.
        """
        path = self.path / name
        try:
            descriptor = os.open(name, flags | _SAFELY, 0o600, dir_fd=self._fd)
        except OSError as error:
            if error.errno != errno.ELOOP:
                raise
            raise symbolic_link(what, path) from None
        try:
            check_own(os.fstat(descriptor), path, what)
            if flags & os.O_CREAT:
                os.fchmod(descriptor, 0o600)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def read(self, name: str, what: str, limit: int | None = None) -> bytes | None:
        """Read a file, at most ``limit`` bytes long; None if there is none."""
        try:
            descriptor = self.open(name, what, os.O_RDONLY)
        except FileNotFoundError:
            return None
        with _closing(descriptor):
            return _read(descriptor, self.path / name, what, limit)

    def replace(self, name: str, content: bytes) -> None:
        """Write a file beside the one to be replaced, and move it there once it is on the disk."""
        # The caller holds a lock, so a file of that name was left by a process that was killed.
        temporary = f".{name}.new"
        self.remove(temporary)
        try:
            descriptor = self.open(temporary, name, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            self.rename(temporary, name)
            os.fsync(self._fd)
        except BaseException:
            with suppress(OSError):
                self.remove(temporary)
            raise

    def rename(self, name: str, new: str) -> None:
        """Rename a file, and replace the one of that name."""
        os.replace(name, new, src_dir_fd=self._fd, dst_dir_fd=self._fd)

    def remove(self, name: str) -> None:
        """Remove a file, if it exists."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._fd)


def make_directory(path: Path) -> None:
    """Make a directory and those missing above it: for oneself alone, whatever the umask."""
    if not path.parent.is_dir():
        make_directory(path.parent)
    with suppress(FileExistsError):
        path.mkdir(0o700)
        path.chmod(0o700)


def check_own_file(path: Path, name: str) -> bool:
    """Whether a file of rjcli's own exists, for one that another library opens by its path.

    Raises UsageError if it is a symbolic link, or ``check_own`` does.
    """
    with os_errors_as_ours(f"cannot use {name} {path}"):
        try:
            status = path.lstat()
        except FileNotFoundError:
            return False
    if stat.S_ISLNK(status.st_mode):
        raise symbolic_link(name, path)
    check_own(status, path, name)
    return True


def create_own_file(path: Path, name: str) -> None:
    """Make an empty file for oneself alone, whatever the umask. Raises UsageError."""
    with os_errors_as_ours(f"cannot make {name} {path}"):
        descriptor = os.open(path, _CREATE, 0o600)
        with _closing(descriptor):
            os.fchmod(descriptor, 0o600)


def open_to_append(path: Path, name: str) -> int:
    """Open a file of rjcli's own to write at its end; it is made if it is missing.

    Raises UsageError if ``check_own`` does, for a symbolic link, and if it cannot be written.
    """
    with os_errors_as_ours(f"cannot write {name} {path}"):
        try:
            descriptor = os.open(path, _APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            os.fchmod(descriptor, 0o600)
        except FileExistsError:
            if path.is_symlink():
                raise symbolic_link(name, path) from None
            descriptor = os.open(path, _APPEND)
    try:
        check_own(os.fstat(descriptor), path, name)
    except UsageError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def os_errors_as_ours(failure: str) -> Iterator[None]:
    """Turn an operating system's error into UsageError, or DiskError if the disk is full.

    UnfinishedError, if there are too many open files, or not enough memory.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NOW:
            raise UnfinishedError(f"{failure}: {error.strerror}") from None
        kind = DiskError if error.errno in DISK_ERRORS else UsageError
        raise kind(f"{failure}: {error.strerror}") from None


def _read(file: int, path: Path, name: str, limit: int | None) -> bytes:
    with open(file, "rb", closefd=False) as stream:
        content = stream.read(-1 if limit is None else limit + 1)
    if limit is not None and len(content) > limit:
        raise UsageError(f"{name} {path} is longer than {limit:,} bytes")
    return content


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)
