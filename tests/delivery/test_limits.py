"""Limits: places for requests, memory for bodies, the gate that all pass, and stopping."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from rjcli.api.protocol import AttemptOutcome, OutcomeKind
from rjcli.delivery.concurrency_limit import ConcurrencyLimit
from rjcli.delivery.limits import Limits
from rjcli.delivery.retry import Closure, RetryGate, Timing
from rjcli.delivery.stop import Stop
from rjcli.errors import StoppedError
from rjcli.settings.values import DeliverySettings
from tests.delivery.records import now
from tests.support.virtual_time import run_in_virtual_time

FAILED = AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 503", 503)
UNREACHED = AttemptOutcome(OutcomeKind.UNAVAILABLE, "no connection")


class Longest(random.Random):
    """Chance that always draws the longest wait."""

    def uniform(self, _: float, longest: float) -> float:
        """The upper bound."""
        return longest


def waiting(*outcome: float) -> AttemptOutcome:
    """A 503 with a Retry-After."""
    return AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 503", 503, retry_after=sum(outcome))


async def settle() -> None:
    """Let all tasks go on until they wait."""
    for _ in range(9):
        await asyncio.sleep(0)


def test_places_are_given_in_turn_and_never_too_many() -> None:
    """Requests that wait get a place in their order, each as soon as there is one."""

    async def run() -> None:
        limit = ConcurrencyLimit(2)
        done: list[int] = []

        async def take(number: int) -> None:
            await limit.acquire()
            done.append(number)

        tasks = [asyncio.create_task(take(number)) for number in range(6)]
        await settle()
        assert (done, limit.in_flight) == ([0], 1)
        limit.answered(0.1)
        await settle()
        assert (done, limit.in_flight) == ([0, 1], 2)
        tasks[2].cancel()
        await settle()
        limit.release()
        await settle()
        assert (done, limit.in_flight) == ([0, 1, 3], 2)
        limit.release()
        tasks[4].cancel()  # it has got a place, and gives it to the next one
        await settle()
        assert (done, limit.in_flight) == ([0, 1, 3, 5], 2)
        limit.release()
        limit.release()
        assert limit.in_flight == 0
        await limit.acquire()
        await limit.acquire()
        assert limit.in_flight == 2

    run_in_virtual_time(run())


def test_a_newcomer_does_not_pass_those_who_wait() -> None:
    """A request that comes when a place gets free takes its turn after those who wait."""

    async def run() -> None:
        limit = ConcurrencyLimit(1)
        done: list[str] = []

        async def take(name: str) -> None:
            await limit.acquire()
            done.append(name)
            await asyncio.sleep(1)
            limit.release()

        tasks = [asyncio.create_task(take(name)) for name in "abc"]
        await asyncio.wait(tasks)
        assert (done, now()) == (["a", "b", "c"], 3)
        assert limit.in_flight == 0

    run_in_virtual_time(run())


def test_growth_and_trouble_in_numbers() -> None:
    """The limit grows by one until trouble and by a share after it; trouble leaves one at least."""
    limit = ConcurrencyLimit(8)
    seen = []
    for seconds in [1.0, 2.1, 2.2, 0.5, 1.1, 1.11]:
        limit.answered(seconds)  # quick is up to twice the quickest, and 0.1 s
        seen.append(limit.limit)
    assert seen == [2, 3, 3, 4, 5, 5]
    limit.troubled(began=0.0, now=10.0)
    limit.troubled(began=9.9, now=11.0)  # it began before the first trouble
    assert limit.limit == 2  # 2.5
    limit.answered(0.5)
    assert limit.limit == 2  # 2.5 + 1/2.5
    limit.answered(0.5)
    assert limit.limit == 3  # 2.9 + 1/2.9
    limit.troubled(began=10.0, now=12.0)
    assert limit.limit == 1  # 1.6
    limit.answered(0.5)
    assert limit.limit == 2  # 1.6 + 1/1.6
    for at in range(20, 30):
        limit.troubled(began=at, now=at)
    assert limit.limit == 1
    for _ in range(100):
        limit.answered(0.5)
    assert limit.limit == 8


def test_bodies_take_memory_until_they_are_settled() -> None:
    """At 32 MB of bodies nobody takes another one; whoever waits goes on when one is settled."""

    async def run() -> None:
        limits = Limits(3)
        assert (limits.jobs, limits.concurrency.limit) == (3, 1)
        for _ in range(9):
            limits.concurrency.answered(0.1)
        assert limits.concurrency.limit == 3
        limits.take(20 * 2**20)
        limits.take(12 * 2**20 - 1)
        assert limits.has_memory
        limits.take(1)
        assert [limits.has_memory] == [False]
        tasks = [
            asyncio.create_task(limits.wait_until(lambda: limits.has_memory)) for _ in range(2)
        ]
        gone = asyncio.create_task(limits.wait_until(lambda: False))
        await settle()
        gone.cancel()
        limits.wake()
        await settle()
        assert not any(task.done() for task in tasks)
        limits.release(1)
        await asyncio.wait(tasks)
        assert [limits.has_memory] == [True]
        limits.take(1)
        assert [limits.has_memory] == [False]

    run_in_virtual_time(run())


def test_first_reason_to_stop_interrupts_work() -> None:
    """A stop interrupts work at once, and work after it; the first reason stays."""

    async def run() -> None:
        stop = Stop()
        done: list[int] = []

        async def work(seconds: float) -> None:
            await asyncio.sleep(seconds)
            done.append(1)

        await stop.interrupts(work(1))
        assert (done, stop.error) == ([1], None)
        first = StoppedError("first")
        asyncio.get_running_loop().call_later(1, stop.ask, first)
        asyncio.get_running_loop().call_later(2, stop.ask, StoppedError("second"))
        await stop.interrupts(work(60))
        assert now() == 2
        await asyncio.sleep(5)
        await stop.interrupts(work(0))
        assert (done, stop.error) == ([1], first)
        assert now() == 7

        async def broken() -> None:
            raise StoppedError("broken")

        with pytest.raises(StoppedError, match="broken"):
            await Stop().interrupts(broken())

        task = asyncio.create_task(Stop().interrupts(work(60)))
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_in_virtual_time(run())


def enter_at(
    *steps: Callable[[RetryGate], Awaitable[None] | None], rate: float | None = None
) -> list[float]:
    """When requests pass a gate: a first one, and one after each of these steps."""
    passed: list[float] = []

    async def run() -> None:
        gate = RetryGate(Timing(now=now, chance=Longest()), rate)
        for step in [lambda _: None, *steps]:
            if work := step(gate):
                await work
            probe = await gate.enter()
            passed.append(now())
            gate.leave(probe)

    run_in_virtual_time(run())
    return passed


def test_gate_is_closed_until_the_latest_moment() -> None:
    """Retry-After closes the gate from now on; a shorter one does not open it earlier."""

    def two(gate: RetryGate) -> None:
        gate.failed(waiting(7.0))
        gate.failed(waiting(3.0))
        assert gate.closed_until == now() + 7

    assert enter_at(two, lambda gate: gate.failed(FAILED)) == [0, 7, 7]
    assert enter_at(lambda gate: gate.failed(waiting(7.0)), rate=10) == [0, 7]


def test_gates_may_share_a_closure() -> None:
    """What closes one gate closes all that share its closure."""

    async def run() -> None:
        closure = Closure()
        timing = Timing(now=now)
        gate, other = RetryGate(timing, closure=closure), Limits(1, 2.0, timing, closure).gate
        gate.failed(waiting(5.0))
        await other.enter()
        assert now() == 5
        await other.enter()
        assert now() == 5.5

    run_in_virtual_time(run())


def test_ten_failures_in_a_row_make_the_api_down() -> None:
    """Failures count until a success, and 429 not among those that show the API to be down."""

    async def run() -> None:
        gate = RetryGate(Timing(now=now, chance=Longest()))
        throttled = AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 429", 429)
        await asyncio.sleep(1)
        for _ in range(9):
            gate.failed(FAILED)
            gate.failed(throttled)
        assert (gate.failures, gate.failing_since, gate.last_failure) == (18, 1, throttled)
        assert [gate.is_down] == [False]
        await asyncio.sleep(1)
        gate.failed(FAILED)
        assert (gate.failures, gate.failing_since, gate.last_failure) == (19, 1, FAILED)
        assert [gate.is_down] == [True]
        for is_probe, wait in [(False, 0.25), (True, 0.5), (False, 0.5), (True, 1.0)]:
            await asyncio.sleep(10)
            gate.failed(FAILED, is_probe=is_probe)
            assert gate.closed_until == now() + wait
        gate.failed(waiting(50.0))
        assert gate.closed_until == now() + 50
        gate.succeeded()
        assert (gate.failures, gate.failing_since, gate.last_failure) == (0, None, None)
        assert [gate.is_down] == [False]
        for _ in range(10):
            assert not gate.is_down
            gate.failed(FAILED)
        assert [gate.is_down] == [True]
        await asyncio.sleep(100)
        gate.failed(FAILED, is_probe=True)
        assert gate.closed_until == now() + 0.5  # counted anew

    run_in_virtual_time(run())


def test_one_probe_at_a_time_passes_while_the_api_is_down() -> None:
    """While the API is down each request waits for the probe before it, until one succeeds."""

    async def run() -> None:
        gate = RetryGate(Timing(now=now, chance=Longest()))
        for _ in range(10):
            gate.failed(FAILED)
        passed: list[float] = []

        async def attempt() -> None:
            probe = await gate.enter()
            passed.append(now())
            await asyncio.sleep(1)
            if len(passed) == 2:
                gate.succeeded()
            gate.leave(probe)

        await asyncio.wait([asyncio.create_task(attempt()) for _ in range(4)])
        assert passed == [0.25, 1.25, 2.25, 2.25]

    run_in_virtual_time(run())


def test_those_who_waited_for_a_closed_gate_go_at_the_pace() -> None:
    """Requests that wait for the gate to open take slots of the rate after that, one by one."""

    async def run() -> None:
        gate = RetryGate(Timing(now=now), rate=2.0)
        passed: list[float] = []

        async def attempt() -> None:
            await gate.enter()
            passed.append(now())

        tasks = [asyncio.create_task(attempt()) for _ in range(4)]
        await asyncio.sleep(0.25)
        gate.failed(waiting(9.75))
        await asyncio.wait(tasks)
        assert passed == pytest.approx([0, 10, 10.5, 11])

    run_in_virtual_time(run())


@pytest.mark.parametrize(
    ("before", "outcome", "patience"),
    [
        ([], UNREACHED, 20),
        ([UNREACHED], UNREACHED, 20),
        ([], FAILED, 60),
        ([FAILED], UNREACHED, 60),
        ([FAILED, UNREACHED], UNREACHED, 60),
        ([None], UNREACHED, 60),
    ],
)
def test_patience_is_short_until_the_api_answers(
    before: list[AttemptOutcome | None], outcome: AttemptOutcome, patience: float
) -> None:
    """A request is retried for --connect-for until anything was answered, then for --retry-for."""

    async def run() -> None:
        gate = RetryGate(Timing(now=now))
        for each in before:
            if each:
                gate.failed(each)
            else:
                gate.succeeded()
        assert gate.patience(outcome, DeliverySettings(retry_for=60, connect_for=20)) == patience
        assert gate.patience(outcome, DeliverySettings(retry_for=5, connect_for=20)) == 5

    run_in_virtual_time(run())
