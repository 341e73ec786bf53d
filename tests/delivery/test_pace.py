"""The pace: how many requests a second it lets through, in numbers."""

from math import exp

import pytest

from rjcli.delivery.pace import Pace

MEASURED = 52 / 5  # of ten a second: 51 in the last 5 s, and the next one
FIRST = 2 * 0.9  # of what is measured: so far the pace is taken for twice that, and a tenth is cut


def paced(rate: float | None = None, passed: float = 10.0, until: float = 100.0) -> Pace:
    """A pace that so many requests a second have passed, for ten seconds up to a moment."""
    pace = Pace(rate)
    count = round(passed * 10)
    for number in range(count):
        pace.passed(until - 10 + (number + 1) / passed)
    return pace


def rate_of(pace: Pace, now: float) -> float:
    """Requests a second that it lets through at a moment."""
    pace.reserve(now)
    waits = [pace.reserve(now) for _ in range(2)]
    return float(1 / (waits[1] - waits[0]))


def test_slots_follow_each_other_at_the_rate() -> None:
    """Requests get slots one after the other at the rate; a pause is not made up for."""
    pace = Pace(10)
    assert [pace.reserve(5.0) for _ in range(3)] == pytest.approx([0, 0.1, 0.2])
    assert pace.reserve(5.15) == pytest.approx(0.15)
    assert [pace.reserve(9.0) for _ in range(2)] == pytest.approx([0, 0.1])


def test_without_a_limit_nothing_waits() -> None:
    """Without a rate, and before any 429, no request waits."""
    pace = paced()
    assert [pace.reserve(100.0) for _ in range(100)] == [0.0] * 100


@pytest.mark.parametrize(
    ("passed", "now", "rate"),
    [
        (10.0, 100.0, MEASURED * FIRST),
        (1.0, 100.0, 7 / 5 * FIRST),
        (10.0, 101.0, MEASURED * FIRST),  # what came before an answer's window counts no more
        (0.0, 100.0, 0.5),  # nothing was let through: the slowest
    ],
)
def test_429_slows_to_what_was_let_through(passed: float, now: float, rate: float) -> None:
    """After a first 429 the pace is less than twice what the API let through in the last 5 s."""
    pace = paced(passed=passed)
    pace.throttled(now, 0.0)
    assert rate_of(pace, now) == pytest.approx(rate)


@pytest.mark.parametrize(("seconds", "measured"), [(0.0, 8.0), (0.2, 8.0), (0.5, 4.0), (2.0, 1.0)])
def test_few_answers_are_measured_over_a_quarter_second(seconds: float, measured: float) -> None:
    """What was let through in a moment is measured over a quarter of a second at least."""
    pace = Pace()
    pace.passed(100.0)
    pace.throttled(100.0 + seconds, 0.0)
    assert rate_of(pace, 100.0 + seconds) == pytest.approx(measured * FIRST)


def test_429s_of_one_moment_cut_once() -> None:
    """Each 429 cuts a tenth of the pace, but those within a quarter of a second cut it once."""
    pace = paced()
    pace.throttled(100.0, 0.0)
    pace.throttled(100.2, 0.0)
    grown = (MEASURED * FIRST + 0.5 * 0.2) * exp(0.03 * 0.2)
    assert rate_of(pace, 100.2) == pytest.approx(grown)
    pace.throttled(100.25, 0.0)
    grown = (MEASURED * FIRST + 0.5 * 0.25) * exp(0.03 * 0.25)
    assert rate_of(pace, 100.25) == pytest.approx(grown * 0.9)


@pytest.mark.parametrize(("retry_after", "least"), [(0.0, 1.35), (0.001, 0.9)])
def test_pace_never_falls_below_what_is_let_through(retry_after: float, least: float) -> None:
    """However many 429s come, the pace stays about what is let through: below it if they cost."""
    pace = paced()
    for number in range(100):
        now = 100.0 + number * 0.5
        pace.passed(now)
        pace.throttled(now, retry_after)
    measured = 12 / 5  # 11 in the last 5 s, and the next one
    assert rate_of(pace, now + retry_after) == pytest.approx(measured * least)


def test_pace_that_was_far_too_high_falls_to_twice_what_passed() -> None:
    """A pace far above what is let through falls at once, whatever it was."""
    pace = paced(passed=100.0)
    pace.throttled(100.0, 0.0)
    for number in range(1, 31):
        pace.passed(100.0 + number * 0.5)
    pace.throttled(115.0, 0.0)
    measured = 12 / 5  # 11 in the last 5 s, and the next one
    assert rate_of(pace, 115.0) == pytest.approx(2 * measured * 0.9)


@pytest.mark.parametrize(
    ("seconds", "factor"),
    [(0.0, 1.0), (10.0, exp(0.3)), (20.0, exp(0.6)), (40.0, exp(2.6)), (60.0, exp(4.6))],
)
def test_pace_grows_slowly_then_fast(seconds: float, factor: float) -> None:
    """Without another 429 the pace grows by 3 % a second for 20 s, and by 10 % a second then."""
    pace = paced()
    pace.throttled(100.0, 0.0)
    expected = (MEASURED * FIRST + 0.5 * seconds) * factor
    assert rate_of(pace, 100.0 + seconds) == pytest.approx(expected)


def test_429_is_forgotten_after_a_minute() -> None:
    """A minute without a 429 ends the throttling; a rate that was asked for stays."""
    pace = paced()
    pace.throttled(100.0, 0.0)
    assert [pace.reserve(160.1) for _ in range(9)] == [0.0] * 9
    limited = paced(5.0)
    limited.throttled(100.0, 0.0)
    assert rate_of(limited, 100.0) == pytest.approx(5)  # it is slower than the throttled one
    assert rate_of(limited, 200.0) == pytest.approx(5)


def test_retry_after_holds_all_and_costs_more() -> None:
    """After a Retry-After slots begin when it is over, below the pace that was let through."""
    pace = paced()
    pace.throttled(100.0, 7.0)
    expected = 2 * MEASURED * 0.93
    waits = [pace.reserve(100.0) for _ in range(3)]
    assert waits == pytest.approx([7, 7 + 1 / expected, 7 + 2 / expected])
    grown = (expected + 0.01 * 10) * exp(0.005 * 10)
    assert rate_of(pace, 117.0) == pytest.approx(grown)
