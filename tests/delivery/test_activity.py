"""What a delivery says of itself while it goes on: outages, waits, retries and splits."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Any

import pytest

from rjcli.api.protocol import Answer, AttemptOutcome, OutcomeKind
from rjcli.delivery.activity import find_outage
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.in_flight import InFlightBatch, Part
from rjcli.delivery.limits import Limits
from rjcli.delivery.retry import Timing
from rjcli.errors import InterruptedByUserError, RjcliError, StoppedError, TransportError
from rjcli.events import Activity, Outage, Retried, Split
from rjcli.model import Records
from rjcli.preparing.batcher import make_batch
from rjcli.settings.values import DeliverySettings
from tests.delivery.records import (
    ACKNOWLEDGED,
    Api,
    Result,
    deliver_in_virtual_time,
    now,
    record,
    versions,
)

SETTINGS = DeliverySettings(batch_size=1, jobs=1, settle=0, retry_for=60, connect_for=20)
ONE = [record(1, 1)]
TWO = [record(1, 1), record(2, 2)]

Seen = list[tuple[float, Activity, float | None, Outage | None]]


def watch(
    api: Api,
    records: list[Any] = ONE,
    settings: DeliverySettings = SETTINGS,
    prepare: Callable[[Delivery], None] = lambda _: None,
) -> tuple[Seen, Result, float]:
    """Deliver; return what the delivery said of itself each second, how it went, and how long."""
    seen: Seen = []
    tasks = set()

    async def look(delivery: Delivery) -> None:
        while True:
            seen.append((now(), *delivery.activity, delivery.outage))
            await asyncio.sleep(1.0)

    def begin(delivery: Delivery) -> None:
        tasks.add(asyncio.get_running_loop().create_task(look(delivery)))
        prepare(delivery)

    result, seconds = deliver_in_virtual_time(api, records, settings, begin)
    return seen, result, seconds


async def unreachable(_: list[Any]) -> Answer:
    """No connection can be made."""
    raise TransportError("cannot connect to api.test: Connection refused", in_doubt=False)


async def busy(_: list[Any]) -> Answer:
    """The API is down."""
    return Answer(503, b"{}")


def test_an_api_that_was_never_reached_is_given_up_soon() -> None:
    """A host that refuses every connection is tried for --connect-for, and said to at once."""
    seen, result, seconds = watch(unreachable)
    assert seconds == pytest.approx(20, abs=0.1)
    assert isinstance(result.error, RjcliError)
    assert result.error.exit_code == 5
    assert "Connection refused" in result.error.message
    assert result.error.hint is not None
    assert "check the base URL" in result.error.hint
    outages = [outage for at, _, _, outage in seen if outage and at <= 1]
    assert outages[0].reason == "cannot connect to api.test: Connection refused"
    assert outages[0].give_up_in == pytest.approx(19, abs=1)


def test_an_api_that_was_reached_is_given_more_time() -> None:
    """After any answer, lost connections are retried for --retry-for."""
    asked = 0

    async def api(records: list[Any]) -> Answer:
        nonlocal asked
        asked += 1
        return await (busy if asked == 1 else unreachable)(records)

    _, result, seconds = watch(api)
    assert seconds == pytest.approx(60, abs=0.1)
    assert result.error is not None


def test_connect_for_is_never_longer_than_retry_for() -> None:
    """With a shorter --retry-for that one holds for the first connection as well."""
    settings = DeliverySettings(jobs=1, retry_for=5, connect_for=20)
    _, _, seconds = watch(unreachable, settings=settings)
    assert seconds == pytest.approx(5, abs=0.1)


def test_an_outage_names_answer_attempt_and_times() -> None:
    """In an outage the answer's status, the next attempt and the end of patience are known."""
    seen, _, _ = watch(busy)
    outages = {at: outage for at, _, _, outage in seen if outage}
    assert {outage.status for outage in outages.values()} == {503}
    attempts = [outage.attempt for outage in outages.values()]
    assert attempts == sorted(attempts)
    assert attempts[-1] > 5
    for at, outage in outages.items():
        assert outage.give_up_in == pytest.approx(60 - at, abs=0.1)
        assert outage.retry_in is None or 0 < outage.retry_in <= 30
    assert any(outage.retry_in for outage in outages.values())


