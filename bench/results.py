"""What was found, and how it is shown: tables that read as text and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.data import MEGABYTE
from bench.processes import Usage
from bench.rounds import time_ratio, typical

_MICROSECONDS = 1_000_000


class Outcome(StrEnum):
    """How a measurement stands to its bar."""

    OK = "ok"
    MISSED = "**missed**"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Measurement:
    """One target: what was measured, what came out, and the bar it is held against."""

    what: str
    measured: str
    bar: str
    outcome: Outcome


@dataclass(frozen=True)
class Standing:
    """One client among its peers: the records that it sent in each of some rounds.

    ``rounds``: empty if it was not measured, and ``note`` says why.
    """

    client: str
    records: int
    rounds: Sequence[Usage]
    note: str = ""

    def rate_against(self, other: "Standing") -> float:
        """How many times the records a second of another it sent; whole processes."""
        return time_ratio(other.rounds, self.rounds) * self.records / other.records


@dataclass(frozen=True)
class Results:
    """What a group of measurements found. ``notes``: how, where a finding does not say it."""

    messages: tuple[Measurement, ...] = ()
    standings: tuple[Standing, ...] = ()
    notes: tuple[str, ...] = ()


def at_least(what: str, measured: float, bar: float, unit: str = "times") -> Measurement:
    """Hold a ratio against the least that it should be."""
    outcome = Outcome.OK if measured >= bar else Outcome.MISSED
    return Measurement(what, f"{measured:.2f} {unit}".rstrip(), f"at least {bar:g}", outcome)


def at_most(what: str, measured: float, bar: float, unit: str = "times") -> Measurement:
    """Hold a ratio against the most that it should be."""
    outcome = Outcome.OK if measured <= bar else Outcome.MISSED
    return Measurement(what, f"{measured:.2f} {unit}".rstrip(), f"at most {bar:g}", outcome)


def at_most_slower(what: str, ratio: float, bar: float) -> Measurement:
    """Hold what something costs, as a ratio of the time with it to that without, against a bar."""
    outcome = Outcome.OK if ratio <= 1 + bar else Outcome.MISSED
    return Measurement(what, f"{ratio - 1:+.1%}", f"at most {bar:+.0%}", outcome)


def not_measured(what: str, why: str, bar: str) -> Measurement:
    """Say why there is no measurement."""
    return Measurement(what, f"not measured: {why}", bar, Outcome.NOT_MEASURED)


def findings_table(messages: Sequence[Measurement]) -> str:
    """Show how the targets stand."""
    lines = [(each.what, each.measured, each.bar, each.outcome) for each in messages]
    return _table(("what", "measured", "bar", "outcome"), lines)


def standings_table(standings: Sequence[Standing]) -> str:
    """Show the peers side by side; the first is the one that the others are compared with."""
    head = ("client", "records/s", "CPU µs a record", "peak MB", "rjcli against it")
    return _table(head, [_standing(each, standings[0]) for each in standings])


def _standing(standing: Standing, first: Standing) -> Sequence[str]:
    if not standing.rounds:
        return (standing.client, f"not measured: {standing.note}", "", "", "")
    usage = typical(standing.rounds)
    return (
        standing.client,
        f"{standing.records / usage.seconds:,.0f}",
        f"{usage.cpu_seconds * _MICROSECONDS / standing.records:.2f}",
        f"{usage.peak_bytes / MEGABYTE:.0f}",
        "" if standing is first else f"{first.rate_against(standing):.2f} times",
    )


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    ruled = [head, ["-" * width for width in widths], *lines]
    return "\n".join(
        "| " + " | ".join(map(str.ljust, line, widths)) + " |"  # ljust(text, width)
        for line in ruled
    )
