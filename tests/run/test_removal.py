"""Which runs can be deleted, and what stays of them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rjcli.errors import UnfinishedError
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
        with pytest.raises(UnfinishedError, match="under way"):
            remove_run(record)
    quiet = record_of(record.directory)
    with (
        Directory(quiet.directory) as held,
        Lock(held, "lock", "it", ""),
        pytest.raises(UnfinishedError),
    ):
        remove_run(quiet)
    assert record_of(record.directory)


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


def test_what_would_be_lost_is_said(request_run: Request) -> None:
    """A damaged checkpoint and rejects are work left to do; a copy of rejects is none."""
    with open_run(request_run()) as run:
        directory = run.directory
    (directory / "rejects.csv~").touch()
    assert losses(record_of(directory)) == []
    (directory / "rejects.csv").touch()
    assert losses(record_of(directory)) == ["0 rejects not fixed yet"]
    (directory / "checkpoint.json").write_text("{")
    assert "damaged checkpoint" in losses(record_of(directory))[0]
