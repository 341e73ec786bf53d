"""The file that the local API keeps: private, and told plainly if it cannot be used."""

import os
import shlex
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rjcli.errors import InputError, UnfinishedError, UsageError
from rjcli.local.records import read_batch
from rjcli.local.store import Store
from tests.conftest import Rjcli
from tests.support.terminal import Terminal

ORDERS = read_batch(b'[{"keys":["id"],"id":1,"sku":"a"},{"keys":["id"],"id":2}]')


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a file that holds a table."""
    path = tmp_path / "a.db"
    with Store(path) as store:
        store.upsert("orders", ORDERS)
    return path


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Make files under a umask."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0, 0o022, 0o777])
def test_local_files_are_private(tmp_path: Path, mask: int) -> None:
    """The file and SQLite's own beside it can be read by their owner alone, whatever the umask."""
    with umask(mask), Store(tmp_path / "a.db") as store:
        store.upsert("orders", ORDERS)
        modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    assert modes == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("mode", [0o640, 0o602, 0o666])
def test_local_files_of_others_reach_are_refused(
    path: Path, suffix: str, mode: int, *, read_only: bool
) -> None:
    """What others can read or write is refused, and the error says how to change that."""
    file = path.with_name(f"{path.name}{suffix}")
    file.touch()
    file.chmod(mode)
    with pytest.raises(UsageError, match="others can read or write") as caught:
        Store(path, read_only=read_only)
    assert caught.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_local_symbolic_links_are_refused(path: Path, tmp_path: Path, suffix: str) -> None:
    """No symbolic link is followed: what it points to stays as it is, or is not made."""
    link = path.with_name(f"{path.name}{suffix}")
    link.unlink(missing_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is a symbolic link"):
        Store(path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_local_files_of_others_are_refused(path: Path, suffix: str) -> None:
    """A file that belongs to another user is refused."""
    file = path.with_name(f"{path.name}{suffix}")
    file.touch(0o600)
    os.chown(file, 12345, 12345)
    with pytest.raises(UsageError, match="belongs to another user"):
        Store(path)


@pytest.mark.parametrize("kind", ["directory", "pipe"])
def test_local_other_kinds_of_files_are_refused(tmp_path: Path, kind: str) -> None:
    """What is no regular file is refused, and is not waited for."""
    path = tmp_path / "a.db"
    path.mkdir(0o700) if kind == "directory" else os.mkfifo(path, 0o600)
    with pytest.raises(UsageError, match="not a regular file"):
        Store(path)


def in_sql(*statements: str) -> Callable[[Path], None]:
    """Damage a file with SQL."""

    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return damage


def in_bytes(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Damage a file's bytes."""

    def damage(path: Path) -> None:
        path.write_bytes(change(path.read_bytes()))

    return damage


DAMAGES = {
    "no table of tables": in_sql("drop table _rjcli_tables"),
    "keys that are no JSON": in_sql("update _rjcli_tables set keys = 'x'"),
    "keys that are no names": in_sql("update _rjcli_tables set keys = '[1]'"),
    "fields that are a blob": in_sql("update _rjcli_tables set fields = x'ff'"),
    "a name that is no UTF-8": in_sql("update _rjcli_tables set name = cast(x'ff' as text)"),
    "another version": in_sql("pragma user_version = 1"),
    "a later version": in_sql("pragma user_version = 99"),
    "cut short": in_bytes(lambda content: content[: len(content) // 2]),
    "its header lost": in_bytes(lambda content: bytes(100) + content[100:]),
    "its pages lost": in_bytes(lambda content: content[:4096] + b"\xff" * (len(content) - 4096)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("read_only", [False, True])
def test_local_damaged_files_are_refused(
    path: Path, damage: Callable[[Path], None], *, read_only: bool
) -> None:
    """A damaged file is refused when it is opened, with a way out, and stays as it is."""
    damage(path)
    content = path.read_bytes()
    with pytest.raises(InputError) as caught:
        Store(path, read_only=read_only)
    assert "move" in (caught.value.hint or "")
    assert path.read_bytes() == content


def test_local_damaged_records_are_told(path: Path) -> None:
    """A record that is damaged ends the reading of rows with an error of ours."""
    in_sql("update _rjcli_records_1 set record = '[' where number = 2")(path)
    with Store(path, read_only=True) as store, pytest.raises(InputError, match="cannot use"):
        list(store.rows("orders"))


def test_local_locked_file_can_be_opened_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another process keeps locked is an error that says it may succeed later."""
    monkeypatch.setattr("rjcli.local.store._OPENING_SECONDS", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin exclusive")
        with pytest.raises(UnfinishedError, match="locked"):
            Store(path)


def test_local_push_into_a_damaged_file_exits_2(rjcli: Rjcli) -> None:
    """A push into a damaged local database ends at once with exit 2 and a way out."""
    path = rjcli.home / "rjcli-local.db"
    with Store(path) as store:
        store.upsert("orders", ORDERS)
    DAMAGES["its pages lost"](path)
    done = rjcli("push", "-", "-t", "t", "-k", "id", "--env", "local", stdin=b'{"id": 1}')
    assert done.returncode == 2
    assert "cannot use the local database" in done.stderr
    assert "move it away, or name another file" in done.stderr


def look_command(shown: str) -> str:
    """Find the command that a push printed."""
    [line] = [line for line in shown.splitlines() if "to look at the data" in line]
    return line.partition("to look at the data: ")[2]


def test_local_command_can_be_copied_from_a_narrow_terminal(rjcli: Rjcli) -> None:
    """On a terminal that is narrower than the command no line break gets into it."""
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    command = ["push", str(rjcli.home / "r.ndjson"), "-t", "orders", "-k", "id", "--env", "local"]
    database = rjcli.home / "with spaces in its name.db"
    environment = rjcli.environment({"TERM": "xterm-256color", "COLUMNS": "40"})
    with Terminal([*command, "--db", str(database)], environment) as terminal:
        assert terminal.end() == 0
    assert shlex.split(look_command(terminal.shown))[-2:] == [str(database), "orders"]


@pytest.mark.parametrize("table", ["order", "2024", "Users"])
def test_local_push_prints_a_command_that_shows_the_table(rjcli: Rjcli, table: str) -> None:
    """The printed command, pasted anywhere, shows the exact text of the table that was pushed."""
    with Store(rjcli.home / "my data.db") as store:
        for other in ("users", "USERS"):
            store.upsert(other, ORDERS)
    record = b'{"id": "new", "value": 58.40, "large": 18446744073709551617}'
    push = ("push", "-", "-t", table, "-k", "id", "--env", "local", "--db", "my data.db")
    command = look_command(rjcli(*push, stdin=record).stderr)
    elsewhere = rjcli.home / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "argparse.py").write_text("raise SystemExit('the wrong module')")
    shown = subprocess.run(
        ["/bin/sh", "-c", command], cwd=elsewhere, capture_output=True, text=True, check=True
    )
    assert "58.40  18446744073709551617\n" in shown.stdout
