"""When requests are made: the shared gate, the pace, and the limit on requests in flight."""

import asyncio
import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest

from rjcli.api.protocol import Answer
from rjcli.delivery.concurrency_limit import ConcurrencyLimit
from rjcli.delivery.retry import LONGEST_DELAY, Timing
from rjcli.errors import TransportError, UnfinishedError
from rjcli.model import RecordOutcome
from rjcli.settings.values import DeliverySettings
from tests.delivery.records import ACKNOWLEDGED, deliver_in_virtual_time, now, record, versions

SETTINGS = DeliverySettings(batch_size=1, jobs=8, settle=0)
UNIQUE = [record(number, number) for number in range(1, 201)]


class TokenBucket:
    """Lets through so many requests a second, and a burst."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._at = burst, 0.0

    def lets_through(self) -> bool:
        """Whether a request may pass now."""
        self._tokens = min(self._burst, self._tokens + (now() - self._at) * self._rate)
        self._at = now()
        passes = self._tokens >= 1
        self._tokens -= passes
        return passes


class FixedWindow:
    """Lets through so many requests in each period."""

    def __init__(self, requests: int, seconds: float) -> None:
        self._requests, self._seconds = requests, seconds
        self._window, self._used = -1, 0

    def lets_through(self) -> bool:
        """Whether a request may pass now."""
        window = int(now() / self._seconds)
        if window != self._window:
            self._window, self._used = window, 0
        self._used += 1
        return self._used <= self._requests


@pytest.mark.parametrize("latency", [0.002, 0.05])
@pytest.mark.parametrize(
    ("rate", "limit"),
    [
        (5, lambda: TokenBucket(5, 5)),
        (50, lambda: TokenBucket(50, 10)),
        (100, lambda: TokenBucket(100, 10)),
        (50, lambda: FixedWindow(50, 1)),
        (10, lambda: FixedWindow(100, 10)),
    ],
    ids=["bucket5", "bucket50", "bucket100", "window1s", "window10s"],
)
def test_steady_429_lets_nearly_all_through(
    rate: int, limit: Callable[[], Any], latency: float
) -> None:
    """An API that answers 429 past a rate gets at least nine tenths of that rate."""
    limiter = limit()

    async def api(_: list[Any]) -> Answer:
        await asyncio.sleep(latency)
        return ACKNOWLEDGED if limiter.lets_through() else Answer(429, b"{}")

    count = rate * 60
    result, seconds = deliver_in_virtual_time(
        api, (record(number, number) for number in range(count)), SETTINGS
    )
    assert result.counts == {RecordOutcome.ACCEPTED: count}
    assert count / seconds >= 0.9 * rate
    assert result.tally.requests < 4 * count


@pytest.mark.parametrize("keys", [10**9, 50])
def test_random_failures_cost_little_time(keys: int) -> None:
    """With a fifth of requests answered 429 and a fifth 503, 280 requests end within a minute."""
    chance = random.Random(5)

    async def api(_: list[Any]) -> Answer:
        await asyncio.sleep(0.005)
        status = chance.choices([201, 429, 503], [6, 2, 2])[0]
        return Answer(status, b"{}", retry_after="0" if status == 429 else None)

    result, seconds = deliver_in_virtual_time(api, versions(280, keys), SETTINGS)
    assert result.counts == {RecordOutcome.ACCEPTED: 280}
    assert seconds < 60


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_holds_all_requests(status: int) -> None:
    """After a Retry-After no request is made by anybody until its time has come."""
    began: list[float] = []

    async def api(_: list[Any]) -> Answer:
        began.append(now())
        number = len(began)
        await asyncio.sleep(0.1)
        return Answer(status, b"{}", retry_after="7") if number == 30 else ACKNOWLEDGED

    result, _ = deliver_in_virtual_time(api, UNIQUE, SETTINGS)
    assert result.counts == {RecordOutcome.ACCEPTED: 200}
    answered = began[29] + 0.1
    assert not [each for each in began if answered < each < answered + 7]
    assert [each for each in began if each >= answered + 7]


def test_api_that_is_down_is_probed_by_one_request_at_a_time() -> None:
    """While nothing is answered, one request at a time is made, with waits that grow to 30 s."""
    began: list[float] = []
    in_flight = most = 0

    async def api(_: list[Any]) -> Answer:
        nonlocal in_flight, most
        is_down = 1.0 < now() < 1000.0
        in_flight += 1
        if is_down:
            began.append(now())
            most = max(most, in_flight if len(began) > 20 else 0)
        await asyncio.sleep(0.1)
        in_flight -= 1
        if is_down:
            raise TransportError("no connection", in_doubt=False)
        return ACKNOWLEDGED

    records = [record(number, number) for number in range(500)]
    result, _ = deliver_in_virtual_time(api, records, DeliverySettings(1, retry_for=5000))
    assert result.counts == {RecordOutcome.ACCEPTED: 500}
    assert most == 1
    waits = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert LONGEST_DELAY / 2 < max(waits) < LONGEST_DELAY + 0.2
    assert len(began) < 150


def test_backoff_is_jittered_over_a_bound_that_doubles() -> None:
    """Waits are spread over all of a bound, which doubles with each failure, up to 30 s."""
    timing = Timing(chance=random.Random(1))
    for failures, bound in [(1, 0.25), (2, 0.5), (3, 1.0), (7, 16.0), (8, 30.0), (99, 30.0)]:
        waits = [timing.backoff(failures) for _ in range(1000)]
        assert bound * 0.98 < max(waits) <= bound
        assert min(waits) < bound * 0.02


def test_rate_limit_is_kept_by_all_requests_together() -> None:
    """However many requests may be in flight, no more than the rate limit begin in a second."""
    began: list[float] = []

    async def api(_: list[Any]) -> Answer:
        began.append(now())
        await asyncio.sleep(0.5)
        return ACKNOWLEDGED

    settings = DeliverySettings(batch_size=1, jobs=8, rate_limit=10)
    _, seconds = deliver_in_virtual_time(api, UNIQUE, settings)
    assert 19.5 < seconds < 22
    gaps = [later - earlier for earlier, later in itertools.pairwise(began)]
    assert min(gaps) > 0.099


def test_requests_in_flight_grow_while_the_api_is_quick_and_halve_on_trouble() -> None:
    """From one, the limit grows with each quick answer; trouble halves it once, not per failure."""
    limit = ConcurrencyLimit(32)
    assert limit.limit == 1
    for _ in range(40):
        limit.answered(0.1)
    assert limit.limit == 32
    for _ in range(20):  # all of them began before the first trouble
        limit.troubled(began=1.0, now=2.0)
    assert limit.limit == 16
    limit.troubled(began=3.0, now=4.0)
    assert limit.limit == 8
    for _ in range(8):
        limit.answered(0.1)
    assert limit.limit == 8  # slowly, now
    for _ in range(100):
        limit.answered(5.0)
    assert limit.limit == 8  # not on slow answers


def test_overload_halves_what_is_in_flight() -> None:
    """An API that fails past four requests at once is soon asked by about as many."""
    in_flight = 0
    seen: list[int] = []

    async def api(_: list[Any]) -> Answer:
        nonlocal in_flight
        in_flight += 1
        seen.append(in_flight)
        is_overloaded = in_flight > 4
        await asyncio.sleep(0.05)
        in_flight -= 1
        return Answer(503, b"{}") if is_overloaded else ACKNOWLEDGED

    records = [record(number, number) for number in range(2000)]
    result, _ = deliver_in_virtual_time(api, records, DeliverySettings(1, jobs=32, settle=0))
    assert result.counts == {RecordOutcome.ACCEPTED: 2000}
    later = seen[len(seen) // 2 :]
    assert sum(later) / len(later) < 6
    assert sum(later) / len(later) > 2


def test_batch_is_given_up_after_its_time() -> None:
    """A batch that fails for as long as --retry-for is given up, and the delivery with it."""

    async def api(_: list[Any]) -> Answer:
        await asyncio.sleep(0.1)
        return Answer(503, b"{}")

    settings = DeliverySettings(batch_size=1, retry_for=100, settle=0)
    result, seconds = deliver_in_virtual_time(api, UNIQUE, settings)
    assert isinstance(result.error, UnfinishedError)
    assert 70 < seconds < 140
    assert not result.rejections
