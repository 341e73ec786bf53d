"""Progress while a run goes on; the bar on a terminal is in ``terminal.py``."""

import time
from collections.abc import Callable
from typing import Protocol

from rich.filesize import decimal

from rjcli.events import Progressed
from rjcli.report.console import Console

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
        parts = [_share_read(progressed), describe_counts(progressed, seconds)]
        left = _seconds_left(progressed, seconds)
        if left is not None:
            parts.append(f"{left:,.0f} s left")
        self._console.print_line(", ".join(parts))

    def stop(self) -> None:
        """Nothing stays on the screen that would have to go."""


def describe_counts(progressed: Progressed, seconds: float) -> str:
    """How many records met which fate, and how quickly, ``seconds`` after the start."""
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
