"""The live bar on a terminal. Imported only where there is one."""

import time
from collections.abc import Callable, Iterator
from textwrap import wrap

from rjcli.events import Progressed
from rjcli.report.meter import Meter, is_working
from rjcli.report.terminal import TerminalConsole

_REFRESH_SECONDS = 0.25
_WIDEST = 100
_BARS = ("━", "─"), ("=", "-")  # what is done, and what is left; where a terminal is ASCII


class BarProgress:
    """A bar over lines that say what a push does; for several, a line each. Gone when it stops.

    It draws when it is updated: a thread of its own would take turns with the work, and
    slow it down.
    """

    def __init__(
        self,
        console: TerminalConsole,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._console = console
        self._clock = clock
        self._wall = wall
        self._next_draw = 0.0
        self._meters: dict[str, Meter] = {}
        self._latest: dict[str, Progressed] = {}
        self._is_on = False

    def start(self) -> None:
        self._is_on = True

    def update(self, progressed: Progressed, table: str = "") -> None:
        meter = self._meters.get(table)
        if meter is None:
            meter = self._meters[table] = Meter(self._clock, self._wall)
        self._latest[table] = progressed
        is_news = meter.update(progressed)
        now = self._clock()
        if self._is_on and (is_news or now >= self._next_draw):
            self._next_draw = now + _REFRESH_SECONDS
            self._console.draw([*self._lines(min(self._console.width - 1, _WIDEST))])

    def end(self, table: str = "") -> None:
        self._meters.pop(table, None)
        self._latest.pop(table, None)

    def stop(self) -> None:
        self._is_on = False
        self._console.draw([])

    def _lines(self, width: int) -> Iterator[str]:
        if len(self._meters) == 1 and "" in self._meters:
            yield from self._one(self._meters[""], width)
            return
        names = max(map(len, self._meters), default=0)
        for table, meter in self._meters.items():
            share = meter.share
            done = (
                meter.read
                if share is None
                else f"{_bar(10, share, self._console)} {meter.percent:>4}"
            )
            parts = ", ".join(filter(None, [meter.counts, meter.left]))
            yield f"{table:{names}} {done}  {parts}"[:width]
        for text in self._waits():
            yield from wrap(text, width)

    def _one(self, meter: Meter, width: int) -> Iterator[str]:
        share = meter.share
        if share is not None:
            end = "  ".join(filter(None, [f"{meter.percent:>5}", meter.left]))
            yield f"{_bar(width - len(end), share, self._console)}{end}"
        doing = ", ".join(filter(None, [meter.activity, meter.rate]))
        for text in filter(None, [doing, meter.counts or meter.read]):
            yield from wrap(text, width)

    def _waits(self) -> Iterator[str]:
        """What pushes wait for, each text once."""
        waiting = [
            self._meters[table].activity
            for table, latest in self._latest.items()
            if not is_working(latest)
        ]
        yield from dict.fromkeys(waiting)


def _bar(width: int, share: float, console: TerminalConsole) -> str:
    done, left = _BARS[not console.can_write("".join(_BARS[0]))]
    filled = round(max(0, width) * share)
    return done * filled + left * (width - filled)
