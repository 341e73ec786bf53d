"""The bar on a terminal, as a screen shows it."""

from collections.abc import Iterator

import pytest

from rjcli.events import Activity
from rjcli.report.bar import BarProgress
from rjcli.report.stream import TolerantStream
from rjcli.report.terminal import TerminalConsole
from tests.report.positions import DOWN, Clock, at
from tests.support.screen import Screen


class Shown:
    """A bar on a screen, and the clock that it goes by."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.clock = screen, Clock()
        self.console = TerminalConsole(TolerantStream(screen.stream))
        self.console.print_line("pushing")
        self.bar = BarProgress(self.console, self.clock, self.clock.wall)
        self.bar.start()

    @property
    def rows(self) -> list[str]:
        """What is on the screen."""
        return self.screen.rows


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shown]:
    """A bar on a screen of 80 columns."""
    monkeypatch.setenv("TERM", "xterm-256color")
    with Screen(80) as screen:
        yield Shown(screen)


def send(shown: Shown) -> None:
    """Be five seconds into sending: a quarter is done."""
    for second in range(6):
        shown.clock.seconds = second
        shown.bar.update(at(second * 5_000, second * 5))


def test_bar_says_what_goes_on(shown: Shown) -> None:
    """The bar shows share and time left, what is done and how fast, and the outcomes."""
    send(shown)
    heading, bar, doing, counts = shown.rows
    assert heading == "pushing"
    assert bar == "━" * 16 + "─" * 47 + "  25%  15 s left"
    assert doing == "sending, 5,000 records/s, 5.0 MB/s"
    assert counts == "25,000 accepted, 0 rejected, 8 in flight"


def test_an_outage_takes_the_place_of_the_rate(shown: Shown) -> None:
    """In an outage the bar says what the API answers, and neither rate nor time left."""
    send(shown)
    shown.bar.update(at(25_000, 25, outage=DOWN))  # at once, as it is news
    assert shown.rows[1].endswith("─  25%")
    assert shown.rows[2:] == [
        "API answers 503, attempt 4 in 12 s, giving up at 12:14",
        "25,000 accepted, 0 rejected",
    ]


@pytest.mark.parametrize("columns", [79, 60, 41, 40, 25])
def test_resizing_leaves_nothing_behind(shown: Shown, columns: int) -> None:
    """After the terminal became narrower, or wide again, only the present bar is there."""
    send(shown)
    for width in (columns, 80, columns):
        shown.screen.resize(width)
        shown.clock.seconds += 1
        shown.bar.update(at(30_000, 30, outage=DOWN))
        rows = shown.rows
        assert rows[0] == "pushing"
        assert rows[1].endswith("─  30%")
        assert max(map(len, rows)) < width
        assert " ".join(rows[2:]) == (
            "API answers 503, attempt 4 in 12 s, giving up at 12:14 30,000 accepted, 0 rejected"
        )
    shown.bar.stop()
    assert shown.rows == ["pushing"]


def test_ctrl_c_is_answered_and_its_echo_goes(shown: Shown) -> None:
    """On Ctrl-C the bar says at once what is waited for and counts down; ^C does not stay."""
    send(shown)
    shown.screen.type("^C")
    shown.bar.update(at(25_000, 25, activity=Activity.INTERRUPTED, ends_in=10.0))
    text = "stopping: 8 requests in flight, {} s at most; Ctrl-C again to stop now"
    assert shown.rows[2] == text.format(10)
    assert "^C" not in "".join(shown.rows)
    shown.clock.seconds += 3
    shown.bar.update(at(25_000, 25, activity=Activity.INTERRUPTED, ends_in=7.0))
    assert shown.rows[2] == text.format(7)


def test_lines_are_printed_above_the_bar(shown: Shown) -> None:
    """A line that is printed meanwhile stays above the bar."""
    send(shown)
    shown.console.print_line("a note that is longer than the terminal is wide: " + "x " * 40)
    rows = shown.rows
    assert rows[1].startswith("a note")
    assert rows[-1] == "25,000 accepted, 0 rejected, 8 in flight"
    assert len([row for row in rows if "━" in row]) == 1


def test_several_tables_have_a_line_each(shown: Shown) -> None:
    """Several pushes have a line each, and what they wait for is said once."""
    shown.bar.update(at(100, 50, outage=DOWN), "orders")
    shown.clock.seconds = 1
    shown.bar.update(at(7, 100, outage=DOWN), "users")
    assert shown.rows[1:] == [
        "orders ━━━━━─────  50%  100 accepted, 0 rejected",
        "users  ━━━━━━━━━━ 100%  7 accepted, 0 rejected",
        "API answers 503, attempt 4 in 12 s, giving up at 12:14",
    ]
    shown.bar.end("users")
    shown.clock.seconds = 2
    shown.bar.update(at(100, 50), "orders")
    assert shown.rows[1:] == ["orders ━━━━━─────  50%  100 accepted, 0 rejected, 8 in flight"]


def test_more_lines_than_the_screen_has_are_cut(shown: Shown) -> None:
    """Of more tables than there are lines the first are shown, and nothing is left behind."""
    for second in range(3):
        shown.clock.seconds = second
        for number in range(60):
            shown.bar.update(at(1, 1), f"table_{number:02}")
    shown.bar.stop()
    assert shown.rows == ["pushing"]
