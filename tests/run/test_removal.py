"""Which runs can be deleted, and what stays of them."""

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from rjcli.errors import UnfinishedError, UsageError
from rjcli.private_file import Directory, make_directory
from rjcli.run.listing import RunRecord
from rjcli.run.lock import Lock
from rjcli.run.opening import RunRequest, open_run
from rjcli.run.removal import losses, remove_run
from rjcli.run.state import State
from rjcli.settings.values import RunSettings

Request = Callable[..., RunRequest]


@pytest.fixture
def request_run(tmp_path: Path) -> Request:
    """Ask for a run in this test's state directory."""

    def request(name: str = "r", directory: Path | None = None, state: str = "state") -> RunRequest:
        return RunRequest(
            settings=RunSettings(directory=str(directory) if directory else None),
            job={"base URL": "https://h", "client id": 1, "table": "t", "files": ["f"]},
            target=("https://h", 1, "t"),
            settle=60.0,
            name=name,
            environment="custom",
            options={},
            environ={"XDG_STATE_HOME": str(tmp_path / state)},
            note=lambda _: None,
        )

    return request


def record_of(directory: Path) -> RunRecord:
    """The run in a directory."""
    record = RunRecord.read(directory)
    assert record
    return record


def test_run_goes_and_keys_in_doubt_stay(request_run: Request, tmp_path: Path) -> None:
    """Deleting a run leaves what its table has in doubt, which the next push needs."""
    with open_run(request_run()) as run:
        directory = run.directory
    remove_run(record_of(directory))
    assert not directory.exists()
    table = State(tmp_path / "state" / "rjcli").table(("https://h", 1, "t"))
    assert [path.name for path in table.iterdir()] == ["r.ndjson"]


def test_run_under_way_stays(request_run: Request) -> None:
    """A run that a process is at is not deleted, also where it began a moment ago."""
    with open_run(request_run()) as run:
        record = record_of(run.directory)
        with pytest.raises(UnfinishedError) as caught:
            remove_run(record)
    assert (caught.value.message, caught.value.hint) == (
        "r is under way",
        "wait for it, or stop it",
    )
    quiet = record_of(record.directory)
    with (
        Directory(quiet.directory) as held,
        Lock(held, "lock", "it", "just now"),
        pytest.raises(UnfinishedError) as caught,
    ):
        remove_run(quiet)
    holder = f"process {os.getpid()}, started just now,"
    assert caught.value.message == f"{holder} is at work on {quiet.directory}"
    assert record_of(record.directory)


def test_run_that_cannot_be_deleted_is_named(request_run: Request) -> None:
    """Files that cannot be deleted are an error; the lock says who tried, and when."""
    with open_run(request_run()) as run:
        record = record_of(run.directory)
    record = record_of(record.directory)
    (record.directory / "job.json").unlink()
    (record.directory / "job.json").mkdir()
    with pytest.raises(UsageError) as caught:
        remove_run(record)
    assert caught.value.message == f"cannot delete {record.directory}: Is a directory"
    holder = json.loads((record.directory / "lock").read_bytes())
    assert holder["pid"] == os.getpid()
    assert datetime.fromisoformat(holder["started"]) > record.started


def test_named_directory_keeps_what_is_not_of_the_run(request_run: Request, tmp_path: Path) -> None:
    """Of a directory that was named for a run, only the run's own files are deleted."""
    directory = tmp_path / "mine"
    with open_run(request_run(directory=directory)):
        pass
    (directory / "rejects.csv").write_text("id\n")
    (directory / "rejects.csv~").write_text("my copy\n")
    remove_run(record_of(directory))
    assert [path.name for path in directory.iterdir()] == ["rejects.csv~"]
    (directory / "rejects.csv~").unlink()
    with open_run(request_run(directory=directory)):
        pass
    remove_run(record_of(directory))
    assert not directory.exists()


def test_keys_in_doubt_of_a_named_directory_stay(request_run: Request, tmp_path: Path) -> None:
    """Without a state directory, keys in doubt stay where the next run of that directory looks."""
    (tmp_path / "file").touch()
    make_directory(tmp_path / "mine")
    directory = tmp_path / "mine"
    for _ in range(2):
        with open_run(request_run(directory=directory, state="file")):
            pass
        remove_run(record_of(directory))
        assert [path.name for path in directory.iterdir()] == ["in-doubt"]


@pytest.mark.parametrize(
    ("counts", "has_rejects", "expected"),
    [
        ((0, 0), False, []),
        ((0, 0), True, ["0 rejects not fixed yet"]),
        ((1, 0), False, ["resuming after its first 1 record"]),
        ((1_000, 2), False, ["resuming after its first 1,002 records"]),
        ((0, 1), True, ["resuming after its first 1 record", "1 reject not fixed yet"]),
        ((0, 2), True, ["resuming after its first 2 records", "2 rejects not fixed yet"]),
    ],
)
def test_what_would_be_lost_is_said(
    request_run: Request, counts: tuple[int, int], expected: list[str], *, has_rejects: bool
) -> None:
    """Records to go on after and rejects are work left to do; a copy of rejects is none."""
    with open_run(request_run()) as run:
        directory = run.directory
    path = directory / "checkpoint.json"
    accepted, rejected = counts
    records = accepted + rejected
    changed = {"accepted": accepted, "rejected": rejected, "records": records, "taken": records}
    path.write_text(json.dumps(json.loads(path.read_bytes()) | changed))
    (directory / ("rejects.csv" if has_rejects else "rejects.csv~")).touch()
    assert losses(record_of(directory)) == expected


def test_work_of_a_summary_without_counts_a_load_or_a_damaged_checkpoint(
    request_run: Request,
) -> None:
    """Each kind of run says in its own words what would be lost."""
    with open_run(request_run()) as run:
        directory = run.directory
    load = replace(record_of(directory), tables={"t": {}})
    assert losses(load) == ["resuming the tables that it has not finished"]
    assert losses(replace(load, tables={})) == []
    (directory / "rejects.csv").touch()
    (directory / "summary.json").touch(0o600)
    (directory / "summary.json").write_text(
        '{"status": "failed", "resumable": true, "records": {}}'
    )
    assert losses(record_of(directory)) == ["0 rejects not fixed yet"]
    (directory / "checkpoint.json").write_text("{")
    lost = ["what is left to do, which a damaged checkpoint does not say"]
    assert losses(record_of(directory)) == lost
