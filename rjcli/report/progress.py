"""Progress while a run goes on; the bar on a terminal is in ``bar.py``."""

import time
from collections.abc import Callable
from typing import Protocol

from rjcli.events import Activity, Progressed
from rjcli.report.meter import Meter

PLAIN_SECONDS = 10.0


class ProgressDisplay(Protocol):
    """Shows how far one push is, or several at once, each by the name of its table."""

    def start(self) -> None:
        """Begin to show; the clock starts here."""

    def update(self, progressed: Progressed, table: str = "") -> None:
        """Take in where a push is."""

    def end(self, table: str = "") -> None:
        """Show no more of one push."""

    def stop(self) -> None:
        """Show no more."""


class NoProgress:
    """Shows nothing."""

    def start(self) -> None: ...

    def update(self, progressed: Progressed, table: str = "") -> None: ...

    def end(self, table: str = "") -> None: ...

    def stop(self) -> None: ...


class LineSink(Protocol):
    """Where lines go."""

    def print_line(self, text: str, *, label: str = "") -> None:
        """Print a line, with a label before it."""


class PlainProgress:
    """A plain line every ten seconds, and at once where a push begins to wait for something."""

    def __init__(
        self,
        console: LineSink,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        stamp: Callable[[float], str] | None = None,
    ) -> None:
        self._console = console
        self._clock = clock
        self._wall = wall
        self._stamp = stamp or stamp_of
        self._began = 0.0
        self._lines: dict[str, _Line] = {}

    def start(self) -> None:
        self._began = self._clock()

    def update(self, progressed: Progressed, table: str = "") -> None:
        now = self._clock()
        line = self._lines.get(table)
        if line is None:
            line = self._lines[table] = _Line(Meter(self._clock, self._wall), self._began)
        line.wants_more |= line.meter.update(progressed)
        is_stopping = progressed.activity in {Activity.STOPPING, Activity.INTERRUPTED}
        is_news = line.wants_more and (is_stopping or now >= line.next_news)
        if not is_news and now < line.shown + PLAIN_SECONDS:
            return
        if is_news:
            line.next_news = now + PLAIN_SECONDS  # one that comes and goes does not fill a log
        line.shown, line.wants_more = now, False
        prefix = f"{table}: " if table else ""
        label = f"{self._stamp(self._wall())}{prefix}"
        self._console.print_line(_describe(line.meter), label=label)

    def end(self, table: str = "") -> None:
        self._lines.pop(table, None)

    def stop(self) -> None:
        """Nothing stays on the screen that would have to go."""


class _Line:
    """What is shown of one push: when it was last, and from when on news of waiting are."""

    def __init__(self, meter: Meter, began: float) -> None:
        self.meter = meter
        self.shown = began
        self.next_news = began
        self.wants_more = False


def stamp_of(wall: float) -> str:
    """The time of day that stands before a plain line."""
    return time.strftime("%H:%M:%S ", time.localtime(wall))


def _describe(meter: Meter) -> str:
    done = f"{meter.percent} done" if meter.percent else meter.read
    parts = (done, meter.counts, meter.rate, meter.left)
    return f"{meter.activity}: {', '.join(filter(None, parts))}"
