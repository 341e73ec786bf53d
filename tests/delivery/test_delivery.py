"""Delivery: over a real connection to a server with faults, the last versions stay."""

import asyncio
import random
import time
from collections.abc import Callable, Hashable, Iterable
from functools import partial

import orjson
import pytest
from msgspec.structs import replace

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.lookup import Credentials
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.key_order import KeyOrder
from rjcli.delivery.limits import Limits
from rjcli.delivery.retry import Timing
from rjcli.errors import AccessDeniedError, RjcliError, StoppedError, UnfinishedError
from rjcli.http.transport import Transport
from rjcli.model import Record, RecordOutcome
from rjcli.settings.values import DeliverySettings
from tests.conftest import Serve
from tests.delivery.records import Result, batches, last_versions, record, versions
from tests.support.faulty import FaultyTable
from tests.support.scripted import Request, ScriptedServer, always, answer

SPEED = 50  # how much faster than time the waits of a delivery pass here
QUICK = Timing(
    now=lambda: time.monotonic() * SPEED,
    sleep=lambda seconds: asyncio.sleep(seconds / SPEED),
    chance=random.Random(1),
)
SETTINGS = DeliverySettings(jobs=16, settle=0)


def deliver(
    server: ScriptedServer,
    records: Iterable[Record],
    settings: DeliverySettings = SETTINGS,
    *,
    timeout: float = 5.0,
    timing: Timing = QUICK,
    started: Callable[[Delivery], None] = lambda _: None,
) -> Result:
    """Deliver records to a server over a real transport."""

    async def run() -> Result:
        result = Result()
        async with Transport(Endpoint.parse(server.base_url), timeout, settings.jobs) as transport:
            upsert = partial(transport.upsert, Credentials(1, ApiKey("key")), "t")
            limits = Limits(settings.jobs, settings.rate_limit, timing)
            delivery = Delivery(upsert, settings, limits, result.settle, result.take)
            started(delivery)
            try:
                await delivery.deliver(batches(records, settings))
            except RjcliError as error:
                result.error = error
        result.tally = delivery.tally
        return result

    return asyncio.run(run())


def run_with_faults(serve: Serve, seed: int, count: int = 5000, keys: int = 500) -> bool:
    """Deliver through faults; tell whether the table holds the last versions, and all is result."""
    table = FaultyTable(seed, fail=0.05, busy=0.02, drop=0.05, drop_after_apply=0.05, delay=0.01)
    records = versions(count, keys, seed)
    result = deliver(serve(table), records)
    assert result.error is None
    assert result.counts == {RecordOutcome.ACCEPTED: count}
    assert min(table.faults.values()) > 0
    return table.versions == last_versions(records)


@pytest.mark.parametrize("seed", range(3))
def test_last_versions_stay_under_faults(serve: Serve, seed: int) -> None:
    """Whatever is retried, and however many requests fly, each key ends on its last version."""
    assert run_with_faults(serve, seed)


