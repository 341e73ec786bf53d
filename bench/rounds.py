"""What is compared runs in turn, round by round.

Other work makes a process slower, never faster, and a shared machine can be slow
for minutes. Of what takes seconds, and so has few rounds, each round is compared
within itself, as what runs side by side meets the same machine: the median ratio
counts. Of what is short, or differs by a few per cent, there are many rounds,
and the best of each is what it takes undisturbed: the ratio of the best counts.
"""

from collections.abc import Callable, Mapping, Sequence
from statistics import median

from bench.processes import Usage

Run = Callable[[], Usage]


def in_turn(runs: Mapping[str, Run], rounds: int) -> dict[str, list[Usage]]:
    """Do each of some runs once a round, every other round backwards; give all rounds of each."""
    usages: dict[str, list[Usage]] = {name: [] for name in runs}
    names = list(runs)
    for _ in range(rounds):
        for name in names:
            usages[name].append(runs[name]())
        names.reverse()
    return usages


def typical(usages: Sequence[Usage]) -> Usage:
    """The median of the times, and the highest peak."""
    return Usage(
        median(usage.seconds for usage in usages),
        median(usage.cpu_seconds for usage in usages),
        max(usage.peak_bytes for usage in usages),
    )


def best(usages: Sequence[Usage]) -> Usage:
    """The least of the times, and the highest peak."""
    return Usage(
        min(usage.seconds for usage in usages),
        min(usage.cpu_seconds for usage in usages),
        max(usage.peak_bytes for usage in usages),
    )


def time_ratio(usages: Sequence[Usage], others: Sequence[Usage]) -> float:
    """How many times the time of the others it took, in the median round."""
    pairs = zip(usages, others, strict=True)
    return median(usage.seconds / other.seconds for usage, other in pairs)
