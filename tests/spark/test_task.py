import json
import pickle
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.library.options import Options
from rjcli.library.threads import LoopThread
from rjcli.producer.feed import Feed
from rjcli.spark.call import SparkPush
from rjcli.spark.executor import ExecutorShare
from rjcli.spark.result import Tally
from rjcli.spark.task import CarriedKey, PartitionPush, Plan
from rjcli.spark.versions import NewestPass, key_text
from tests.conftest import Serve
from tests.support.scripted import Request, always, answer


def _plan(server: Any, **options: Any) -> Plan:
    given = {"table": "t", "keys": ["id"], "client_id": 12, "api_key": "secret-key", **options}
    push = SparkPush(Options.from_arguments({**given, "base_url": server.base_url}), 1, 10)
    return push.plan(keeps_all=False)


def _push(plan: Plan, records: Iterable[bytes], directory: Path) -> Tally:
    tally = Tally(10)
    with ExecutorShare(directory, plan.settings.delivery.jobs, "x") as share:
        push = PartitionPush(plan, share)
        feed = Feed()
        records = [*records]
        with LoopThread(push, lambda: push.run(feed)) as thread:
            thread.hand_over(records, feed)
            thread.result()
        tally.counts["read"] = len(records)
        tally.add(push.rows(len(records), {"id": 1, "stage": 1, "attempt": 0}))
    return tally


def test_a_key_whose_request_was_not_answered_is_in_doubt(serve: Serve, tmp_path: Path) -> None:
    """A task says which keys a late request may still overwrite, and for how long."""
    requests = 0

    async def script(_: Request) -> bytes | None:
        nonlocal requests
        requests += 1
        return None if requests == 1 else answer()

    plan = _plan(serve(script), settle=60)
    tally = _push(plan, [b'{"id":7}'], tmp_path / "share")
    assert tally.result(0.0).check().accepted == 1
    [(key, doubt)] = tally.doubts.items()
    assert key == 7.0
    assert 0 < doubt.until <= 60


def test_a_task_that_cannot_begin_returns_an_account(serve: Serve, tmp_path: Path) -> None:
    """Where certificates are missing on an executor, its records are unsent, and nothing raises."""
    server = serve(always(answer()))
    plan = replace(
        _plan(server),
        endpoint=Endpoint.parse("https://localhost"),
        ca_file=str(tmp_path / "missing.pem"),
    )
    result = _push(plan, [b'{"id":7}'], tmp_path / "share").result(0.0)
    assert (result.exit_code, result.unsent, result.accepted) == (2, 1, 0)
    assert "missing.pem" in f"{result.message}"


def test_a_plan_shows_no_key(serve: Serve) -> None:
    """The key travels in a pickled plan, whose text does not show it."""
    plan = _plan(serve(always(answer())))
    carried = pickle.loads(pickle.dumps(plan))  # noqa: S301 - our own
    assert carried.key.key == ApiKey("secret-key")
    assert "secret" not in f"{plan} {plan!r} {carried!r} {CarriedKey(ApiKey('secret-key'))}"


@pytest.mark.parametrize(
    ("rows", "kept", "counts"),
    [
        (["a1x", "a2y"], ["y"], (2, 1, 0)),
        (["a1x", "a1x"], ["x"], (2, 1, 0)),
        (["a1x", "a1y"], ["y"], (2, 1, 1)),
        (["a1x", "a1y", "a2z"], ["z"], (3, 2, 0)),
        (["a1x", "a2y", "a2z", "a2z"], ["z"], (4, 3, 1)),
        (["a1x", "b1y", "a2z"], ["y", "z"], (3, 1, 0)),
    ],
)
def test_the_newest_version_of_each_exact_key_is_kept(
    rows: list[str], kept: list[str], counts: tuple[int, int, int]
) -> None:
    """Of sorted rows with one normalized key, each exact key's last one is kept, or in conflict."""
    columns = {
        "exact": [row[0] for row in rows],
        "order": [row[1] for row in rows],
        "json": [row[2] for row in rows],
        "key": ["k"] * len(rows),
        "reason": pa.array([None] * len(rows), pa.string()),
    }
    batches = [pa.RecordBatch.from_pydict(columns)]
    found = [
        row for batch in NewestPass(frozenset(), 10, 1000)(batches) for row in batch.to_pylist()
    ]
    assert [row["json"] for row in found if row["kind"] == "record"] == kept
    [count] = [json.loads(row["json"]) for row in found if row["kind"] == "count"]
    assert (count["read"], count["superseded"], count["conflicts"]) == counts
    assert sum(row["kind"] == "conflict" for row in found) == counts[2]


def test_keys_that_are_equal_have_equal_texts() -> None:
    """Zero has one text whatever its sign."""
    assert key_text(-0.0) == key_text(0.0) != key_text("0.0")
