"""The progress of a push: what it has read and settled, and what it is doing."""

from pathlib import Path

import pytest

from rjcli.delivery.dry_run import DryRun
from rjcli.engine.progress import ProgressWatch
from rjcli.events import Activity, LimitChanged
from rjcli.producer.messages import ReadProgress, TypesDetected
from rjcli.producer.producer import Producer, ProducerTask
from rjcli.reading import Source
from rjcli.run import Ledger
from rjcli.settings.values import InputSettings, PushSettings
from tests.report.positions import Clock


class Watched:
    """A watch over a push that sends nothing, and its clock."""

    def __init__(self) -> None:
        self.clock, self.ledger = Clock(), Ledger()
        self.delivery = DryRun(lambda *_: None)
        self.watch = ProgressWatch(self.delivery, self.ledger, ["-"], self.clock)

    def activity(self, seconds: float, bytes_read: int, total: int | None, read: int = 0) -> str:
        """What the push does after the producer has said where it is."""
        self.clock.seconds = seconds
        self.watch.take(ReadProgress(read, bytes_read, total))
        return self.watch.progressed().activity


@pytest.fixture
def watched() -> Watched:
    """A watch over a push that has just begun."""
    return Watched()


def test_finding_column_types_is_an_activity(watched: Watched) -> None:
    """Until the column types are found that is what goes on, and then the records are sent."""
    assert watched.activity(1, 10, 100) == Activity.FINDING_TYPES
    watched.watch.has_types = True
    assert watched.activity(2, 20, 100) == Activity.SENDING


def test_a_resumed_run_knows_its_column_types() -> None:
    """A run that is resumed does not look for column types that it has found before."""
    ledger = Ledger()
    ledger.column_types = {}
    watch = ProgressWatch(DryRun(lambda *_: None), ledger, ["f"])
    watch.take(ReadProgress(0, 10, 100))
    assert watch.progressed().activity == Activity.SENDING


def test_a_silent_pipe_is_waited_for(watched: Watched) -> None:
    """A pipe that has brought nothing for more than a second is waited for; a file never is."""
    watched.watch.has_types = True
    assert watched.activity(0.5, 0, None) == Activity.SENDING
    assert watched.activity(1.5, 0, None) == Activity.WAITING_FOR_STDIN
    assert watched.activity(1.6, 10, None) == Activity.SENDING
    assert watched.activity(2.7, 10, None) == Activity.WAITING_FOR_STDIN
    assert watched.activity(2.7, 10, 100) == Activity.SENDING
    watched.watch.has_ended = True
    assert watched.activity(5, 10, None) == Activity.SENDING


def test_what_was_loaded_before_is_passed_first(watched: Watched) -> None:
    """After a resume, reading up to the checkpoint is an activity of its own."""
    watched.watch.has_types = True
    watched.ledger.settled_before = 50
    assert watched.activity(1, 10, 100, read=50) == Activity.PASSING_LOADED
    assert watched.activity(1, 60, 100, read=51) == Activity.SENDING


def test_a_change_of_the_limit_is_reported_once(watched: Watched) -> None:
    """A change of the limit on requests in flight is reported once."""
    assert watched.watch.limit_change() is None
    watched.delivery.limit = 4
    assert watched.watch.limit_change() == LimitChanged(4)
    assert watched.watch.limit_change() is None


def test_reading_begins_anew_after_column_types_are_found(tmp_path: Path) -> None:
    """Once the types of several CSVs are found, nothing of them counts as read."""
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file in files:
        file.write_text("id,x\n" + "1,2\n" * 50_000)
    names = tuple(map(str, files))
    settings = PushSettings(table="t", keys=("id",), input=InputSettings(files=names))
    size = sum(file.stat().st_size for file in files)
    passes: list[list[int]] = [[]]
    producer = Producer(ProducerTask(settings), [Source(name) for name in names])
    for message in producer.messages():
        match message:
            case TypesDetected():
                passes.append([])
            case ReadProgress(_, bytes_read):
                passes[-1].append(bytes_read)
    finding, reading = passes
    assert finding[-1] == reading[-1] == size
    assert reading[0] <= size / 2
    assert reading == sorted(reading)
