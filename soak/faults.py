"""Faults: what the server does with a request, and when it applies it."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, NamedTuple

from soak.records import STATUS, Kind
from soak.table import Fields


class Fault(StrEnum):
    """What can go wrong with a request."""

    BUSY = "429"
    ERROR = "500"  # or another status that leaves open whether it was applied
    GATEWAY = "504"  # or another one after which it may still be applied
    DROP = "drop"
    HALF = "half"  # an answer that breaks off
    HANG = "hang"  # no answer at all
    PAGE = "page"  # an acknowledgement that is none
    SLOW = "slow"
    DOUBLE = "double"  # a second answer nobody asked for


class Write(Enum):
    """When the records of a request are written into the table."""

    NEVER = 0
    NOW = 1
    LATE = 2


class Ending(Enum):
    """How an exchange ends."""

    ANSWER = 0
    CLOSE = 1
    HALF = 2
    HANG = 3
    DOUBLE = 4  # another answer right after it
    DOUBLE_LATER = 5


class Fate(NamedTuple):
    """What becomes of a request. ``wait``: seconds before the answer; ``late``: before the write.

    ``retry_after``: None for none.
    """

    status: int = 201
    write: Write = Write.NOW
    ending: Ending = Ending.ANSWER
    wait: float = 0.0
    late: float = 0.0
    retry_after: int | None = None
    is_page: bool = False


@dataclass(frozen=True)
class FaultPlan:
    """Which faults a server has, and how often.

    ``rate``: share of requests that have one, ``most`` of them in one invocation.
    ``late_share``: of those that may be applied late, how many are, after up to
    ``late_seconds``. ``max_body``: bytes; None for no limit. ``echoes_key``: errors
    quote the address.
    """

    rate: float
    weights: Mapping[Fault, int]
    most: int
    late_share: float
    late_seconds: float
    latency: float
    max_body: int | None
    echoes_key: bool


_COSTLY = {Fault.HANG: 2, Fault.BUSY: 2}  # the most in an invocation, as each takes its time


class Faults:
    """Draws the fate of each request."""

    def __init__(self, plan: FaultPlan, chance: random.Random) -> None:
        self.plan = plan
        self._chance = chance
        self.counts: Counter[str] = Counter()
        self._now: Counter[Fault] = Counter()  # in this invocation
        self.is_calm = False

    def begin(self) -> None:
        """Begin another invocation, with as many faults as the first."""
        self._now.clear()

    def snagged(self, records: Sequence[Fields], *, is_lost: bool) -> Fate:
        """The fate of a request that brings no answer; applied as late as can be unless lost."""
        self.counts["snag"] += 1
        write = Write.NEVER if is_lost or refusal(records) else Write.LATE
        return Fate(write=write, ending=Ending.HANG, late=self._late(0.9))

    def draw(self, records: Sequence[Fields], size: int) -> Fate:
        """The fate of a request with a body of so many bytes."""
        fault = self._draw_fault()
        refused = refusal(records)
        too_large = self.plan.max_body is not None and size > self.plan.max_body
        fate = self._answer(refused or (413 if too_large else None))
        if fault:
            self.counts[fault] += 1
            self._now[fault] += 1
            fate = self._with_fault(fault, fate)
        if refused:
            return fate._replace(write=Write.NEVER)
        # What is too large may have come through another way in, and be written late.
        return fate._replace(write=Write.NEVER) if too_large and fate.write is Write.NOW else fate

    def _answer(self, refused: int | None) -> Fate:
        wait = self._chance.random() * self.plan.latency
        if refused:
            return Fate(refused, Write.NEVER, wait=wait)
        return Fate(wait=wait)

    def _draw_fault(self) -> Fault | None:
        if self.is_calm or self._now.total() >= self.plan.most:
            return None
        if self._chance.random() >= self.plan.rate:
            return None
        weights = self.plan.weights
        fault = self._chance.choices([*weights], [*weights.values()])[0]
        return None if self._now[fault] >= _COSTLY.get(fault, self.plan.most) else fault

    def _with_fault(self, fault: Fault, fate: Fate) -> Fate:
        chance = self._chance
        sooner = chance.choice([Write.NEVER, Write.NOW])
        later = Write.LATE if chance.random() < self.plan.late_share else sooner
        no_answer = {"write": later, "late": self._late(0.1)}
        changes: dict[Fault, dict[str, Any]] = {
            Fault.BUSY: {
                "status": 429,
                "write": Write.NEVER,
                "retry_after": chance.choice([None, None, 0, 1]),
            },
            Fault.ERROR: {"status": chance.choice([408, 500, 503]), "write": sooner},
            Fault.GATEWAY: {"status": chance.choice([502, 504, 520, 524]), **no_answer},
            Fault.DROP: {"ending": Ending.CLOSE, **no_answer},
            Fault.HALF: {"ending": Ending.HALF, **no_answer},
            Fault.HANG: {"ending": Ending.HANG, **no_answer},
            Fault.PAGE: {"is_page": fate.status == 201, "write": sooner},
            Fault.SLOW: {"wait": chance.uniform(0.2, 0.8)},
            Fault.DOUBLE: {"ending": chance.choice([Ending.DOUBLE, Ending.DOUBLE_LATER])},
        }
        return fate._replace(**changes[fault])

    def _late(self, least: float) -> float:
        longest = self.plan.late_seconds
        return self._chance.uniform(least * longest, longest)


def refusal(records: Sequence[Fields]) -> int | None:
    """The status with which records are refused whatever the server does; None if they are not."""
    kinds = {record["kind"] for record in records}
    for kind in (Kind.POISON, Kind.HUGE):
        if kind in kinds:
            return STATUS[kind]
    return None
