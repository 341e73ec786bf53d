"""Files for oneself alone: nobody else can read, change or replace them."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from rjcli.errors import UsageError
from rjcli.ownership import check_ancestors
from rjcli.private_file import (
    change_own_file,
    check_own_file,
    create_own_file,
    make_directory,
    read_own_file,
    user_directory,
)

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    """Work under a umask."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_what_is_made_is_private(tmp_path: Path) -> None:
    """Each directory that is made has mode 0700 and a file 0600, whatever the umask."""
    path = tmp_path / "a" / "b" / "file"
    change_own_file(path, "the file", 100, lambda before: before + b"x")
    change_own_file(path, "the file", 100, lambda before: before + b"y")
    assert read_own_file(path, "the file", 100) == b"xy"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, tmp_path / "a")]
    assert modes == [0o600, 0o700, 0o700]


@pytest.mark.usefixtures("umask")
def test_file_for_another_library_is_private(tmp_path: Path) -> None:
    """A file that another library opens by its path is made private, and checked before."""
    path = tmp_path / "file"
    assert not check_own_file(path, "the file")
    create_own_file(path, "the file")
    assert check_own_file(path, "the file")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="File exists"):
        create_own_file(path, "the file")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="others can read or write the file"):
        check_own_file(path, "the file")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UsageError, match="is a symbolic link"):
        check_own_file(tmp_path / "link", "the file")


def test_existing_directory_keeps_its_mode(tmp_path: Path) -> None:
    """A directory that was there before is not changed."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a").chmod(0o755)
    make_directory(tmp_path / "a" / "b")
    make_directory(tmp_path / "a")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


def test_missing_file_is_none(tmp_path: Path) -> None:
    """A file is missing where it, its directory or one above is, or is no directory."""
    (tmp_path / "file").touch(0o600)
    for path in ("x", "x/y", "file/x"):
        assert read_own_file(tmp_path / path, "the file", 100) is None


def test_second_name_is_refused(tmp_path: Path) -> None:
    """A file of the program's own that has a second name is refused, for reading and writing."""
    path = tmp_path / "file"
    path.touch(0o600)
    os.link(path, tmp_path / "other")
    with pytest.raises(UsageError, match="more than one name"):
        read_own_file(path, "the file", 100)
    with pytest.raises(UsageError, match="more than one name"):
        change_own_file(path, "the file", 100, lambda before: before)
    with pytest.raises(UsageError, match="more than one name"):
        check_own_file(path, "the file")
    (tmp_path / "other").unlink()
    assert check_own_file(path, "the file")


@pytest.mark.parametrize(
    ("mode", "is_safe"),
    [(0o700, True), (0o755, True), (0o775, False), (0o702, False), (0o1777, True)],
)
def test_ancestors_are_checked_up_to_home(tmp_path: Path, mode: int, *, is_safe: bool) -> None:
    """Others must not be able to change a directory or those above it, the home included."""
    outside, home = tmp_path / "o", tmp_path / "o" / "home"
    below = home / "a" / "b"
    below.mkdir(parents=True)
    for directory in (below, below.parent, home):
        directory.chmod(mode)
        if is_safe:
            check_ancestors(below, home)
        else:
            with pytest.raises(UsageError, match=f"others can change the directory {directory}$"):
                check_ancestors(below, home)
        directory.chmod(0o755)
    outside.chmod(mode)
    check_ancestors(below, home)
    check_ancestors(below / "missing" / "too", home)


@only_root
def test_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Of the directories above, none may belong to another user."""
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    os.chown(below.parent, 12345, 12345)
    with pytest.raises(UsageError, match=f"the directory {below.parent} belongs to another user"):
        check_ancestors(below, tmp_path)


def test_user_directory_is_that_of_the_specification(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable names the directory unless it is relative; else it is below the home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    name, default = "XDG_STATE_HOME", ".local/state"
    assert user_directory({name: "/x/y"}, name, default) == Path("/x/y")
    for environ in ({name: "x"}, {name: ""}, {}):
        assert user_directory(environ, name, default) == tmp_path / ".local" / "state"
