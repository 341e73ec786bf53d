"""Files for oneself alone: read if nobody else could change them, written so that nobody can."""

import errno
import fcntl
import os
import shlex
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from rjcli.errors import DiskError, UsageError

_OTHERS_READ_OR_WRITE = 0o066
_OTHERS_WRITE = 0o022
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a pipe would wait for a writer.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


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
        _check_private(os.fstat(descriptor), path, name)
        return _read(descriptor, path, name, limit)


def read_own_file(path: Path, name: str, limit: int) -> bytes | None:
    """Read a file of rjcli's own, at most ``limit`` bytes long; None if there is none.

    Raises UsageError if ``open_directory`` or ``check_own`` does.
    """
    with os_errors_as_ours(f"cannot read {name} {path}"):
        try:
            with open_directory(path.parent) as directory:
                return _read_in(directory, path, name, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None


def change_own_file(path: Path, name: str, limit: int, change: Callable[[bytes], bytes]) -> None:
    """Replace a file of rjcli's own by what ``change`` makes of its content, as one step.

    The content of a missing file is empty; missing directories are made. Raises
    UsageError as ``read_own_file`` does, and if the file cannot be written;
    DiskError if the disk is full.
    """
    with os_errors_as_ours(f"cannot write {name} {path}"):
        make_directory(path.parent)
        with open_directory(path.parent) as directory:
            os.fchmod(directory, 0o700)
            fcntl.flock(directory, fcntl.LOCK_EX)  # until it is closed
            content = change(_read_in(directory, path, name, limit) or b"")
            replace_file(directory, path.name, content)


def make_directory(path: Path) -> None:
    """Make a directory and those missing above it: for oneself alone, whatever the umask."""
    if not path.parent.is_dir():
        make_directory(path.parent)
    with suppress(FileExistsError):
        path.mkdir()
        path.chmod(0o700)


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
    with _closing(descriptor):
        status = os.fstat(descriptor)
        _check_owner(status, path, "the directory")
        if status.st_mode & _OTHERS_WRITE:
            raise UsageError(
                f"others can change the directory {path}", hint=f"chmod 700 {_quoted(path)}"
            )
        yield descriptor


def check_ancestors(path: Path, home: Path) -> None:
    """Check a directory and those above it, up to home or the root; also where links lead to.

    Raises UsageError if one belongs to another user than oneself or root, or if others
    can change it: they could put another one in the place of what it holds. A missing
    one is passed over. Directories as /tmp, where each user has their own, are no risk.
    """
    homes = {home, home.resolve()}
    for start in dict.fromkeys((path, path.resolve())):
        for directory in (start, *start.parents):
            _check_ancestor(directory)
            if directory in homes:
                break


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
        raise _symbolic_link(name, path)
    check_own(status, path, name)
    return True


def check_own(status: os.stat_result, path: Path, name: str) -> None:
    """Raise UsageError for a file of rjcli's own that is another user's, or not for oneself alone.

    ``status``: of the open file. It must have one name: another user may have made
    a second one, where it is not protected.
    """
    _check_owner(status, path, name)
    _check_private(status, path, name)
    if status.st_nlink > 1:
        raise UsageError(
            f"{name} {path} has more than one name", hint="put a copy in its place: cp, then mv"
        )


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
                raise _symbolic_link(name, path) from None
            descriptor = os.open(path, _APPEND)
    try:
        check_own(os.fstat(descriptor), path, name)
    except UsageError:
        os.close(descriptor)
        raise
    return descriptor


def replace_file(directory: int, name: str, content: bytes) -> None:
    """Write a file beside the one to be replaced, and move it there once it is on the disk."""
    # The caller holds a lock, so a file of that name was left by a process that was killed.
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


@contextmanager
def os_errors_as_ours(failure: str) -> Iterator[None]:
    """Turn an operating system's error into UsageError, or DiskError if the disk is full."""
    try:
        yield
    except OSError as error:
        kind = DiskError if error.errno in {errno.ENOSPC, errno.EDQUOT} else UsageError
        raise kind(f"{failure}: {error.strerror}") from None


def _read_in(directory: int, path: Path, name: str, limit: int) -> bytes | None:
    try:
        descriptor = os.open(path.name, _READ | os.O_NOFOLLOW, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise _symbolic_link(name, path) from None
    with _closing(descriptor):
        check_own(os.fstat(descriptor), path, name)
        return _read(descriptor, path, name, limit)


def _check_ancestor(directory: Path) -> None:
    with os_errors_as_ours(f"cannot look at {directory}"):
        try:
            status = directory.stat()
        except (FileNotFoundError, NotADirectoryError):
            return
    if status.st_uid not in {0, os.geteuid()}:
        raise _another_users("the directory", directory)
    if status.st_mode & _OTHERS_WRITE and not status.st_mode & stat.S_ISVTX:
        raise UsageError(
            f"others can change the directory {directory}", hint=f"chmod go-w {_quoted(directory)}"
        )


def _check_private(status: os.stat_result, path: Path, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{name} {path} is not a regular file")
    if status.st_mode & _OTHERS_READ_OR_WRITE:
        raise UsageError(
            f"others can read or write {name} {path}", hint=f"chmod 600 {_quoted(path)}"
        )


def _check_owner(status: os.stat_result, path: Path, name: str) -> None:
    if status.st_uid != os.geteuid():
        raise _another_users(name, path)


def _symbolic_link(name: str, path: Path) -> UsageError:
    return UsageError(f"{name} {path} is a symbolic link", hint="put a real file in its place")


def _another_users(name: str, path: Path) -> UsageError:
    return UsageError(
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
def _closing(descriptor: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(descriptor)


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
