"""How fast a push goes, and how long it will take; and the words for where it is."""

import time
from collections import deque
from collections.abc import Callable
from math import ceil, floor
from typing import NamedTuple

from rich.filesize import decimal

from rjcli.errors import plural
from rjcli.events import Activity, Outage, Progressed

_WINDOW = 30.0  # seconds that a rate is measured over
_SAMPLE_SECONDS = 0.5
_MINUTE = 60.0
_LEAST_SECONDS = 2.0  # of progress, before a time left is estimated

_READING = {Activity.FINDING_TYPES, Activity.PASSING_LOADED}
_STOPPING = {Activity.STOPPING, Activity.INTERRUPTED}
_WORKING = {*_READING, Activity.SENDING}


class _Sample(NamedTuple):
    at: float
    records: int
    bytes: float


class Meter:
    """Measures one push by where it is at each moment.

    Only the present activity counts: not a pass over the input before it, and not what
    was loaded by the run that is resumed. ``clock`` counts seconds and never jumps;
    ``wall`` is the time of day, in seconds as of ``time.time``.
    """

    def __init__(self, clock: Callable[[], float], wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._samples: deque[_Sample] = deque()
        self._latest: _Sample | None = None
        self._progressed: Progressed | None = None

    def update(self, progressed: Progressed) -> bool:
        """Take in where the push is; return whether that calls for an answer at once."""
        before, self._progressed = self._progressed, progressed
        is_same = before is not None and _kind(before) == _kind(progressed)
        if not is_same:
            self._samples.clear()
        self._latest = _Sample(self._clock(), _settled(progressed), _bytes_done(progressed))
        if not self._samples or self._latest.at - self._samples[-1].at >= _SAMPLE_SECONDS:
            self._samples.append(self._latest)
            while self._samples[0].at < self._latest.at - _WINDOW:
                self._samples.popleft()
        return not is_same and not is_working(progressed)

    @property
    def share(self) -> float | None:
        """How much of the input is done with, from 0 to 1; None where its size is not known."""
        at = self._progressed
        if at is None or not at.bytes_total:
            return None
        return min(1.0, _bytes_done(at) / at.bytes_total)

    @property
    def percent(self) -> str:
        """The share as people read it: ``59%``, rounded down; empty where it is not known."""
        share = self.share
        return "" if share is None else f"{floor(share * 100)}%"

    @property
    def activity(self) -> str:
        """What the push is doing."""
        return _describe_activity(self._progressed, self._wall()) if self._progressed else ""

    @property
    def counts(self) -> str:
        """How many records had which outcome."""
        if self._progressed is None or self._progressed.activity in _READING:
            return ""
        counts, outage = self._progressed.counts, self._progressed.outage
        if counts.unsent and is_working(self._progressed):  # a dry run
            return f"{counts.unsent:,} would be sent, {counts.rejected:,} rejected"
        text = f"{counts.accepted:,} accepted, {counts.rejected:,} rejected"
        # One that waits for another attempt counts as in flight for the limit alone.
        is_waiting = outage is not None and outage.retry_in is not None
        return text if is_waiting else f"{text}, {self._progressed.in_flight} in flight"

    @property
    def rate(self) -> str:
        """Records and bytes a second, where the push is at work."""
        at, seconds = self._progressed, self._seconds
        if at is None or not is_working(at) or seconds < _SAMPLE_SECONDS:
            return ""
        first, last = self._samples[0], self._latest or self._samples[0]
        bytes_rate = f"{decimal(int((last.bytes - first.bytes) / seconds))}/s"
        if at.activity in _READING:
            return bytes_rate
        return f"{(last.records - first.records) / seconds:,.0f} records/s, {bytes_rate}"

    @property
    def left(self) -> str:
        """How long sending will still take; empty where that cannot be estimated."""
        at, first, last = self._progressed, next(iter(self._samples), None), self._latest
        if at is None or first is None or last is None or not at.bytes_total:
            return ""
        is_sending = at.activity is Activity.SENDING and is_working(at)
        if not is_sending or self._seconds < _LEAST_SECONDS or last.bytes <= first.bytes:
            return ""
        rest = (at.bytes_total - last.bytes) * self._seconds / (last.bytes - first.bytes)
        return f"{show_seconds(rest)} left" if rest > 0 else ""

    @property
    def read(self) -> str:
        """How much was read, of how much."""
        at = self._progressed
        if at is None:
            return ""
        if not at.bytes_total:
            return f"{decimal(at.bytes_read)} read"
        return f"{decimal(at.bytes_read)} of {decimal(at.bytes_total)} read"

    @property
    def _seconds(self) -> float:
        return self._latest.at - self._samples[0].at if self._latest and self._samples else 0.0


def is_working(progressed: Progressed) -> bool:
    """Whether the push gets on, and does not wait for anything."""
    return progressed.outage is None and progressed.activity in _WORKING


def show_seconds(seconds: float) -> str:
    """A time to wait, rounded up: ``12 s``, ``1:42``, ``2:03:00``."""
    whole = max(1, ceil(seconds))
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return f"{whole} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _kind(progressed: Progressed) -> tuple[Activity, bool]:
    return progressed.activity, progressed.outage is not None


def _settled(progressed: Progressed) -> int:
    counts = progressed.counts
    return counts.accepted + counts.rejected + counts.unknown + counts.unsent


def _bytes_done(progressed: Progressed) -> float:
    """Bytes whose records are settled: those read, less those whose records are under way."""
    read = progressed.counts.read
    if progressed.activity in _READING or not read:
        return float(progressed.bytes_read)
    return progressed.bytes_read * min(1.0, _settled(progressed) / read)


def _describe_activity(progressed: Progressed, wall: float) -> str:
    activity, ends_in = progressed.activity, progressed.activity_ends_in
    if activity in _STOPPING:
        again = "; Ctrl-C again to stop now" if activity is Activity.INTERRUPTED else ""
        if ends_in is None:
            return "stopping"
        requests = plural(progressed.in_flight, "request")
        return f"stopping: {requests} in flight, {show_seconds(ends_in)} at most{again}"
    if progressed.outage and not ends_in:
        return _describe_outage(progressed.outage, wall)
    return f"{activity} {show_seconds(ends_in)}" if ends_in else str(activity)


def _describe_outage(outage: Outage, wall: float) -> str:
    is_answer = outage.status is not None and outage.status >= 300  # noqa: PLR2004 - no success
    what = f"API answers {outage.status}" if is_answer else outage.reason
    when = "under way" if outage.retry_in is None else f"in {show_seconds(outage.retry_in)}"
    end = _describe_end(outage.give_up_in, wall)
    return f"{what}, attempt {outage.attempt:,} {when}, giving up {end}"


def _describe_end(seconds: float, wall: float) -> str:
    if seconds <= _MINUTE:
        return f"in {show_seconds(seconds)}"
    end = time.localtime(wall + seconds)
    is_today = end[:3] == time.localtime(wall)[:3]
    return time.strftime("at %H:%M" if is_today else "at %a %H:%M", end)
