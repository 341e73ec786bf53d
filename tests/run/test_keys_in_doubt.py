"""Keys in doubt on disk: they belong to a table, outlive their run, and end with their time."""

import errno
import json
import os
import resource
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rjcli.errors import DiskError, UsageError
from rjcli.model import Doubt, Record
from rjcli.run import keys_in_doubt, moment
from rjcli.run.keys_in_doubt import KeysInDoubt

if TYPE_CHECKING:
    from collections.abc import Hashable

SETTLE = 60.0
EXACT = (("id", '"a"'),)


def doubt(until: float, *versions: int, version: bytes | None = b"v" * 16) -> Doubt:
    """A doubt, with the newest version of one key if there is any."""
    return Doubt(until, version, {EXACT: _record(max(versions))} if versions else {})


def _record(version: int) -> Record:
    text = b'{"id":"a","version":%d}' % version
    return Record(text, b'{"keys":["id"],', "a", text, "", 0, 0)


def opened(directory: Path, run: str, now: float, *, in_flight: bool = False) -> KeysInDoubt:
    """The file of a run that begins now."""
    return KeysInDoubt(directory, run, SETTLE, now, in_flight=in_flight)


def test_doubts_of_an_ended_run_are_taken_over(tmp_path: Path) -> None:
    """What a run leaves in doubt is known to the next run of the table, byte for byte."""
    doubts: dict[Hashable, Doubt | None] = {
        "a": doubt(100.0, 1, 2),
        ("x", 1.5): doubt(90.0, version=None),
        float("inf"): doubt(95.0),
    }
    with opened(tmp_path, "first", 10.0) as first:
        first.save(doubts)
        first.end(20.0)
    with opened(tmp_path, "second", 30.0) as second:
        assert second.doubts == doubts
        assert second.unknown_until == 0.0
    assert [path.name for path in tmp_path.glob("*")] == ["second.ndjson"]


def test_file_of_no_use_goes(tmp_path: Path) -> None:
    """A run that leaves nothing in doubt leaves no file."""
    with opened(tmp_path, "run", 10.0) as file:
        file.save({"a": doubt(15.0)})
        file.save({"a": None})
        file.end(20.0)
    assert not [*tmp_path.glob("*")]


def test_what_is_over_is_forgotten_but_not_what_is_to_be_sent_again(tmp_path: Path) -> None:
    """A doubt that is over goes; a newest version that was not sent again yet stays."""
    with opened(tmp_path, "first", 10.0) as first:
        first.save({"over": doubt(50.0), "a": doubt(50.0, 7)})
        first.end(20.0)
    with opened(tmp_path, "second", 1000.0) as second:
        assert second.doubts == {"a": doubt(50.0, 7)}


def test_killed_run_leaves_all_keys_in_doubt_for_a_while(tmp_path: Path) -> None:
    """After a run that could not say that it ended, requests for any key may be under way."""
    with opened(tmp_path, "killed", 10.0) as killed:
        killed.keep_alive(12.0)  # too soon to be noted
        killed.keep_alive(40.0)
    with opened(tmp_path, "next", 50.0) as following:
        assert 40.0 + SETTLE <= following.unknown_until <= 40.0 + SETTLE + 10
        assert following.own_unknown_until == 0.0
        following.end(60.0)
    with opened(tmp_path, "third", 70.0) as third:  # the one between does not make it known less
        assert third.unknown_until == following.unknown_until
    with opened(tmp_path, "late", 200.0) as late:
        assert late.unknown_until == 0.0


@pytest.mark.parametrize(("alive", "until"), [(14.0, 75.0), (15.0, 80.0)])
def test_process_is_noted_to_be_alive_every_five_seconds(
    tmp_path: Path, alive: float, until: float
) -> None:
    """The disk is written to only where the last note is five seconds old."""
    with opened(tmp_path, "killed", 10.0) as killed:
        killed.keep_alive(alive)
    with opened(tmp_path, "next", 20.0) as following:
        assert following.unknown_until == until


def test_moment_of_the_end_is_over(tmp_path: Path) -> None:
    """What lasts until a moment is over at that moment: it is neither kept nor taken over."""
    with opened(tmp_path, "kept", 10.0) as kept:
        kept.save({"a": doubt(20.0)})
        kept.end(11.0)
    with opened(tmp_path, "second", 20.0) as second:
        assert not second.doubts
        second.save({"b": doubt(30.0)})
        second.end(30.0)
    assert not [*tmp_path.glob("*")]
    with opened(tmp_path, "killed", 40.0):
        pass
    with opened(tmp_path, "third", 45.0) as third:
        until = third.unknown_until
        third.end(until)
    assert not [*tmp_path.glob("*")]
    with opened(tmp_path, "killed", 40.0):
        pass
    with opened(tmp_path, "fourth", until) as fourth:
        assert fourth.unknown_until == 0.0


