"""Whose files and directories are, and who else can change them."""

import os
import shlex
import stat
from pathlib import Path

from rjcli.errors import UsageError

_OTHERS_READ_OR_WRITE = 0o066
_OTHERS_WRITE = 0o022


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


def check_own(status: os.stat_result, path: Path, name: str) -> None:
    """Raise UsageError for a file of rjcli's own that is another user's, or not for oneself alone.

    ``status``: of the open file. It must have one name: another user may have made
    a second one, where it is not protected.
    """
    _check_owner(status, path, name)
    check_private(status, path, name)
    if status.st_nlink > 1:
        raise UsageError(
            f"{name} {path} has more than one name", hint="put a copy in its place: cp, then mv"
        )


def check_directory(status: os.stat_result, path: Path) -> None:
    """Raise UsageError for a directory of rjcli's own that others own or can change."""
    _check_owner(status, path, "the directory")
    if status.st_mode & _OTHERS_WRITE:
        raise UsageError(
            f"others can change the directory {path}", hint=f"chmod 700 {_quoted(path)}"
        )


def check_private(status: os.stat_result, path: Path, name: str) -> None:
    """Raise UsageError for a file that others can read or write. ``status``: of the open file."""
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{name} {path} is not a regular file")
    if status.st_mode & _OTHERS_READ_OR_WRITE:
        raise UsageError(
            f"others can read or write {name} {path}", hint=f"chmod 600 {_quoted(path)}"
        )


def _check_owner(status: os.stat_result, path: Path, name: str) -> None:
    if status.st_uid != os.geteuid():
        raise _another_users(name, path)


def symbolic_link(name: str, path: Path) -> UsageError:
    """The error for a symbolic link in the place of a file of rjcli's own."""
    return UsageError(f"{name} {path} is a symbolic link", hint="put a real file in its place")


def _another_users(name: str, path: Path) -> UsageError:
    return UsageError(
        f"{name} {path} belongs to another user",
        hint=f"sudo chown {os.geteuid()} {_quoted(path)}",
    )


def _check_ancestor(directory: Path) -> None:
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


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))
