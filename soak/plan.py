"""Plans: what a seed draws. Pure: the same seed, the same plan."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from soak.faults import Fault, FaultPlan
from soak.records import Form, KeyKind, Recipe
from soak.table import Comparison

T = TypeVar("T")

_MOST_POISON = 40  # records of an input; each takes several requests to find
_LARGE_TEXT = 1_500  # characters, so that few records make a file of 4 MiB
_LARGE_BYTES = 4_400_000
_RECORD_BYTES = 90  # of a record's names, keys and a short text
_MOST_BODIES = 60  # of the largest size, to hold all records of an input
_HUGE_TEXT = 100_000  # characters
_MARGIN_SECONDS = 1.0  # that a process may lose on a busy machine
_SIZES = {"none": 2, "few": 12, "some": 60, "many": 18, "long": 6, "large": 2}
_FORMS = {Form.NDJSON: 4, Form.JSON: 2, Form.CSV: 3, Form.TSV: 1}
_COMPARISONS = {Comparison.EXACT: 6, Comparison.FOLDED: 2, Comparison.NUMERIC: 2}
_KEYS = {
    KeyKind.ALIKE: 35,
    KeyKind.FEW: 25,
    KeyKind.HOT: 20,
    KeyKind.COMPOSITE: 12,
    KeyKind.UNIQUE: 8,
}


class Act(StrEnum):
    """What is done to an invocation."""

    KILL = "kill"
    INT = "int"
    TERM = "term"
    TWICE = "twice"  # a second signal soon after the first
    DISK = "disk"  # no file may become larger
    OUTAGE = "outage"  # the server is gone for a while
    RIVAL = "rival"  # the same command at the same time
    LATE = "late"  # nothing but requests without an answer


_ACTS = {
    Act.KILL: 7,
    Act.INT: 2,
    Act.TERM: 1,
    Act.TWICE: 2,
    Act.DISK: 7,
    Act.OUTAGE: 2,
    Act.RIVAL: 1,
    Act.LATE: 3,
}


@dataclass(frozen=True)
class Interruption:
    """What is done to an invocation, and when.

    ``after``: share of the requests that its records take; None: when records are sent
    again because of late writes. ``is_snagged``: requests just before it bring no
    answer, and are applied late. ``pause``: seconds until the next invocation.
    """

    act: Act
    after: float | None
    is_snagged: bool
    pause: float


@dataclass(frozen=True)
class Segment:
    """Records that a file has grown by, and what is done to the invocations that push them.

    ``is_finished``: the push is resumed until it is complete.
    """

    records: int
    interruptions: tuple[Interruption, ...]
    is_finished: bool


@dataclass(frozen=True)
class Job:
    """A file to push into the table. ``is_repeat``: the same file as the job before."""

    recipe: Recipe
    segments: tuple[Segment, ...]
    is_compressed: bool
    is_piped: bool
    has_run_dir: bool
    is_repeat: bool
    line_end: bytes

    @property
    def size(self) -> int:
        """About how many bytes its records have."""
        records = sum(segment.records for segment in self.segments)
        return records * (self.recipe.text + _RECORD_BYTES)


@dataclass(frozen=True)
class Plan:
    """A scenario. Times in seconds; ``settle`` covers how late the server applies requests."""

    seed: int
    jobs: tuple[Job, ...]
    comparison: Comparison
    faults: FaultPlan
    settle: float
    timeout: float
    retry_for: float
    waits_for_files: bool

    @property
    def keys(self) -> KeyKind:
        """The kind of keys, the same in all jobs."""
        return self.jobs[0].recipe.keys


def draw_plan(seed: int) -> Plan:
    """Draw a scenario."""
    chance = random.Random(seed)
    has_limit = chance.random() < 0.5
    drawing = _Drawing(chance, _weighted(chance, _KEYS), has_limit=has_limit)
    jobs = drawing.jobs(_weighted(chance, {1: 6, 2: 5, 3: 1}))
    # Two processes have to start and end before what the first one sent is applied.
    late = 4.0 if drawing.has_memory_test else chance.choice([2.0, 2.0, 3.0, 4.0])
    max_body = chance.choice([450, 1_000, 4_000])
    max_body = max(max_body, *(job.size // _MOST_BODIES for job in jobs))
    return Plan(
        seed=seed,
        jobs=tuple(jobs),
        comparison=_weighted(chance, _COMPARISONS),
        faults=_draw_faults(chance, late, max_body if has_limit else None),
        settle=late + _MARGIN_SECONDS,
        timeout=chance.choice([1.0, 2.0]),
        retry_for=chance.choice([2.0, 5.0, 20.0]),
        waits_for_files=chance.random() < 0.25,
    )


def _draw_faults(chance: random.Random, late: float, max_body: int | None) -> FaultPlan:
    kinds = chance.sample(list(Fault), chance.randint(1, len(Fault)))
    return FaultPlan(
        rate=chance.choice([0.05, 0.1, 0.2, 0.3]),
        weights={kind: chance.choice([1, 2, 6]) for kind in kinds},
        most=chance.choice([4, 8, 15]),
        late_share=chance.choice([0.3, 0.6, 0.9]),
        late_seconds=late,
        latency=chance.choice([0.0, 0.005, 0.02]),
        max_body=max_body,
        echoes_key=chance.random() < 0.5,
    )


class _Drawing:
    """Draws the jobs of one scenario. ``has_memory_test``: there may be one only."""

    def __init__(self, chance: random.Random, keys: KeyKind, *, has_limit: bool) -> None:
        self._chance = chance
        self._keys = keys
        self._has_limit = has_limit
        self.has_memory_test = False

    def jobs(self, number: int) -> list[Job]:
        """Draw some jobs, of which the last one is pushed to its end."""
        jobs = [self._job()]
        while len(jobs) < number:
            is_repeat = self._chance.random() < 0.2
            jobs.append(self._again(jobs[-1]) if is_repeat else self._job())
        *others, last = jobs[-1].segments
        jobs[-1] = replace(jobs[-1], segments=(*others, replace(last, is_finished=True)))
        return jobs

    def _job(self) -> Job:
        chance = self._chance
        size, text = self._size()
        stretch = chance.choice([1, 1, 3, 40])
        recipe = Recipe(
            _weighted(chance, _FORMS),
            self._keys,
            text,
            huge=_HUGE_TEXT if self._has_limit else None,
            malformed=chance.choice([0.0, 0.01, 0.05]),
            poison=min(chance.choice([0.0, 0.01, 0.03]), _MOST_POISON / (size + 1)) / stretch,
            stretch=stretch,
        )
        segments = [self._segment(size)]
        if size and chance.random() < 0.4:
            segments.append(self._segment(chance.randint(1, size)))
        return Job(
            recipe,
            tuple(segments),
            is_compressed=chance.random() < 0.2,
            is_piped=chance.random() < 0.12,
            has_run_dir=chance.random() < 0.2,
            is_repeat=False,
            line_end=chance.choice([b"\n", b"\r\n"]),
        )

    def _again(self, job: Job) -> Job:
        """The same file pushed again, and not resumed."""
        return replace(job, segments=(self._segment(0),), is_repeat=True)

    def _size(self) -> tuple[int, int]:
        """How many records, and how many characters of text each has."""
        chance = self._chance
        match _weighted(chance, _SIZES):
            case "none":
                return 0, 0
            case "few":
                return chance.randint(1, 30), 0
            case "some":
                return chance.randint(30, 600), 0
            case "many":
                return chance.randint(600, 3_000), chance.randint(0, 50)
            case "long":
                return _LARGE_BYTES // (_LARGE_TEXT + _RECORD_BYTES), _LARGE_TEXT
        return 30_000, 80

    def _segment(self, records: int) -> Segment:
        chance = self._chance
        if not self.has_memory_test and chance.random() < 0.3:
            self.has_memory_test = True
            interruptions = self._memory_test()
        else:
            number = _weighted(chance, {0: 3, 1: 5, 2: 1})
            interruptions = [self._interruption() for _ in range(number)]
        is_finished = not interruptions or chance.random() < 0.6
        return Segment(records, tuple(interruptions), is_finished)

    def _memory_test(self) -> list[Interruption]:
        """A process is killed, and the next one is stopped soon, or while it sends records again.

        What the first had sent must be known to the one after the next.
        """
        chance = self._chance
        kill = Interruption(Act.KILL, chance.random() * 0.7, is_snagged=True, pause=0.0)
        act = chance.choice([Act.INT, Act.TERM])
        if chance.random() < 0.5:
            return [kill, Interruption(act, 0.0, is_snagged=False, pause=0.0)]
        return [kill, Interruption(act, None, is_snagged=True, pause=0.0)]

    def _interruption(self) -> Interruption:
        chance = self._chance
        act = _weighted(chance, _ACTS)
        return Interruption(
            act,
            after=None if chance.random() < 0.1 else chance.random() ** 2,
            is_snagged=act in {Act.DISK, Act.LATE} or chance.random() < 0.5,
            pause=chance.choice([0.0, 0.0, 0.0, 0.5, 1.5]),
        )


def _weighted(chance: random.Random, weights: Mapping[T, int]) -> T:
    return chance.choices([*weights], [*weights.values()])[0]