def test_a_short_failure_is_no_outage() -> None:
    """An API that works shows no outage for a failure that is over within a second."""
    asked = 0

    async def api(_: list[Any]) -> Answer:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.1)
        return Answer(503, b"{}") if asked % 20 == 19 else ACKNOWLEDGED

    seen, result, _ = watch(api, versions(100, 100))
    assert result.error is None
    assert [outage for *_, outage in seen if outage] == []


def test_retry_after_is_counted_down() -> None:
    """While Retry-After holds all requests back, the time until the next one is shown."""
    asked = 0

    async def api(_: list[Any]) -> Answer:
        nonlocal asked
        asked += 1
        return Answer(503, b"{}", retry_after="8") if asked == 1 else ACKNOWLEDGED

    seen, _, _ = watch(api)
    waits = [outage.retry_in for *_, outage in seen if outage]
    assert waits == pytest.approx([7, 6, 5, 4, 3, 2, 1], abs=1.01)


@pytest.mark.parametrize(
    ("error", "activity"),
    [
        (InterruptedByUserError("stopped by SIGINT", signal=2), Activity.INTERRUPTED),
        (InterruptedByUserError("stopped by SIGTERM", signal=15), Activity.STOPPING),
        (StoppedError("too many rejects"), Activity.STOPPING),
    ],
    ids=["SIGINT", "SIGTERM", "rejects"],
)
def test_stopping_counts_down(error: RjcliError, activity: Activity) -> None:
    """While it waits for requests in flight, a stop says how long that lasts at most."""

    async def api(_: list[Any]) -> Answer:
        await asyncio.sleep(60)
        return ACKNOWLEDGED

    def stop_later(delivery: Delivery) -> None:
        asyncio.get_running_loop().call_later(2.5, delivery.stop, error)

    seen, _, seconds = watch(api, prepare=stop_later)
    assert seconds == pytest.approx(12.5, abs=0.1)
    assert {at: ends for at, what, ends, _ in seen if what is activity} == pytest.approx(
        {float(at): 12.5 - at for at in range(3, 13)}
    )


def test_waits_for_requests_that_may_come_late_have_an_end() -> None:
    """Waiting for late writes, and for those of a killed push, says for how long."""
    asked = 0

    async def api(_: list[Any]) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 1:
            raise TransportError("no answer", in_doubt=True)
        return ACKNOWLEDGED

    def wait_first(delivery: Delivery) -> None:
        delivery.not_before = now() + 5

    settings = DeliverySettings(batch_size=1, jobs=1, settle=30)
    seen, result, _ = watch(api, [record(1, 1), record(1, 2)], settings, wait_first)
    assert result.error is None
    killed = {at: ends for at, what, ends, _ in seen if what is Activity.WAITING_FOR_KILLED_PUSH}
    assert killed == pytest.approx({float(at): 5.0 - at for at in range(5)})
    late = [ends or 0 for _, what, ends, _ in seen if what is Activity.WAITING_FOR_LATE_WRITES]
    assert len(late) >= 25
    assert late == sorted(late, reverse=True)
    assert late[0] == pytest.approx(30, abs=2)


def test_retries_and_splits_are_reported() -> None:
    """Each retry and each split is reported with its reason; without trouble nothing is."""
    asked = 0

    async def api(records: list[Any]) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 1:
            return Answer(503, b'{"message": "busy"}')
        is_bad = any(each["id"] == 1 for each in records)
        return Answer(400, b'{"message": "bad"}') if is_bad else ACKNOWLEDGED

    settings = DeliverySettings(batch_size=2, jobs=1, settle=0)
    _, result, _ = watch(api, TWO, settings)
    retried, split = result.events
    assert isinstance(retried, Retried)
    assert (retried.reason, retried.attempt, retried.records) == ("HTTP 503: busy", 1, 2)
    assert retried.seconds >= 0
    assert split == Split("HTTP 400: bad", 2)

    async def good(_: list[Any]) -> Answer:
        return ACKNOWLEDGED

    assert watch(good, TWO, settings)[1].events == []