def test_last_line_of_a_key_counts(tmp_path: Path) -> None:
    """A doubt that is over leaves no file, one that was renewed is the newest of all."""
    with opened(tmp_path, "first", 10.0) as first:
        first.save({"a": doubt(100.0), "b": doubt(100.0)})
        first.save({"a": doubt(110.0)})
        first.end(20.0)
    with opened(tmp_path, "second", 20.0) as second:
        assert [*second.doubts.items()] == [("b", doubt(100.0)), ("a", doubt(110.0))]
        second.save({"a": None, "b": None})
        second.end(30.0)
    assert not [*tmp_path.glob("*")]


def test_file_is_as_other_versions_read_it(tmp_path: Path) -> None:
    """The first line has 256 bytes, and says which version wrote it, and when."""
    with opened(tmp_path, "run", 10.0) as file:
        file.save({"a": doubt(100.0, 1)})
        file.end(20.0)
    first, second = (tmp_path / "run.ndjson").read_bytes().splitlines(keepends=True)
    assert len(first) == 256
    assert json.loads(first) == {
        "version": 1,
        "boot": moment.boot(),
        "opened": 10.0,
        "alive": 20.0,
        "ended": True,
        "unknown_until": 0.0,
    }
    assert json.loads(second) == {
        "key": "a",
        "until": 100.0,
        "version": (b"v" * 16).hex(),
        "newest": [[[["id", '"a"']], '{"keys":["id"],', '{"id":"a","version":1}']],
    }


def test_resumed_run_knows_its_own_requests_until_their_time_is_over(tmp_path: Path) -> None:
    """Killed, resumed and stopped in order, a run still knows what its first process had sent."""
    with opened(tmp_path, "run", 10.0):
        pass
    with opened(tmp_path, "run", 20.0, in_flight=True) as resumed:
        until = resumed.own_unknown_until
        assert until >= 10.0 + SETTLE
        assert resumed.unknown_until == 0.0
        resumed.end(25.0)
    with opened(tmp_path, "run", 30.0, in_flight=False) as again:
        assert again.own_unknown_until == until
        again.end(31.0)
    with opened(tmp_path, "run", until + 1) as later:
        assert later.own_unknown_until == 0.0


def test_lost_file_of_a_killed_run_is_no_excuse(tmp_path: Path) -> None:
    """Where the file of a run with requests in flight is gone, they count from now."""
    with opened(tmp_path, "run", 500.0, in_flight=True) as file:
        assert file.own_unknown_until == 500.0 + SETTLE


def test_running_run_keeps_its_own(tmp_path: Path) -> None:
    """The file of a run that goes on is neither read nor taken away by another one."""
    with opened(tmp_path, "running", 10.0) as running:
        running.save({"a": doubt(100.0, 1)})
        with opened(tmp_path, "other", 20.0) as other:
            assert not other.doubts
            assert other.unknown_until == 0.0
        assert (tmp_path / "running.ndjson").exists()


def test_moments_of_another_start_of_the_machine_count_from_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a reboot nobody knows how long ago it was: doubts last their whole time again."""
    with opened(tmp_path, "first", 10_000.0) as first:
        first.save({"a": doubt(10_050.0, 1)})
    monkeypatch.setattr(keys_in_doubt, "is_this_boot", lambda _: False)
    with opened(tmp_path, "second", 5.0) as second:
        assert second.doubts["a"].until == 5.0 + SETTLE
        assert second.unknown_until == 5.0 + SETTLE


def test_doubts_outlive_their_run_where_the_machine_has_no_boot_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no moment can be told from those of another start, a run's doubts are kept as well."""
    monkeypatch.setattr(keys_in_doubt, "is_this_boot", lambda _: False)
    with opened(tmp_path, "first", 10.0) as first:
        first.save({"a": doubt(50.0)})
        first.end(20.0)
    with opened(tmp_path, "second", 30.0) as second:
        assert second.doubts == {"a": doubt(30.0 + SETTLE)}
        assert second.unknown_until == 0.0


def test_file_of_another_start_is_older_than_all_of_this_one(tmp_path: Path) -> None:
    """What a run of this start left is newer than anything from before, whatever the moments."""
    with opened(tmp_path, "a", 5.0) as now, opened(tmp_path, "b", 9_000.0) as before:
        for file, version in ((before, 1), (now, 2)):
            file.save({"a": doubt(9_100.0, version)})
            file.end(9_001.0)
    path = tmp_path / "b.ndjson"
    header, rest = path.read_bytes()[:256], path.read_bytes()[256:]
    other = json.dumps({**json.loads(header), "boot": "another"}).encode().ljust(255) + b"\n"
    path.write_bytes(other + rest)
    with opened(tmp_path, "next", 9_010.0) as following:
        assert following.doubts == {"a": doubt(9_100.0, 2)}


