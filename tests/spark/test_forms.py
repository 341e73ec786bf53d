"""The other forms: Connect, streams, the data source and the command; and where no key shows."""

import base64
import json
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rjcli.spark
from tests.conftest import CANARY_KEY, CLIENT_ID
from tests.spark.conftest import Cluster, FaultyApi

_ROOT = str(Path(__file__).parents[2])


def _run(home: Path, remote: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Run Python over Connect, in a process of its own."""
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": _ROOT,
        "RJCLI_API_KEY": CANARY_KEY,
        "RJCLI_CLIENT_ID": str(CLIENT_ID),
        "RJCLI_SETTLE": "0",
        "SPARK_REMOTE": remote,
    }
    return subprocess.run(
        [sys.executable, *words],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_the_command_pushes_over_connect(cluster: Cluster, api: FaultyApi, tmp_path: Path) -> None:
    """The command reads what Spark reads, over Connect, and ends as rjcli push does."""
    source = tmp_path / "orders"
    cluster.spark.sql(
        "SELECT id, v AS version FROM range(50) CROSS JOIN (VALUES (1), (2)) AS t(v)"
        " UNION ALL SELECT null, 1"
    ).write.parquet(str(source))
    words = ["-m", "rjcli.spark", "push", str(source), "-t", "t", "-k", "id", "--partitions", "2"]
    target = ["--base-url", api.base_url, "--order-by", "version", "--json"]
    done = _run(tmp_path, cluster.remote, *words, *target, "--rejects-to", str(tmp_path / "bad"))
    assert done.returncode == 3, done.stderr
    document = json.loads(done.stdout)
    assert document["status"] == "rejects"
    assert document["records"] == {
        "read": 101,
        "superseded": 50,
        "accepted": 50,
        "rejected": 1,
        "unknown": 0,
        "unsent": 0,
    }
    assert CANARY_KEY not in done.stdout + done.stderr
    assert {row["version"] for row in api.rows("t")} == {2}
    [reject] = cluster.spark.read.json(str(tmp_path / "bad")).collect()
    assert reject.reasons == ["the key field 'id' is null"]

    done = _run(tmp_path, cluster.remote, *words, "--base-url", api.base_url, "--format", "orc")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "Spark cannot read" in done.stderr


def test_a_stream_is_pushed_batch_by_batch(
    cluster: Cluster, api: FaultyApi, tmp_path: Path
) -> None:
    """Within foreachBatch each batch is pushed, and the newest version of each key stays."""
    source = tmp_path / "source"
    for batch in range(2):
        frame = cluster.spark.range(40).selectExpr("id", f"{batch} AS version")
        frame.coalesce(1).write.mode("append").json(str(source))
    results: list[rjcli.spark.SparkResult] = []

    def load(frame: Any, _: int) -> None:
        result = rjcli.spark.push(
            frame,
            table="t",
            keys=["id"],
            order_by="version",
            partitions=2,
            settle=0,
            **api.access,
        )
        results.append(result.check())

    stream = cluster.spark.readStream.schema("id BIGINT, version INT")
    stream = stream.option("maxFilesPerTrigger", 1).json(str(source))
    query = stream.writeStream.foreachBatch(load).trigger(availableNow=True).start()
    query.awaitTermination()
    assert query.exception() is None
    assert [result.accepted for result in results] == [40, 40]
    assert len(api.rows("t")) == 40


def test_the_data_source_sends_rows_as_they_are(
    cluster: Cluster, api: FaultyApi, tmp_path: Path
) -> None:
    """The format rjmetrics appends exact values, and raises where records are not accepted."""
    key_file = tmp_path / "key"
    key_file.write_text(CANARY_KEY)
    key_file.chmod(0o600)
    rjcli.spark.register(cluster.spark)
    options = {
        "table": "t",
        "keys": "id",
        "base_url": api.base_url,
        "client_id": str(CLIENT_ID),
        "api_key_file": str(key_file),
        "settle": "0",
    }
    frame = cluster.spark.sql(
        "SELECT id, 0.1F AS narrow, array(0.1F) AS list, map('a', 1) AS map,"
        " 1.10BD AS decimal, timestamp'2026-01-02 03:04:05Z' AS moment FROM range(20)"
    )
    writer = frame.write.format("rjmetrics").options(**options)
    writer.mode("append").save()
    assert len(api.records("t")) == 20
    assert api.records("t")[0].partition(b",")[2].partition(b",")[2] == (
        b'"narrow":0.1,"list":[0.1],"map":{"a":1},"decimal":1.10,'
        b'"moment":"2026-01-02T03:04:05+00:00"}'
    )
    for bad, message in [
        (frame.selectExpr("null AS id"), "1 records were rejected|20 records were rejected"),
        (frame.selectExpr("id AS x"), "no column 'id'"),
    ]:
        with pytest.raises(Exception, match=message):
            bad.write.format("rjmetrics").options(**options).mode("append").save()
    with pytest.raises(Exception, match="cannot be overwritten"):
        writer.mode("overwrite").save()
    with pytest.raises(Exception, match="the API key is no option"):
        writer.option("api_key", "x").mode("append").save()


def _answers(address: str) -> Iterator[bytes]:
    """What the UI says of everything, as JSON and as pages."""
    with urllib.request.urlopen(f"{address}/api/v1/applications") as reply:  # noqa: S310 - ours
        [app] = json.load(reply)
    parts = [
        "environment",
        "jobs",
        "stages?details=true",
        "executors",
        "sql?details=true&length=99",
    ]
    paths = [f"/api/v1/applications/{app['id']}/{part}" for part in parts]
    for path in [*paths, "/environment/", "/SQL/", "/connect/"]:
        with urllib.request.urlopen(address + path) as reply:  # noqa: S310 - ours
            yield reply.read()


def test_the_key_shows_nowhere(
    cluster: Cluster, api: FaultyApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """No event log, no UI, no plan, no file of the cluster and no process shows the API key."""
    frame = cluster.spark.range(100).selectExpr("id")
    rjcli.spark.push(frame, table="t", keys=["id"], partitions=2, settle=0, **api.access).check()
    refused = {**api.access, "client_id": 99}
    rjcli.spark.push(frame, table="t", keys=["id"], partitions=2, settle=0, **refused)
    key = CANARY_KEY.encode()
    forms = [key, urllib.parse.quote(CANARY_KEY).encode(), base64.b64encode(key).rstrip(b"=")]
    files = [path for path in cluster.directory.rglob("*") if path.is_file()]
    assert any("events" in path.parts and path.stat().st_size for path in files)
    processes = [*Path("/proc").glob("[0-9]*/cmdline")]
    found = [
        name
        for name, text in [
            *((str(path), path.read_bytes()) for path in files),
            *((str(path), path.read_bytes()) for path in processes if path.exists()),
            *((f"UI {place}", text) for place, text in enumerate(_answers(cluster.ui))),
            ("output", "".join(capfd.readouterr()).encode()),
        ]
        if any(form in text for form in forms)
    ]
    assert found == []
