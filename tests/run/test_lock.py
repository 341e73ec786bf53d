"""Locks and moments: what one process says to others."""

import fcntl
import os
from pathlib import Path

import pytest

from rjcli.errors import UnfinishedError, UsageError
from rjcli.private_file import Directory
from rjcli.run.lock import Lock, is_held
from rjcli.run.moment import boot, is_this_boot

STARTED = "2026-01-02T03:04:05.678901+00:00 and then some more text"


def test_holder_of_a_lock_is_named(tmp_path: Path) -> None:
    """Who wants a held lock gets the process, its start and a hint, whoever held it before."""
    (tmp_path / "lock").touch(0o600)
    (tmp_path / "lock").write_text("x" * 500)
    with Directory(tmp_path) as directory, Lock(directory, "lock", "it", STARTED):
        assert is_held(tmp_path / "lock")
        with (
            pytest.raises(UnfinishedError) as caught,
            Lock(directory, "lock", "the same job", "later", "wait for it"),
        ):
            pass
    assert (caught.value.message, caught.value.hint) == (
        f"process {os.getpid()}, started {STARTED[:40]}, is at work on the same job",
        "wait for it",
    )
    assert not is_held(tmp_path / "lock")


@pytest.mark.parametrize("content", ["", "{", "null", "{}", '{"pid": "x", "started": ""}'])
def test_holder_that_says_nothing_is_another_process(tmp_path: Path, content: str) -> None:
    """A lock that was taken just now, or is damaged, is held all the same."""
    path = tmp_path / "lock"
    path.touch(0o600)
    path.write_text(content)
    with path.open() as file, Directory(tmp_path) as directory:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UnfinishedError) as caught, Lock(directory, "lock", "it", STARTED):
            pass
    assert caught.value.message == "another process is at work on it"


def test_lock_that_cannot_be_taken_is_named(tmp_path: Path) -> None:
    """What is in the place of a lock is named in the error, in plain words."""
    lock = tmp_path / "lock"
    lock.mkdir()
    with Directory(tmp_path) as directory:
        with pytest.raises(UsageError) as caught, Lock(directory, "lock", "it", STARTED):
            pass
        assert caught.value.message == f"cannot lock {lock}: Is a directory"
        lock.rmdir()
        lock.symlink_to("other")
        with pytest.raises(UsageError) as caught, Lock(directory, "lock", "it", STARTED):
            pass
        assert caught.value.message == f"the lock {lock} is a symbolic link"


def test_only_a_file_is_a_held_lock(tmp_path: Path) -> None:
    """A missing lock is not held, nor is a symbolic link to one that is."""
    assert not is_held(tmp_path / "lock")
    with Directory(tmp_path) as directory, Lock(directory, "lock", "it", STARTED):
        (tmp_path / "link").symlink_to("lock")
        assert not is_held(tmp_path / "link")


def test_moments_of_another_boot_mean_nothing() -> None:
    """Moments are on this process's clock only if they come from this start of the machine."""
    assert is_this_boot(boot()) is (boot() is not None)
    assert not is_this_boot("another")
    assert not is_this_boot(None)
