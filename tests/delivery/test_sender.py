"""Sending one body: when it is tried again, what is noted of each attempt, and when it is over."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

import pytest

from rjcli.api.protocol import Answer, AttemptOutcome, OutcomeKind
from rjcli.delivery.in_flight import Part
from rjcli.delivery.limits import Limits
from rjcli.delivery.retry import Timing
from rjcli.delivery.sender import Sender, Tally
from rjcli.errors import TransportError
from rjcli.events import Retried
from rjcli.model import Records
from rjcli.preparing.batcher import make_batch
from rjcli.settings.values import DeliverySettings
from tests.delivery.records import ACKNOWLEDGED, now, record
from tests.support.virtual_time import run_in_virtual_time

SETTINGS = DeliverySettings(retry_for=1.0, connect_for=0.5)
BUSY = Answer(503, b"{}")
UNREACHED = TransportError("no connection", in_doubt=False)
UNANSWERED = TransportError("no answer", in_doubt=True)


class Longest(random.Random):
    """Chance that always draws the longest wait."""

    def uniform(self, _: float, longest: float) -> float:
        """The upper bound."""
        return longest


@dataclass
class Sent:
    """What came of sending a part, and when each attempt was made."""

    part: Part
    began: list[float] = field(default_factory=list)
    doubts: list[float] = field(default_factory=list)
    retries: list[Retried] = field(default_factory=list)
    ready_at: list[float] = field(default_factory=list)  # when each retry was reported
    tally: Tally = field(default_factory=Tally)
    outcome: AttemptOutcome | None = None
    seconds: float = 0.0


def send(
    *script: Answer | TransportError | float,
    is_stopping: Callable[[], bool] = lambda: False,
    cancel_after: float = inf,
    settings: DeliverySettings = SETTINGS,
    prepare: Callable[[Limits], None] = lambda _: None,
) -> Sent:
    """Send two records to an API that answers by a script, whose last answer stays.

    A number in it: how many seconds the answers after it take.
    """
    sent = Sent(Part(make_batch(Records.of([record(1, 1), record(2, 2)]))))

    async def upsert(body: bytes) -> Answer:
        assert body == sent.part.batch.body
        assert sent.part.is_attempting
        assert sent.part.ready_at <= now()
        delays = [each for each in script if isinstance(each, float)]
        answers = [each for each in script if not isinstance(each, float)]
        sent.began.append(now())
        await asyncio.sleep(sum(delays))
        answer = answers[min(len(sent.began), len(answers)) - 1]
        if isinstance(answer, TransportError):
            raise answer
        return answer

    def note(retry: Retried) -> None:
        sent.retries.append(retry)
        sent.ready_at.append(sent.part.ready_at)

    async def run() -> None:
        limits = Limits(8, None, Timing(now=now, chance=Longest()))
        prepare(limits)
        sender = Sender(
            upsert,
            limits,
            settings,
            sent.tally,
            lambda part: sent.doubts.append(now()) if part is sent.part else None,
            note,
        )
        task = asyncio.create_task(sender.send(sent.part, is_stopping))
        await asyncio.wait([task], timeout=None if cancel_after == inf else cancel_after)
        task.cancel()
        await asyncio.wait([task])
        sent.outcome = None if task.cancelled() else task.result()
        sent.seconds = now()
        assert limits.concurrency.in_flight == 0
        assert not sent.part.is_attempting

    run_in_virtual_time(run())
    return sent


def test_failures_are_retried_with_growing_waits_and_reported() -> None:
    """A request that fails is made again after waits that double; each is counted and reported."""
    sent = send(BUSY, BUSY, ACKNOWLEDGED)
    assert sent.outcome is not None
    assert sent.outcome.kind is OutcomeKind.ACKNOWLEDGED
    assert sent.began == pytest.approx([0, 0.25, 0.75])
    assert sent.ready_at == sent.began[1:]
    assert sent.retries == [Retried("HTTP 503", 1, 2, 0.25), Retried("HTTP 503", 2, 2, 0.5)]
    size = len(sent.part.batch.body)
    assert sent.tally == Tally(requests=3, bytes_sent=3 * size, retried=1)
    assert sent.part.failures == 2
    assert sent.part.began == pytest.approx(0.75)
    assert sent.part.in_doubt
    assert sent.doubts == []


@pytest.mark.parametrize("status", [400, 401, 413, 302])
def test_answer_that_stays_is_not_asked_for_again(status: int) -> None:
    """A refusal, or an answer of something else, is returned after one request."""
    sent = send(0.5, Answer(status, b"{}"))
    assert sent.outcome is not None
    assert sent.outcome.status == status
    assert (len(sent.began), sent.retries, sent.tally.retried) == (1, [], 0)
    assert not sent.part.in_doubt


@pytest.mark.parametrize(
    ("answer", "reason", "in_doubt", "doubts"),
    [
        (UNREACHED, "no connection", False, []),
        (UNANSWERED, "no answer", True, [0.1]),
        (Answer(504, b""), "HTTP 504", True, [0.1]),
        (Answer(503, b""), "HTTP 503", True, []),
        (Answer(429, b""), "HTTP 429", False, []),
    ],
)
def test_what_may_still_be_applied_is_noted(
    answer: Answer | TransportError, reason: str, *, in_doubt: bool, doubts: list[float]
) -> None:
    """It is noted whether an attempt may have been applied, and whether it still may be."""
    sent = send(0.1, answer, ACKNOWLEDGED)
    assert [retry.reason for retry in sent.retries] == [reason]
    assert sent.part.in_doubt is in_doubt
    assert sent.doubts == pytest.approx(doubts)


def test_lost_connection_says_whether_it_is_in_doubt() -> None:
    """A request that brought no answer until the end has an outcome without a status."""
    kind = OutcomeKind.UNAVAILABLE
    assert send(UNREACHED).outcome == AttemptOutcome(kind, "no connection")
    expected = AttemptOutcome(kind, "no answer", in_doubt=True, may_come_late=True)
    assert send(UNANSWERED).outcome == expected


def test_cancelled_request_is_in_doubt() -> None:
    """A request that is cancelled under way may still be applied, one that waits may not."""
    sent = send(5.0, ACKNOWLEDGED, cancel_after=2.0)
    assert sent.outcome is None
    assert sent.part.in_doubt
    assert sent.doubts == [2.0]
    waiting = send(Answer(429, b"", retry_after="0.9"), cancel_after=0.1)
    assert waiting.outcome is None
    assert not waiting.part.in_doubt
    assert waiting.doubts == []


@pytest.mark.parametrize(
    ("answers", "began"),
    [
        ([BUSY], [0, 0.25, 0.75, 1.0]),  # the last one when the time is up
        ([UNREACHED], [0, 0.25, 0.5]),
        ([BUSY, UNREACHED], [0, 0.25, 0.75, 1.0]),  # it was reached
        ([UNREACHED, BUSY], [0, 0.25, 0.75, 1.0]),
    ],
)
def test_last_attempt_is_made_when_the_time_is_up(
    answers: list[Answer | TransportError], began: list[float]
) -> None:
    """A part is retried for --retry-for, or --connect-for as long as the API was never reached."""
    sent = send(*answers)
    assert sent.began == pytest.approx(began)
    assert sent.seconds == pytest.approx(began[-1])
    assert sent.outcome is not None
    assert sent.outcome.kind is OutcomeKind.UNAVAILABLE
    assert len(sent.retries) == len(began) - 1


def test_time_runs_from_the_first_failure() -> None:
    """The time for retries begins when the first failure is known, not when the request began."""
    sent = send(0.3, BUSY)
    assert sent.began == pytest.approx([0, 0.55, 1.3])
    sent = send(0.3, BUSY, prepare=lambda limits: _fail_soon(limits, 0.1))
    assert sent.began == pytest.approx([0, 0.55, 1.1])  # with what failed before it


@pytest.mark.parametrize(
    ("retry_after", "began"), [("1", [0, 1]), ("2", [0])], ids=["in time", "too late"]
)
@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_waited_for_if_there_is_time(
    status: int, retry_after: str, began: list[float]
) -> None:
    """A Retry-After is kept to, and not waited for where it goes beyond the time that is left."""
    sent = send(Answer(status, b"", retry_after=retry_after), ACKNOWLEDGED)
    assert sent.began == pytest.approx(began)
    assert [retry.seconds for retry in sent.retries] == began[1:]
    assert sent.seconds == pytest.approx(began[-1])


def test_wait_is_reported_as_long_as_it_lasts() -> None:
    """Where all requests are held back, the wait that is reported is the longer one."""
    sent = send(0.1, BUSY, ACKNOWLEDGED, prepare=lambda limits: _fail_soon(limits, 0.05, 0.7))
    assert [retry.seconds for retry in sent.retries] == pytest.approx([0.65])
    assert sent.began == pytest.approx([0, 0.75])


def _fail_soon(limits: Limits, seconds: float, retry_after: float | None = None) -> None:
    """Have another request fail after some seconds."""
    outcome = AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 503", 503, retry_after=retry_after)
    asyncio.get_running_loop().call_later(seconds, limits.gate.failed, outcome)


def test_stopping_ends_retries() -> None:
    """A part that fails while the delivery stops is not sent again; an answer still counts."""
    stopped = send(BUSY, ACKNOWLEDGED, is_stopping=lambda: True)
    assert stopped.outcome is not None
    assert stopped.outcome.kind is OutcomeKind.UNAVAILABLE
    assert (len(stopped.began), stopped.retries, stopped.tally.retried) == (1, [], 1)
    accepted = send(ACKNOWLEDGED, is_stopping=lambda: True)
    assert accepted.outcome is not None
    assert accepted.outcome.kind is OutcomeKind.ACKNOWLEDGED


def test_429_waits_for_the_pace_alone() -> None:
    """After a 429 a request waits for the next slot of the pace, and for nothing else."""
    throttled = Answer(429, b"")
    sent = send(throttled, throttled, ACKNOWLEDGED, settings=DeliverySettings(retry_for=10))
    assert sent.began == pytest.approx([0, 0, 2])
    assert [retry.seconds for retry in sent.retries] == [0, 0]


def test_api_that_is_down_is_probed_with_growing_waits() -> None:
    """Where many requests failed, each probe that fails doubles the wait for the next one."""

    def fail_often(limits: Limits) -> None:
        for _ in range(10):
            limits.gate.failed(AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 503", 503))

    settings = DeliverySettings(retry_for=10)
    sent = send(BUSY, BUSY, BUSY, ACKNOWLEDGED, settings=settings, prepare=fail_often)
    assert sent.began == pytest.approx([0.25, 0.75, 1.75, 3.75])


@pytest.mark.parametrize(
    ("answer", "limit"),
    [(ACKNOWLEDGED, 5), (BUSY, 2), (Answer(429, b""), 4), (Answer(400, b""), 4)],
)
def test_limit_on_requests_learns_from_answers(answer: Answer, limit: int) -> None:
    """Acknowledgements let more requests fly, failures fewer; 429 and refusals change nothing."""
    seen: list[Limits] = []

    def prepare(limits: Limits) -> None:
        for _ in range(3):
            limits.concurrency.answered(0.01)
        limits.gate.failed(
            AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 503", 503, retry_after=0.5)
        )
        seen.append(limits)

    sent = send(answer, is_stopping=lambda: True, prepare=prepare)
    assert sent.began == [0.5]
    assert seen[0].concurrency.limit == limit
