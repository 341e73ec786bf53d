"""Faults on demand, for those who test how their own pipelines take them."""

import random
from dataclasses import dataclass
from enum import Enum, auto

from rjcli.errors import UsageError


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong with upserts, and how often.

    ``latency`` is in seconds. The rates are shares of all upserts, from 0 to 1
    and together at most 1: ``fail_rate`` are answered ``fail_status`` (400 to
    599), ``drop_rate`` lose their connection before they are applied, and
    ``drop_after_apply_rate`` after it. ``retry_after``, in seconds, goes into the
    failing answers' Retry-After. Equal seeds give equal sequences of faults.

    Raises UsageError for anything out of range.
    """

    latency: float = 0.0
    fail_rate: float = 0.0
    fail_status: int = 503
    drop_rate: float = 0.0
    drop_after_apply_rate: float = 0.0
    retry_after: int | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.latency < float("inf"):
            raise UsageError(f"a latency is 0 seconds or more, not {self.latency}")
        rates = (self.fail_rate, self.drop_rate, self.drop_after_apply_rate)
        if not (all(rate >= 0 for rate in rates) and sum(rates) <= 1):
            raise UsageError("the rates of faults are from 0 to 1, and together at most 1")
        if not 400 <= self.fail_status <= 599:  # noqa: PLR2004 -- the error statuses of HTTP
            raise UsageError(f"a failing status is from 400 to 599, not {self.fail_status}")
        if self.retry_after is not None and self.retry_after < 0:
            raise UsageError(f"Retry-After is 0 seconds or more, not {self.retry_after}")


class Fault(Enum):
    """What happens to one upsert."""

    NONE = auto()
    FAIL = auto()
    DROP = auto()
    DROP_AFTER_APPLY = auto()


class FaultSwitch:
    """The faults that are on, which can be changed while the server runs.

    They are drawn one after the other, in the same order for the same faults and seed.
    """

    def __init__(self, faults: Faults) -> None:
        self.set(faults)

    def set(self, faults: Faults) -> None:
        """Switch faults on, from the beginning of their sequence."""
        self.faults = faults
        self._random = random.Random(faults.seed)  # noqa: S311 -- repeatable, not secret

    def draw(self) -> Fault:
        """Decide about the next upsert."""
        left = self._random.random()
        for fault, rate in (
            (Fault.FAIL, self.faults.fail_rate),
            (Fault.DROP, self.faults.drop_rate),
            (Fault.DROP_AFTER_APPLY, self.faults.drop_after_apply_rate),
        ):
            if left < rate:
                return fault
            left -= rate
        return Fault.NONE
