"""A run's directory: when a checkpoint is due, what it says, and what a failing disk does."""

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from rjcli.errors import DiskError
from rjcli.events import RunArtifacts
from rjcli.model import InputForm, Rejection, Stage
from rjcli.private_file import Directory
from rjcli.run.checkpoint import Checkpoint
from rjcli.run.prefix import Prefix
from rjcli.run.run import Position, Run
from rjcli.settings.choices import ColumnType

MOST_TAKEN = 100_000
START = Checkpoint("r", {"table": "t"}, "then", "then", records=5, accepted=5, taken=10)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run that is resumed."""
    with Directory(tmp_path / "run", make=True) as directory:
        opened = Run(directory, START, "shown", is_resumed=True)
        opened.start_input(1, InputForm())
        yield opened
        opened.close()


def rejection(position: int, raw: bytes = b"[") -> Rejection:
    """A record that cannot be read."""
    return Rejection(Stage.READ, "a", position, position, raw, ("bad",), position=position)


def prefix(records: int, taken: int = 0) -> Prefix:
    """A prefix that has come so far."""
    made = Prefix(records)
    made.taken = max(records, taken)
    return made


def test_checkpoint_is_due_after_a_second_with_progress(run: Run) -> None:
    """It is due a second after the last one, or the first question, if a record was settled."""
    assert [run.is_due(prefix(6), now) for now in (7.0, 7.9, 8.0)] == [False, False, True]
    run.save(Position(prefix(6), None), 10.0)
    assert [run.is_due(prefix(7), now) for now in (10.9, 11.0, 12.0)] == [False, True, True]
    assert not run.is_due(prefix(6), 100.0)


def test_checkpoint_is_due_after_100_000_records(run: Run) -> None:
    """So many records handed on since the last one make it due, settled or not."""
    assert not run.is_due(prefix(5, MOST_TAKEN + 9), 0.0)
    assert run.is_due(prefix(5, MOST_TAKEN + 10), 0.0)


def saved(run: Run) -> dict[str, object]:
    """The run's checkpoint, without when it was written."""
    document: dict[str, object] = json.loads((run.directory / "checkpoint.json").read_bytes())
    written = datetime.fromisoformat(str(document.pop("written")))
    assert written.tzinfo
    assert written.microsecond == 0
    return document


def test_checkpoint_says_how_far_the_run_has_come(run: Run) -> None:
    """Counts, digest, sizes and types are saved; what was reported is that of the last end."""
    so_far = Prefix(5, 5, 0)
    for position in (6, 7):
        so_far.reject(rejection(position))
    so_far.close(8, b"\xab\xcd")
    for span in so_far.advance():
        run.reject(span.rejections.values())
    errors = 2 * len('{"file": "a", "line": 6, "record": 6, "stage": "read", "status": null, ')
    errors += 2 * len('"reasons": ["bad"]}\n')
    types = {"id": ColumnType.INTEGER, "x": ColumnType.STRING}
    run.save(Position(so_far, types, ("x",), finished=True, in_flight=False), 1.0)
    first = {
        "run": "r",
        "job": {"table": "t"},
        "started": "then",
        "records": 8,
        "accepted": 5,
        "rejected": 2,
        "reported": 2,
        "reported_of": 7,
        "digest": "abcd",
        "taken": 10,
        "sizes": {"rejects.ndjson": 4, "errors.ndjson": errors},
        "column_types": {"id": "integer", "x": "string"},
        "without_values": ["x"],
        "finished": True,
        "in_flight": False,
        "version": 1,
    }
    assert saved(run) == first
    run.save(Position(Prefix(11, 7, 3), types, ()), 2.0)
    counts = {"records": 11, "accepted": 7, "rejected": 3, "taken": 11}
    flags = {"finished": False, "in_flight": True, "without_values": []}
    assert saved(run) == {**first, **counts, **flags}


def test_summary_is_one_line(run: Run) -> None:
    """The summary is the document as it is, and a line end."""
    run.conclude({"status": "complete", "n": 1})
    assert (run.directory / "summary.json").read_bytes() == b'{"status": "complete", "n": 1}\n'


def test_what_a_run_leaves_are_paths_and_commands(run: Run) -> None:
    """Files and commands are named only where there is something in them, or left to do."""
    where = str(run.directory)
    assert run.artifacts(resumable=False) == RunArtifacts(where)
    run.reject([rejection(1, b"")])
    assert run.artifacts(resumable=True) == RunArtifacts(
        where, (), f"{where}/errors.ndjson", "rjcli resume shown", None
    )
    run.start_input(2, InputForm("csv", b"id\n"))
    run.reject([rejection(2)])
    run.start_input(3, InputForm("csv", b"id,x\n"))
    run.reject([rejection(3)])
    files = (f"{where}/rejects.csv", f"{where}/rejects-2.csv")
    assert run.artifacts(resumable=False) == RunArtifacts(
        where, files, f"{where}/errors.ndjson", None, "rjcli retry shown"
    )


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file grow: what a disk quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("fail", "what"),
    [
        (lambda run: run.save(Position(Prefix(9), None), 1.0), "rejects"),
        (lambda run: run.sync(), "rejects"),
        (lambda run: run.reject([rejection(2, b"x" * 2**20)]), "rejects"),
        (lambda run: run.conclude({}), "summary.json"),
    ],
)
def test_full_disk_ends_the_run_with_what_is_safe(
    run: Run, fail: Callable[[Run], None], what: str
) -> None:
    """A full disk is named with the place and the rejects that are safe; nothing is written on."""
    run.reject([rejection(1)])
    run.save(Position(Prefix(1_006, 5, 1_001), None), 0.0)
    run.reject([rejection(2)])
    before = saved(run)
    with no_room(), pytest.raises(DiskError) as caught:
        fail(run)
    assert (caught.value.message, caught.value.hint) == (
        f"cannot write {what} in {run.directory}: File too large (1,001 rejects are safe there)",
        "make room there and resume: what is missing is found again",
    )
    run.reject([rejection(3)])
    run.sync()
    run.save(Position(Prefix(2_000), None), 2.0)
    assert saved(run) == before
    assert (run.directory / "rejects.ndjson").read_bytes() == b"[\n"
