"""Progress while a run goes on: a bar on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable, Iterable
from typing import Protocol

from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rjcli.model import Progressed
from rjcli.report.console import print_line

PLAIN_SECONDS = 10.0


class ProgressDisplay(Protocol):
    """Shows how far a run is."""

    def start(self) -> None:
        """Begin to show; the clock starts here."""

    def update(self, progressed: Progressed) -> None:
        """Take in where the run is."""

    def stop(self) -> None:
        """Show no more."""


class NoProgress:
    """Shows nothing."""

    def start(self) -> None: ...

    def update(self, progressed: Progressed) -> None: ...

    def stop(self) -> None: ...


class PlainProgress:
    """A plain line every ten seconds."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = self._shown = 0.0

    def start(self) -> None:
        self._began = self._shown = self._clock()

    def update(self, progressed: Progressed) -> None:
        now = self._clock()
        if now - self._shown < PLAIN_SECONDS:
            return
        self._shown = now
        seconds = now - self._began
        parts = [_share_read(progressed), _counts(progressed, seconds)]
        left = _seconds_left(progressed, seconds)
        if left is not None:
            parts.append(f"{left:,.0f} s left")
        print_line(self._console, ", ".join(parts))

    def stop(self) -> None:
        """Nothing stays on the screen that would have to go."""


class BarProgress:
    """A live bar over a line of counts; gone when it stops."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = 0.0
        self._bar = _Bar(
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            DownloadColumn(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._bar.add_task("", total=None)

    def start(self) -> None:
        self._began = self._clock()
        self._bar.start()

    def update(self, progressed: Progressed) -> None:
        self._bar.counts = Text(
            _counts(progressed, self._clock() - self._began), no_wrap=True, overflow="ellipsis"
        )
        self._bar.update(self._task, completed=progressed.bytes_read, total=progressed.bytes_total)

    def stop(self) -> None:
        self._bar.stop()


class _Bar(Progress):
    counts = Text()

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield self.counts


def _counts(progressed: Progressed, seconds: float) -> str:
    counts = progressed.counts
    rate = (counts.accepted + counts.rejected - progressed.settled_before) / max(seconds, 0.001)
    return (
        f"{counts.accepted:,} accepted, {counts.rejected:,} rejected,"
        f" {progressed.in_flight} in flight, {rate:,.0f} records/s"
    )


def _share_read(progressed: Progressed) -> str:
    if not progressed.bytes_total:
        return f"{decimal(progressed.bytes_read)} read"
    return f"{progressed.bytes_read / progressed.bytes_total:.0%} read"


def _seconds_left(progressed: Progressed, seconds: float) -> float | None:
    if not progressed.bytes_total or not progressed.bytes_read:
        return None
    return seconds * (progressed.bytes_total / progressed.bytes_read - 1)
