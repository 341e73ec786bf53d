"""The live bar of a load, with a line for each table. Imported only where there is a terminal."""

import time
from collections.abc import Callable

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from rjcli.events import Progressed
from rjcli.report.terminal import TerminalConsole

_REFRESH_SECONDS = 0.25


class LoadBar:
    """A bar for all tables together over one for each that is being pushed; gone when it stops."""

    def __init__(
        self, console: TerminalConsole, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._drawn = 0.0
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            DownloadColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True),
            TextColumn("{task.fields[counts]}", markup=False, table_column=Column(no_wrap=True)),
            console=console.rich,
            auto_refresh=False,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._all = self._bar.add_task("all", total=None, counts="")
        self._tables: dict[str, TaskID] = {}
        self._bytes: dict[str, int] = {}

    def start(self, bytes_total: int) -> None:
        self._bar.update(self._all, total=bytes_total or None)
        self._bar.start()

    def begin(self, table: str) -> None:
        self._tables[table] = self._bar.add_task(table, total=None, counts="")

    def update(self, table: str, progressed: Progressed) -> None:
        counts = progressed.counts
        self._bytes[table] = progressed.bytes_read
        self._bar.update(
            self._tables[table],
            completed=progressed.bytes_read,
            total=progressed.bytes_total,
            counts=f"{counts.accepted:,} accepted, {counts.rejected:,} rejected",
        )
        now = self._clock()
        if now - self._drawn >= _REFRESH_SECONDS:
            self._drawn = now
            in_flight = f"{progressed.in_flight} in flight"
            completed = sum(self._bytes.values())
            self._bar.update(self._all, completed=completed, counts=in_flight, refresh=True)

    def end(self, table: str, bytes_read: int) -> None:
        self._bytes[table] = bytes_read
        if table in self._tables:
            self._bar.remove_task(self._tables.pop(table))

    def stop(self) -> None:
        self._bar.stop()