def test_two_doubts_of_one_key_are_one(tmp_path: Path) -> None:
    """A key that two runs left in doubt has the later end, and the newest version of the later."""
    for name, now, version in (("b", 10.0, 1), ("a", 20.0, 2)):
        with opened(tmp_path, name, now) as file:
            changed = {**file.doubts, "a": doubt(now + 50, version, version=bytes([version]) * 16)}
            (tmp_path / f"kept-{name}").touch(0o600)
            file.save(changed)
            file.end(now + 1)
            content = (tmp_path / f"{name}.ndjson").read_bytes()
            (tmp_path / f"kept-{name}").write_bytes(content)
    for name in ("a", "b"):
        (tmp_path / f"kept-{name}").rename(tmp_path / f"{name}.ndjson")
    with opened(tmp_path, "third", 30.0) as third:
        assert third.doubts == {"a": doubt(70.0, 2, version=None)}


def test_doubts_of_runs_side_by_side_are_merged_by_name(tmp_path: Path) -> None:
    """Of runs that began at one moment the later name counts; equal versions stay known."""
    with opened(tmp_path, "b", 10.0) as late, opened(tmp_path, "a", 10.0) as early:
        late.save({"a": doubt(70.0, 1)})
        early.save({"a": doubt(80.0, 2)})
        for file in (early, late):
            file.end(20.0)
    with opened(tmp_path, "next", 30.0) as following:
        assert following.doubts == {"a": doubt(80.0, 1)}


def test_torn_last_line_is_cut(tmp_path: Path) -> None:
    """A last line that was not written to its end was not needed; what is before it is."""
    with opened(tmp_path, "run", 10.0) as file:
        file.save({"a": doubt(100.0), "b": doubt(100.0)})
    path = tmp_path / "run.ndjson"
    path.write_bytes(path.read_bytes()[:-10])
    with opened(tmp_path, "run", 20.0) as resumed:
        assert [*resumed.doubts] == ["a"]


def test_full_disk_tears_nothing(tmp_path: Path) -> None:
    """Where the disk is full in the middle of a line, what follows later is not joined to it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "run.ndjson"
    with opened(tmp_path, "run", 10.0) as file:
        file.save({12.0: doubt(100.0)})
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, hard))
        try:
            with pytest.raises(DiskError, match="large"):
                file.save({45.0: doubt(100.0)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        file.save({67.0: doubt(100.0)})
    with opened(tmp_path, "run", 20.0) as resumed:
        assert [*resumed.doubts] == [12.0, 67.0]


def test_full_disk_leaves_no_file(tmp_path: Path) -> None:
    """A run that cannot begin as the disk is full leaves nothing, and says what to do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with pytest.raises(DiskError) as caught:
            opened(tmp_path, "run", 10.0)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    reason = os.strerror(errno.EFBIG)
    assert caught.value.message == f"cannot write {tmp_path / 'run.ndjson'}: {reason}"
    assert caught.value.hint == "make room there and resume"
    assert not [*tmp_path.glob("*")]


def test_symbolic_link_is_not_read(tmp_path: Path) -> None:
    """A symbolic link in the place of a run's file is refused by name."""
    path = tmp_path / "run.ndjson"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError) as caught:
        opened(tmp_path, "next", 10.0)
    assert caught.value.message == f"the file of keys in doubt {path} is a symbolic link"


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"[]", b"{}", b"null\n" * 100, b"[" * 100_000, b'{"version": 1}']
)
def test_damaged_file_names_a_way_out_that_works(tmp_path: Path, content: bytes) -> None:
    """A file that holds something else stops the push, and says how to go on; so it does."""
    path = tmp_path / "run.ndjson"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        opened(tmp_path, "next", 10.0)
    assert str(path) in caught.value.message
    assert f"rm {path}" in str(caught.value.hint)
    path.unlink()
    with opened(tmp_path, "next", 10.0) as file:
        assert not file.doubts


def test_empty_file_of_a_killed_process_is_no_damage(tmp_path: Path) -> None:
    """A process that was killed before it wrote anything has left nothing in doubt."""
    with opened(tmp_path, "first", 0.1) as first:
        first.save({"a": doubt(100.0)})
        first.end(0.2)
    (tmp_path / "empty.ndjson").touch(0o600)
    with opened(tmp_path, "next", 0.5) as file:
        assert file.doubts == {"a": doubt(100.0)}
        assert file.unknown_until == 0.0


def test_moments_are_shared_by_processes() -> None:
    """Two processes read the same clock, and know that it is the same."""
    reading, writing = os.pipe()
    before = moment.now()
    if (child := os.fork()) == 0:
        os.write(writing, f"{moment.now()} {moment.boot()}".encode())
        os._exit(0)
    os.waitpid(child, 0)
    now, _, boot = os.read(reading, 1000).decode().partition(" ")
    assert before <= float(now) <= moment.now()
    assert moment.is_this_boot(boot) is (moment.boot() is not None)
    os.close(reading)
    os.close(writing)
