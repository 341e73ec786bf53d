"""Plans: what a seed draws. Pure: the same seed, the same plan."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
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


class Act(StrEnum):
    """What is done to an invocation."""

    KILL = "kill"
    INT = "int"
    TERM = "term"
    TWICE = "twice"  # a second signal soon after the first
    DISK = "disk"  # no file may become larger
    OUTAGE = "outage"  # the server is gone for a while
    RIVAL = "rival"  # the same command at the same time


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
    late = chance.choice([2.0, 3.0, 4.0])
    keys = _weighted(
        chance,
        {
            KeyKind.ALIKE: 35,
            KeyKind.FEW: 25,
            KeyKind.HOT: 20,
            KeyKind.COMPOSITE: 12,
            KeyKind.UNIQUE: 8,
        },
    )
    has_limit = chance.random() < 0.5
    jobs: list[Job] = []
    for number in range(_weighted(chance, {1: 5, 2: 5, 3: 1})):
        jobs.append(_draw_job(chance, keys, jobs[number - 1] if number else None, has_limit=has_limit))
    jobs[-1] = _finished(jobs[-1])
    largest = max(job.size for job in jobs)
    return Plan(
        seed=seed,
        jobs=tuple(jobs),
        comparison=_weighted(
            chance, {Comparison.EXACT: 6, Comparison.FOLDED: 2, Comparison.NUMERIC: 2}
        ),
        faults=_draw_faults(chance, late, max(4_000, largest // 60) if has_limit else None),
        settle=late + 1.0,
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


def _draw_job(
    chance: random.Random, keys: KeyKind, before: Job | None, *, has_limit: bool
) -> Job:
    is_repeat = before is not None and chance.random() < 0.2
    if is_repeat and before:
        return Job(
            before.recipe,
            (_draw_segment(chance, 0, is_last=True),),
            before.is_compressed,
            before.is_piped,
            has_run_dir=before.has_run_dir,
            is_repeat=True,
            line_end=before.line_end,
        )
    form = _weighted(chance, {Form.NDJSON: 4, Form.JSON: 2, Form.CSV: 3, Form.TSV: 1})
    size, text = _draw_size(chance)
    stretch = chance.choice([1, 1, 3, 40])
    recipe = Recipe(
        form,
        keys,
        text,
        huge=100_000 if has_limit else None,
        malformed=chance.choice([0.0, 0.01, 0.05]),
        poison=min(chance.choice([0.0, 0.01, 0.03]), _MOST_POISON / (size + 1)) / stretch,
        stretch=stretch,
    )
    segments = [_draw_segment(chance, size, is_last=True)]
    if size and chance.random() < 0.4:
        before_growing = _draw_segment(chance, size, is_last=False)
        segments = [before_growing, _draw_segment(chance, chance.randint(1, size), is_last=True)]
    is_piped = chance.random() < 0.12
    return Job(
        recipe,
        tuple(segments),
        is_compressed=chance.random() < 0.2,
        is_piped=is_piped,
        has_run_dir=chance.random() < 0.2,
        is_repeat=False,
        line_end=chance.choice([b"\n", b"\r\n"]),
    )


def _draw_size(chance: random.Random) -> tuple[int, int]:
    """How many records, and how many characters of text each has."""
    match _weighted(chance, {"none": 2, "few": 12, "some": 60, "many": 18, "long": 6, "large": 2}):
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
        case _:
            return 30_000, 80
    raise AssertionError


def _draw_segment(chance: random.Random, records: int, *, is_last: bool) -> Segment:
    interruptions = [_draw_interruption(chance) for _ in range(_weighted(chance, _HOW_MANY))]
    if interruptions and chance.random() < 0.25:
        # A killed process's requests are to be known after another one that was stopped.
        kill = Interruption(Act.KILL, chance.random() * 0.7, is_snagged=True, pause=0.0)
        stop = Interruption(Act.INT, 0.0, is_snagged=False, pause=0.0)
        interruptions = [kill, stop, *interruptions[:1]]
    is_finished = not interruptions or chance.random() < (0.6 if is_last else 0.8)
    return Segment(records, tuple(interruptions), is_finished)


_HOW_MANY: Mapping[int, int] = {0: 3, 1: 5, 2: 3}


def _draw_interruption(chance: random.Random) -> Interruption:
    act = _weighted(
        chance,
        {
            Act.KILL: 8,
            Act.INT: 3,
            Act.TERM: 2,
            Act.TWICE: 2,
            Act.DISK: 4,
            Act.OUTAGE: 2,
            Act.RIVAL: 1,
        },
    )
    return Interruption(
        act,
        after=None if chance.random() < 0.25 else chance.random() ** 2,
        is_snagged=chance.random() < 0.5,
        pause=chance.choice([0.0, 0.0, 0.0, 0.5, 1.5]),
    )


def _finished(job: Job) -> Job:
    """The same job, pushed to its end."""
    *others, last = job.segments
    finished = Segment(last.records, last.interruptions, is_finished=True)
    return Job(**(vars(job) | {"segments": (*others, finished)}))


def _weighted(chance: random.Random, weights: Mapping[T, int]) -> T:
    return chance.choices([*weights], [*weights.values()])[0]
