"""A terminal: coloured lines, and the live bar. Imported only where there is one."""

import time
from collections.abc import Callable, Iterable
from typing import TextIO, cast

import rich.console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskProgressColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rjcli.events import Progressed
from rjcli.report.console import TolerantStream
from rjcli.report.progress import describe_counts
from rjcli.visible_text import visible

_REFRESH_SECONDS = 0.25
# Left free: a ^C that wraps there would shift the bar, and leave some of it behind.
_ECHO_COLUMNS = 3


class TerminalConsole:
    """The same as a PlainConsole, with labels in their styles."""

    def __init__(self, file: TolerantStream) -> None:
        self._file = file
        self.rich = rich.console.Console(
            file=cast("TextIO", file), markup=False, highlight=False, emoji=False
        )
        self.is_live = self.rich.is_terminal and not self.rich.is_dumb_terminal

    @property
    def lost(self) -> OSError | None:
        return self._file.lost

    def print_line(
        self, text: str, *, label: str = "", style: str = "", unbroken: bool = False
    ) -> None:
        line = Text.assemble((visible(label), style), visible(text))
        self.rich.print(line, soft_wrap=unbroken)

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


class BarProgress:
    """A live bar over a line of counts; gone when it stops."""

    def __init__(
        self, console: TerminalConsole, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._began = self._drawn = 0.0
        self._bar = _Bar(
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            DownloadColumn(),
            TimeRemainingColumn(compact=True),
            console=console.rich,
            # A thread of its own would take turns with the work, and slow it down.
            auto_refresh=False,
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
        now = self._clock()
        if now - self._drawn < _REFRESH_SECONDS:
            return
        self._drawn = now
        self._bar.counts = Text(describe_counts(progressed, now - self._began))
        self._bar.counts.truncate(self._bar.console.width - _ECHO_COLUMNS, overflow="ellipsis")
        self._bar.update(
            self._task,
            completed=progressed.bytes_read,
            total=progressed.bytes_total,
            refresh=True,
        )

    def stop(self) -> None:
        self._bar.stop()


class _Bar(Progress):
    counts = Text()

    def get_renderables(self) -> Iterable[rich.console.RenderableType]:
        yield self.make_tasks_table(self.tasks)
        yield self.counts
