"""What goes wrong on a cluster: faults, killed and slow tasks, and pushes one after the other."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it

from rjcli.spark import push
from tests.conftest import Serve
from tests.spark.conftest import Cluster, ServeApi, wait_for
from tests.support.scripted import Request, answer

_KEYS, _VERSIONS = 40_000, 5


def _versions(cluster: Cluster, keys: int) -> Any:
    """Five versions of each key, far from each other, with some text."""
    rows = cluster.spark.range(0, keys * _VERSIONS, 1, 4)
    return rows.select(
        (F.col("id") % keys).alias("id"),
        ((F.col("id") / keys).cast("int")).alias("version"),
        F.concat(F.lit("name of "), F.col("id")).alias("name"),
    )


@contextmanager
def _meanwhile(act: Callable[[], None]) -> Iterator[None]:
    """Do something in another thread, and wait for it at the end."""
    thread = threading.Thread(target=act)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _python_workers(executor: int) -> list[int]:
    """The Python processes that work for an executor: children of its children."""
    parents: dict[int, int] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                stat = (process / "stat").read_text()
            except OSError:
                continue
            parents[int(process.name)] = int(stat.rpartition(")")[2].split()[1])
    return [
        pid for pid, parent in parents.items() if parents.get(parent) == executor and parent != pid
    ]


def test_a_killed_executor_leaves_every_newest_version_in_place(
    cluster: Cluster, serve_api: ServeApi
) -> None:
    """Of 200,000 rows the newest versions are in place after faults and a kill -9."""
    api = serve_api(
        latency=0.02, fail_rate=0.04, drop_rate=0.02, drop_after_apply_rate=0.02, seed=5
    )
    before = cluster.executors()

    def kill() -> None:
        wait_for(lambda: "t" in api.tables() and len(api.records("t")) > _KEYS // 8)
        os.kill(before[0], signal.SIGKILL)

    with _meanwhile(kill):
        result = push(
            _versions(cluster, _KEYS),
            table="t",
            keys=["id"],
            order_by="version",
            partitions=8,
            jobs=2,
            settle=0,
            **api.access,
        )
    assert cluster.executors() != before
    result.check()
    assert (result.read, result.superseded) == (_KEYS * _VERSIONS, _KEYS * (_VERSIONS - 1))
    assert result.accepted == _KEYS
    rows = api.rows("t")
    assert len(rows) == _KEYS
    assert {row["version"] for row in rows} == {_VERSIONS - 1}


def test_a_slow_task_is_overtaken_by_another_attempt(cluster: Cluster, serve_api: ServeApi) -> None:
    """While one task stands still, Spark's other attempt at it sends the same versions."""
    api = serve_api(latency=0.1)
    stopped: list[int] = []

    def stop() -> None:
        wait_for(lambda: "t" in api.tables())
        stopped.extend(_python_workers(first))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

    first = cluster.executors()[0]
    with cluster.another_host(), _meanwhile(stop):
        result = push(
            _versions(cluster, 4000),
            table="t",
            keys=["id"],
            order_by="version",
            partitions=6,
            jobs=1,
            settle=0,
            **api.access,
        )
    for pid in stopped:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)  # what it still sends is not older
    result.check()
    assert stopped
    assert result.accepted == 4000
    rows = api.rows("t")
    assert len(rows) == 4000
    assert {row["version"] for row in rows} == {_VERSIONS - 1}


def test_what_is_in_doubt_holds_up_the_next_push(cluster: Cluster, serve: Serve) -> None:
    """A key whose request brought no answer is sent again only once that cannot arrive late."""
    moments: dict[int, float] = {}
    dropped = 0

    async def script(request: Request) -> bytes | None:
        nonlocal dropped
        version = int(request.body.split(b'"version":')[1].split(b"}")[0])
        moments.setdefault(version, time.monotonic())
        if version == 1 and not dropped:
            dropped += 1
            return None
        return answer()

    server = serve(script)
    notes: list[str] = []
    for version in (1, 2):
        push(
            cluster.spark.range(1).select("id", F.lit(version).alias("version")),
            table="t",
            keys=["id"],
            partitions=1,
            settle="5s",
            on_note=notes.append,
            base_url=server.base_url,
            client_id=12,
            api_key="secret-key",
        ).check()
    assert dropped
    assert any("may still be applied" in note for note in notes)
    assert moments[2] - moments[1] >= 5
