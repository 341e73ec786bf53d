"""What a delivery is doing, and what keeps it from success, as people are shown it."""

from collections.abc import Iterable
from math import inf
from typing import Protocol

from rjcli.delivery.in_flight import InFlightBatch
from rjcli.delivery.late_writes import LateWrites
from rjcli.delivery.limits import Limits
from rjcli.errors import InterruptedByUserError
from rjcli.events import Activity, Outage
from rjcli.settings.values import DeliverySettings

_SHORTEST = 1.0  # seconds; a single failure is no outage


class Watched(Protocol):
    """What is known of a delivery, for people to see what it is doing."""

    late: LateWrites
    not_before: float
    aborts_at: float
    is_repeating: bool

    @property
    def failure(self) -> Exception | None:
        """What made it stop."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in flight."""


def find_activity(delivery: Watched, now: float) -> tuple[Activity, float | None]:
    """What a delivery is doing, and in how many seconds that ends at the latest."""
    if error := delivery.failure:
        is_ctrl_c = isinstance(error, InterruptedByUserError) and error.is_ctrl_c
        activity = Activity.INTERRUPTED if is_ctrl_c else Activity.STOPPING
        return activity, None if delivery.is_idle else max(0.0, delivery.aborts_at - now)
    if delivery.not_before > now:
        return Activity.WAITING_FOR_KILLED_PUSH, delivery.not_before - now
    if delivery.is_repeating and delivery.late.to_repeat:
        return Activity.WAITING_FOR_LATE_WRITES, max(0.0, delivery.late.last_until - now)
    return Activity.SENDING, None


def find_outage(
    limits: Limits,
    in_flight: Iterable[InFlightBatch],
    settings: DeliverySettings,
    *,
    has_worked: bool,
) -> Outage | None:
    """The outage that goes on now, if there is one: at once where the API never worked."""
    gate, now = limits.gate, limits.timing.now()
    failure, since = gate.last_failure, gate.failing_since
    if failure is None or since is None or (has_worked and now - since < _SHORTEST):
        return None
    parts = [batch.parts[-1] for batch in in_flight if batch.parts]
    ready_at = min((part.ready_at for part in parts), default=inf)
    is_attempting = any(part.is_attempting for part in parts)
    wait = max(ready_at if ready_at < inf else now, gate.closed_until) - now
    return Outage(
        failure.status,
        str(failure),
        # Where several requests failed at once, all of them are counted.
        gate.failures + 1,
        None if is_attempting or wait <= 0 else wait,
        max(0.0, since + gate.patience(failure, settings) - now),
    )
