from collections import Counter
from collections.abc import Callable

import httpx
import pytest

from rjcli.errors import UsageError
from rjcli.local.faults import Fault, Faults, FaultSwitch

from .conftest import API_KEY, RunningApi

ORDER = {"keys": ["id"], "id": 1}


def outcomes(api: RunningApi, count: int) -> list[int | None]:
    """The status of each of some upserts, or None for no answer."""
    seen: list[int | None] = []
    for number in range(count):
        try:
            seen.append(api.push("orders", {"keys": ["id"], "id": number}).status_code)
        except httpx.TransportError:
            seen.append(None)
    return seen


def test_local_faults_are_the_same_for_the_same_seed(start: Callable[..., RunningApi]) -> None:
    """Two servers with one seed fail the same requests in the same ways."""
    faults = Faults(fail_rate=0.3, drop_rate=0.2, drop_after_apply_rate=0.1, seed=7)
    first, second = outcomes(start(faults), 40), outcomes(start(faults), 40)
    assert first == second
    assert {201, 503, None} == set(first)


def test_local_faults_hit_at_their_rates() -> None:
    """Over many requests each fault takes its share."""
    switch = FaultSwitch(Faults(fail_rate=0.2, drop_rate=0.1, drop_after_apply_rate=0.05, seed=1))
    drawn = Counter(switch.draw() for _ in range(20_000))
    assert drawn[Fault.FAIL] == pytest.approx(4000, rel=0.1)
    assert drawn[Fault.DROP] == pytest.approx(2000, rel=0.1)
    assert drawn[Fault.DROP_AFTER_APPLY] == pytest.approx(1000, rel=0.1)


def test_local_failing_answers(start: Callable[..., RunningApi]) -> None:
    """A failing answer has the status and the Retry-After asked for, and applies nothing."""
    api = start(Faults(fail_rate=1, fail_status=429, retry_after=3))
    answer = api.push("orders", ORDER)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")
    assert answer.json()["code"] == 429
    assert api.kept("orders") == []


def test_local_other_calls_have_no_faults(start: Callable[..., RunningApi]) -> None:
    """Status and authenticate answer even if every upsert fails."""
    client = start(Faults(fail_rate=1)).client
    assert client.get("/").status_code == 200
    assert client.get(f"/v2/client/12/authenticate?apikey={API_KEY}").status_code == 200


@pytest.mark.parametrize(
    ("faults", "kept"), [(Faults(drop_rate=1), 0), (Faults(drop_after_apply_rate=1), 1)]
)
def test_local_drop_closes_without_an_answer(
    start: Callable[..., RunningApi], capfd: pytest.CaptureFixture[str], faults: Faults, kept: int
) -> None:
    """A dropped upsert gets no answer, silently; only drop-after-apply has applied it."""
    api = start(faults)
    with pytest.raises(httpx.TransportError):
        api.push("orders", ORDER)
    assert len(api.kept("orders")) == kept
    assert api.client.get("/").status_code == 200
    assert capfd.readouterr() == ("", "")


def test_local_drop_after_apply_still_answers_refusals(start: Callable[..., RunningApi]) -> None:
    """What was not applied is refused as ever."""
    assert start(Faults(drop_after_apply_rate=1)).push("orders", []).status_code == 400


def test_local_latency_is_kept(start: Callable[..., RunningApi]) -> None:
    """A request takes at least the latency, and more of them at once wait together."""
    answer = start(Faults(latency=0.05)).push("orders", ORDER)
    assert answer.status_code == 201
    assert answer.elapsed.total_seconds() >= 0.05


@pytest.mark.parametrize(
    "wrong",
    [
        {"latency": -1},
        {"latency": float("inf")},
        {"latency": float("nan")},
        {"fail_rate": 1.1},
        {"drop_rate": -0.1},
        {"drop_rate": float("nan")},
        {"fail_rate": 0.6, "drop_after_apply_rate": 0.6},
        {"fail_status": 200},
        {"retry_after": -1},
    ],
)
def test_local_impossible_faults_are_refused(wrong: dict[str, float]) -> None:
    """Rates, statuses and times out of range are usage errors."""
    with pytest.raises(UsageError):
        Faults(**wrong)  # type: ignore[arg-type] # the parameters are of several types