def test_order_rule_is_what_keeps_them(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the rule that batches sharing a key wait for each other, keys end on old versions."""
    claim = KeyOrder.claim
    monkeypatch.setattr(KeyOrder, "claim", lambda *claimed: claim(*claimed) and set())
    assert not all(run_with_faults(serve, seed) for seed in range(3))


def test_poisoned_records_are_rejected_and_no_others(serve: Serve) -> None:
    """Of 5,000 records exactly the ten poisoned ones are rejected; the others land."""
    poison = frozenset(random.Random(3).sample(range(1, 5001), 10))
    records = [record(number, number) for number in range(1, 5001)]
    table = FaultyTable(poison=poison)
    result = deliver(serve(table), records)
    assert {rejection.number for rejection in result.rejections} == poison
    assert {rejection.reasons for rejection in result.rejections} == {("poison",)}
    assert result.counts == {RecordOutcome.ACCEPTED: 4990}
    assert set(table.versions) == set(range(1, 5001)) - poison


def test_late_write_is_written_over(serve: Serve) -> None:
    """A request that times out and is applied after its newer version does not win in the end."""
    table = FaultyTable(late_seconds=0.6)

    async def script(request: Request) -> bytes | None:
        table.late = 1.0 if len(server.requests) == 1 else 0.0
        return await table(request)

    server = serve(script)
    records = [record("a", 1), record("a", 2), record("b", 3)]
    settings = replace(SETTINGS, batch_size=1, settle=1.5 * SPEED)
    result = deliver(server, records, settings, timeout=0.2)
    assert table.versions == {"a": 2, "b": 3}
    assert [note for note in result.notes if "sent again" in note]
    assert result.counts == {RecordOutcome.ACCEPTED: 3}


def test_unique_keys_need_no_second_sending(serve: Serve) -> None:
    """For keys that come once a request without answer costs no waiting at the end."""
    table = FaultyTable(seed=2, drop_after_apply=0.2)
    result = deliver(serve(table), versions(1000, 10**9), replace(SETTINGS, settle=10**6))
    assert result.counts == {RecordOutcome.ACCEPTED: 1000}
    assert not result.notes


def test_hot_key_stays_in_order(serve: Serve) -> None:
    """Thousands of versions of one key among others stay in order, and nothing gets stuck."""
    chance = random.Random(4)
    keys = ["hot" if chance.random() < 0.5 else chance.randrange(10**6) for _ in range(10_000)]
    records = [record(key, version) for version, key in enumerate(keys, 1)]
    table = FaultyTable(seed=4, fail=0.02, delay=0.002)
    assert deliver(serve(table), records).error is None
    assert table.versions == last_versions(records)


@pytest.mark.parametrize(
    ("first", "second"),
    [(1, "1"), (1, 1.0), ("1", True), ("Ab", "aB "), ("é", "e\u0301"), (10**30, 1e30)],
)
def test_keys_that_may_be_one_do_not_overtake_each_other(
    serve: Serve, first: Hashable, second: Hashable
) -> None:
    """Keys that the API might take for the same are kept in order as well."""
    arrived: list[int] = []

    async def slow_first(request: Request) -> bytes:
        [each] = orjson.loads(request.body)
        await asyncio.sleep(0.2 if each["version"] == 2 else 0)
        arrived.append(each["version"])
        return answer()

    records = [record("other", 1), record(first, 2), record(second, 3)]
    deliver(serve(slow_first), records, replace(SETTINGS, batch_size=1))
    assert arrived == [1, 2, 3]


def test_server_that_comes_back_is_waited_for(serve: Serve) -> None:
    """A server that is gone for a while only delays the delivery; few requests probe it."""
    table = FaultyTable()
    began: list[float] = []

    async def gone_for_a_second(request: Request) -> bytes | None:
        began.append(time.monotonic())
        return await table(request) if began[-1] - began[0] > 1.0 else None

    records = versions(2000, 100)
    server = serve(gone_for_a_second)
    result = deliver(server, records)
    assert result.counts == {RecordOutcome.ACCEPTED: 2000}
    assert table.versions == last_versions(records)
    assert len(server.requests) < 20 + 60


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (answer(503, b""), RecordOutcome.UNKNOWN),
        (answer(429, b""), RecordOutcome.UNSENT),
        (None, RecordOutcome.UNKNOWN),
    ],
)
def test_server_that_is_gone_for_good_is_given_up(
    serve: Serve, reply: bytes | None, outcome: RecordOutcome
) -> None:
    """After --retry-for the delivery stops; the records that were tried have the right fate."""
    result = deliver(serve(always(reply)), versions(500, 10**9), replace(SETTINGS, retry_for=20))
    assert isinstance(result.error, UnfinishedError)
    assert not result.rejections
    assert result.counts[outcome] >= 100
    assert result.tally.requests < 60


def test_long_retry_after_is_not_waited_for(serve: Serve) -> None:
    """A Retry-After beyond the time left stops the delivery at once, and says so."""
    server = serve(always(answer(429, b"", Retry_After="100000")))
    result = deliver(server, [record(1, 1)], timing=Timing())
    assert isinstance(result.error, UnfinishedError)
    assert "100,000 s" in f"{result.error.message} {result.error.hint}"
    assert len(server.requests) == 1


def test_too_large_batches_are_split(serve: Serve) -> None:
    """A 413 splits a batch; a single record that is too large is rejected."""

    async def small_only(request: Request) -> bytes:
        return answer() if len(request.body) < 500 else answer(413, b"<html>")

    huge = record("x" * 1000, 51)
    result = deliver(serve(small_only), [*versions(50, 10), huge, *versions(50, 10)])
    assert [rejection.number for rejection in result.rejections] == [51]
    assert result.counts == {RecordOutcome.ACCEPTED: 100}


def test_call_that_is_refused_whole_is_stopped(serve: Serve) -> None:
    """When the first batch is refused record by record, the rest is not sent: exit 6."""
    server = serve(always(answer(400, b'{"reasons":["no such table"]}')))
    result = deliver(server, versions(10_000, 10**9))
    assert isinstance(result.error, StoppedError)
    assert "no such table" in result.error.message
    assert len(result.rejections) == 100
    assert len(server.requests) <= 200


def test_refused_credentials_stop_at_the_first_request(serve: Serve) -> None:
    """A 401 stops the delivery; one request has been made, and nothing is in doubt."""
    server = serve(always(answer(401, b"{}")))
    result = deliver(server, versions(1000, 10**9))
    assert isinstance(result.error, AccessDeniedError)
    assert set(result.counts) == {RecordOutcome.UNSENT}
    assert len(server.requests) == 1


def test_stop_waits_for_requests_in_flight(serve: Serve) -> None:
    """When result to stop, a delivery lets the requests in flight end, and sends no more."""
    running: list[Delivery] = []

    async def slow(_: Request) -> bytes:
        await asyncio.sleep(0.3)
        return answer()

    def stopping_in_the_middle() -> Iterable[Record]:
        for number in range(10**9):
            if number == 10_000:
                running[0].stop(StoppedError("enough"))
            yield record(number, number)

    server = serve(slow)
    result = deliver(server, stopping_in_the_middle(), started=running.append)
    assert str(result.error) == "enough"
    assert result.counts[RecordOutcome.ACCEPTED] == 100 * len(server.requests)
    assert result.counts[RecordOutcome.UNSENT] > 0
    assert result.counts[RecordOutcome.UNKNOWN] == 0


def test_refused_stretch_of_a_push_that_worked_before_is_no_wrong_call(serve: Serve) -> None:
    """Where records were accepted before, as by a run that is resumed, refused ones are rejects."""
    server = serve(always(answer(400, b'{"reasons":["bad"]}')))

    def has_worked(delivery: Delivery) -> None:
        delivery.has_accepted = True

    result = deliver(server, versions(300, 10**9), started=has_worked)
    assert result.error is None
    assert len(result.rejections) == 300