@pytest.mark.parametrize(
    ("has_worked", "failed_at", "ready_at", "is_attempting", "closed_for", "retry_in"),
    [
        (True, 99.0, [103.0, 102.0], False, 0.0, 2.0),
        (False, 100.0, [102.0], False, 0.0, 2.0),
        (True, 90.0, [102.0], True, 0.0, None),
        (True, 90.0, [102.0], True, 5.0, None),
        (True, 90.0, [102.0], False, 5.0, 5.0),
        (True, 90.0, [inf], False, 5.0, 5.0),
        (True, 90.0, [inf], False, 0.0, None),
        (True, 90.0, [100.0], False, 0.0, None),
        (True, 90.0, [99.0, inf], False, 0.0, None),
        (True, 90.0, [], False, 0.0, None),
    ],
)
def test_outage_is_known_in_numbers(
    *,
    has_worked: bool,
    failed_at: float,
    ready_at: list[float],
    is_attempting: bool,
    closed_for: float,
    retry_in: float | None,
) -> None:
    """An outage has the next attempt's number and time, unless it is under way, and its end."""
    clock = [failed_at]
    limits = Limits(4, timing=Timing(now=lambda: clock[0]))
    for status in (503, 500):
        limits.gate.failed(AttemptOutcome(OutcomeKind.UNAVAILABLE, f"HTTP {status}", status))
    clock[0] = 100.0
    if closed_for:
        busy = AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 500", 500, retry_after=closed_for)
        limits.gate.failed(busy)
    batch = make_batch(Records.of(ONE))
    parts = [Part(batch, ready_at=ready, is_attempting=is_attempting) for ready in ready_at]
    in_flight = [
        InFlightBatch(batch, [Part(batch, ready_at=0.0), part], is_repeat=False) for part in parts
    ]
    in_flight.append(InFlightBatch(batch, [], is_repeat=False))
    outage = find_outage(limits, in_flight, SETTINGS, has_worked=has_worked)
    attempt = 4 if closed_for else 3
    give_up_in = failed_at + 60 - 100
    assert outage == Outage(500, "HTTP 500", attempt, retry_in, give_up_in)
    late = DeliverySettings(retry_for=5, connect_for=5)
    given_up = find_outage(limits, in_flight, late, has_worked=has_worked)
    assert given_up
    assert given_up.give_up_in == max(0.0, failed_at + 5 - 100)


def test_failure_within_a_second_is_an_outage_only_where_nothing_worked() -> None:
    """No outage is shown without a failure, nor in the first second of one where the API worked."""
    clock = [10.0]
    limits = Limits(4, timing=Timing(now=lambda: clock[0]))
    for has_worked in (False, True):
        assert find_outage(limits, [], SETTINGS, has_worked=has_worked) is None
    limits.gate.failed(AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 503", 503))
    clock[0] = 10.9
    assert find_outage(limits, [], SETTINGS, has_worked=True) is None
    assert find_outage(limits, [], SETTINGS, has_worked=False)
    limits.gate.succeeded()
    assert find_outage(limits, [], SETTINGS, has_worked=False) is None


def test_waiting_begins_when_all_else_is_settled_and_counts_to_nothing() -> None:
    """Until all is sent the push is sending; then it waits for late writes, to the last moment."""
    deliveries: list[Delivery] = []
    seen: list[tuple[Activity, float | None]] = []

    async def api(records: list[Any]) -> Answer:
        if len(seen) < 5:
            seen.append(deliveries[0].activity)
        if records[0]["version"] == 1 and len(seen) == 2:
            raise TransportError("no answer", in_doubt=True)
        if records[0]["version"] == 3:
            loop = asyncio.get_running_loop()
            loop.call_later(29.5, lambda: seen.append(deliveries[0].activity))
        return ACKNOWLEDGED

    settings = DeliverySettings(batch_size=1, jobs=1, settle=30)
    records = [record("first", 0), record(1, 1), record(1, 2), record(1, 3)]
    result, _ = deliver_in_virtual_time(api, records, settings, deliveries.append)
    assert result.error is None
    assert seen[:5] == [(Activity.SENDING, None)] * 5
    activity, seconds = seen[5]
    assert activity is Activity.WAITING_FOR_LATE_WRITES
    assert seconds is not None
    assert 0 < seconds < 0.5


def test_stop_with_nothing_in_flight_takes_no_time() -> None:
    """A delivery that stops while nothing is in flight says that it stops, and counts nothing."""
    seen: list[tuple[Activity, float | None]] = []

    async def api(_: list[Any]) -> Answer:
        return ACKNOWLEDGED

    def stop(delivery: Delivery) -> None:
        delivery.stop(StoppedError("enough"))
        seen.append(delivery.activity)

    deliver_in_virtual_time(api, ONE, SETTINGS, stop)
    assert seen == [(Activity.STOPPING, None)]
