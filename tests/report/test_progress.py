"""Plain lines of progress: when they come, and what they say."""

import pytest
from msgspec.structs import replace

from rjcli.events import Activity, Progressed
from rjcli.report.meter import show_seconds
from rjcli.report.progress import PlainProgress
from tests.report.positions import DOWN, UNREACHED, Clock, at


class Lines:
    """Keeps lines, each with its label."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def print_line(self, text: str, *, label: str = "") -> None:
        """Keep a line."""
        self.lines.append(label + text)


class Watched:
    """A plain progress, its clock, and its lines."""

    def __init__(self) -> None:
        self.clock, self._sink = Clock(), Lines()
        self.lines = self._sink.lines
        self.progress = PlainProgress(self._sink, self.clock, self.clock.wall)
        self.progress.start()

    def show(self, seconds: float, position: Progressed, table: str = "") -> None:
        """Be somewhere at a moment."""
        self.clock.seconds = seconds
        self.progress.update(position, table)


@pytest.fixture
def watched() -> Watched:
    """A plain progress that was just started."""
    return Watched()


def test_a_line_comes_every_ten_seconds(watched: Watched) -> None:
    """Off a terminal one line is printed every ten seconds, with the time of day, and no more."""
    for tenth in range(351):
        watched.show(tenth / 10, at(tenth * 100, tenth / 10))
    assert [line[:9] for line in watched.lines] == ["12:00:10 ", "12:00:20 ", "12:00:30 "]
    assert watched.lines[0] == (
        "12:00:10 sending: 10% done, 10,000 accepted, 0 rejected, 8 in flight,"
        " 1,000 records/s, 1.0 MB/s, 1:30 left"
    )


def test_nothing_is_printed_before_ten_seconds(watched: Watched) -> None:
    """A push that is over soon prints no progress."""
    for tenth in range(100):
        watched.show(tenth / 10, at(tenth, tenth))
    assert watched.lines == []


def test_an_outage_is_shown_at_once_and_not_again_soon(watched: Watched) -> None:
    """An outage has a line when it begins; one that comes and goes has one in ten seconds."""
    watched.show(1.0, at(100, 1))
    watched.show(2.0, at(100, 1, outage=DOWN))
    (line,) = watched.lines
    assert line == (
        "12:00:02 API answers 503, attempt 4 in 12 s, giving up at 12:14:"
        " 1% done, 100 accepted, 0 rejected"
    )
    for tenth in range(21, 119):
        watched.show(tenth / 10, at(100, 1, outage=DOWN if tenth % 2 else None))
    assert len(watched.lines) == 1
    watched.show(12.0, at(100, 1, outage=DOWN))
    assert len(watched.lines) == 2


@pytest.mark.parametrize(
    ("position", "text"),
    [
        (at(outage=UNREACHED), "cannot connect to api.test: Connection refused, attempt 4 in 12 s"),
        (at(activity=Activity.WAITING_FOR_STDIN, total=None), "waiting for stdin: 0 bytes read"),
        (
            at(activity=Activity.WAITING_FOR_LATE_WRITES, ends_in=101.5),
            "waiting for late writes 1:42",
        ),
        (
            at(activity=Activity.WAITING_FOR_KILLED_PUSH, ends_in=30.0),
            "waiting for a killed push's requests 30 s",
        ),
        (
            at(activity=Activity.INTERRUPTED, ends_in=10.0),
            "stopping: 8 requests in flight, 10 s at most; Ctrl-C again to stop now",
        ),
        (
            at(activity=Activity.STOPPING, ends_in=9.1),
            "stopping: 8 requests in flight, 10 s at most:",
        ),
        (at(activity=Activity.STOPPING), "stopping: "),
    ],
    ids=str,
)
def test_a_wait_is_shown_at_once(watched: Watched, position: Progressed, text: str) -> None:
    """Whatever is waited for is said when the wait begins, without a time left for the whole."""
    watched.show(0.1, at())
    watched.show(0.2, position)
    (line,) = watched.lines
    assert line.startswith(f"12:00:00 {text}")
    assert "left" not in line
    assert "records/s" not in line


def test_stopping_is_shown_even_after_an_outage(watched: Watched) -> None:
    """Ctrl-C is answered at once, whatever was said just before."""
    watched.show(1.0, at(outage=DOWN))
    watched.show(1.1, at(activity=Activity.INTERRUPTED, ends_in=10.0, outage=DOWN))
    assert "Ctrl-C again to stop now" in watched.lines[-1]


def test_the_pass_over_column_types_has_its_own_share(watched: Watched) -> None:
    """While column types are found the share is that of this pass, and sending begins at none."""
    for second in range(11):
        watched.show(second, at(0, second * 6, activity=Activity.FINDING_TYPES))
    assert watched.lines == ["12:00:10 finding column types: 60% done, 6.0 MB/s"]
    for second in range(11, 21):
        watched.show(second, at((second - 11) * 10, second - 11))
    assert watched.lines[1].startswith("12:00:20 sending: 9% done, 90 accepted")
    assert watched.lines[1].endswith("10 records/s, 1.0 MB/s, 1:31 left")


def test_only_this_invocation_counts_after_a_resume(watched: Watched) -> None:
    """After a resume, rate and time left are those of what is sent now."""
    for second in range(11):
        passed = at(1000, second * 5, activity=Activity.PASSING_LOADED, before=1000)
        watched.show(second, passed)
    assert watched.lines == ["12:00:10 reading what was loaded before: 50% done, 5.0 MB/s"]
    for second in range(11, 21):
        sent = second - 11
        watched.show(second, at(1000 + sent * 20, 50 + sent, before=1000))
    assert watched.lines[1].endswith("20 records/s, 1.0 MB/s, 41 s left")


def test_what_is_read_ahead_is_not_done(watched: Watched) -> None:
    """What was read and has no outcome yet counts as still to be done, up to the last record."""
    for second in range(11):
        watched.show(second, at(second * 50, 100, read=1000))
    assert "50% done" in watched.lines[0]
    assert watched.lines[0].endswith(", 10 s left")
    watched.show(20, at(1000, 100))
    assert "100% done" in watched.lines[1]
    assert "left" not in watched.lines[1]


def test_all_is_done_only_at_the_end(watched: Watched) -> None:
    """A share is rounded down: 100% is not shown while a record is missing."""
    watched.show(10, at(999, 100, read=1000))
    assert "99% done" in watched.lines[0]


def test_a_dry_run_says_what_would_be_sent(watched: Watched) -> None:
    """A dry run accepts nothing, and says how many records would be sent."""
    position = at(0, 50, read=700)
    watched.show(10, replace(position, counts=replace(position.counts, unsent=700)))
    assert watched.lines == ["12:00:10 sending: 50% done, 700 would be sent, 0 rejected"]


def test_several_tables_have_a_line_each(watched: Watched) -> None:
    """Several pushes have a line each, with the name of its table."""
    watched.show(10.0, at(10, 10), "orders")
    watched.show(10.0, at(20, 20), "users")
    assert [line.split("sending")[0] for line in watched.lines] == [
        "12:00:10 orders: ",
        "12:00:10 users: ",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "1 s"), (0.2, "1 s"), (59.1, "1:00"), (101.2, "1:42"), (7380.0, "2:03:00")],
)
def test_times_are_rounded_up(seconds: float, text: str) -> None:
    """A time to wait is never shown as none at all."""
    assert show_seconds(seconds) == text


def test_the_end_of_patience_is_a_time_of_day_or_near(watched: Watched) -> None:
    """When a push will give up is said as a time of day, with the weekday if that is not today."""
    watched.show(0, at(outage=replace(DOWN, give_up_in=42.5)))
    assert "giving up in 43 s" in watched.lines[-1]
    watched.show(10, at(outage=replace(DOWN, give_up_in=86400.0)))
    assert "giving up at Tue 12:00" in watched.lines[-1]
    watched.show(20, at(outage=replace(DOWN, retry_in=None)))
    assert "attempt 4 under way, giving up at 12:14" in watched.lines[-1]
