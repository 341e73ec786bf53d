import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import rjcli
from rjcli.spark import push
from tests.spark.conftest import Cluster, FaultyApi


def test_the_newest_version_of_each_key_is_sent_once(cluster: Cluster, api: FaultyApi) -> None:
    """Of all versions of a key the newest is loaded, and the others count as superseded."""
    frame = cluster.spark.range(0, 3000).selectExpr("id % 600 AS id", "id DIV 600 AS version")
    result = push(
        frame, table="t", keys=["id"], order_by="version", partitions=3, settle=0, **api.access
    )
    result.check()
    assert (result.read, result.superseded, result.accepted) == (3000, 2400, 600)
    assert {row["version"] for row in api.rows("t")} == {4}
    assert len(api.rows("t")) == 600


def test_versions_that_nothing_tells_apart_are_refused(cluster: Cluster, api: FaultyApi) -> None:
    """Two versions of a key of which neither is the newer end the push before anything is sent."""
    frame = cluster.spark.createDataFrame([(7, "a"), (7, "b"), (8, "c")], "id INT, name STRING")
    with pytest.raises(rjcli.UsageError, match=r'key \{"id":7\},'):
        push(frame, table="t", keys=["id"], partitions=2, settle=60, **api.access)
    assert api.tables() == []
    notes: list[str] = []
    frame = frame.where("id = 8")
    options: dict[str, Any] = {
        "table": "t",
        "keys": ["id"],
        "partitions": 1,
        "settle": 60,
        **api.access,
    }
    push(frame, on_note=notes.append, **options).check()
    assert notes == []  # nothing was under way


def test_rejects_come_back_with_reasons(cluster: Cluster, api: FaultyApi, tmp_path: Path) -> None:
    """Records without a key, and with NaN, are rejected, written to a path, and counted."""
    rows = [(1, 1.0), (None, 2.0), (3, float("nan")), (4, float("inf")), (5, None), (5, None)]
    frame = cluster.spark.createDataFrame(rows, "id INT, value DOUBLE")
    place = str(tmp_path / "rejects")
    result = push(
        frame, table="t", keys=["id"], partitions=2, rejects_to=place, settle=0, **api.access
    )
    assert (result.exit_code, result.status) == (3, "rejects")
    assert (result.read, result.superseded, result.accepted, result.rejected) == (6, 1, 2, 3)
    written = [json.loads(row.value) for row in cluster.spark.read.text(place).collect()]
    reason = "the field 'value' holds NaN or an infinity, which JSON cannot hold"
    assert sorted((each["record"], each["reasons"]) for each in written) == [
        ('{"id":3,"value":"NaN"}', [reason]),
        ('{"id":4,"value":"Infinity"}', [reason]),
        ('{"id":null,"value":2.0}', ["the key field 'id' is null"]),
    ]
    assert len(result.rejects) == 3


def test_too_many_rejects_stop_the_push(cluster: Cluster, api: FaultyApi) -> None:
    """More records that cannot be loaded than max_rejects end the push before anything is sent."""
    frame = cluster.spark.range(100).selectExpr("IF(id < 10, null, id) AS id")
    result = push(
        frame, table="t", keys=["id"], partitions=2, max_rejects=5, settle=0, **api.access
    )
    assert (result.exit_code, result.status) == (6, "stopped")
    assert (result.read, result.rejected, result.unsent) == (100, 10, 90)
    assert api.tables() == []


def test_a_dry_run_sends_nothing(cluster: Cluster, api: FaultyApi) -> None:
    """A dry run says what would be sent, and needs no credentials."""
    frame = cluster.spark.range(150).selectExpr("id")
    target: dict[str, Any] = {"base_url": api.base_url, "dry_run": True}
    result = push(frame, table="t", keys=["id"], partitions=1, **target).check()
    assert (result.read, result.unsent, result.requests) == (150, 150, 2)
    assert api.tables() == []


def test_refused_credentials_end_all_tasks(cluster: Cluster, api: FaultyApi) -> None:
    """A wrong key comes back as an account and not as a task that Spark begins again."""
    frame = cluster.spark.range(1000).selectExpr("id")
    access = {**api.access, "api_key": "wrong"}
    result = push(frame, table="t", keys=["id"], partitions=4, settle=0, **access)
    assert (result.exit_code, result.error, result.unsent) == (4, "access", 1000)
    assert result.requests <= 3  # one of each executor, of which another test may add a third
    assert api.tables() == []


def test_values_of_all_types_are_exact(cluster: Cluster, api: FaultyApi) -> None:
    """Every value reaches the API as Spark holds it: digits, nulls, moments, nested values."""
    import pyspark.sql.types as t  # noqa: PLC0415 - not in every environment

    moment = datetime.fromisoformat("2026-02-03T04:05:06.000007")
    types: list[tuple[Any, Any, str]] = [
        (t.LongType(), 9007199254740993, "9007199254740993"),
        (
            t.DecimalType(38, 10),
            Decimal("1234567890123456789.0123456789"),
            "1234567890123456789.0123456789",
        ),
        (t.DecimalType(10, 8), Decimal("0.00000001"), "1E-8"),
        (t.FloatType(), 0.1, "0.1"),
        (t.DoubleType(), 0.1, "0.1"),
        (t.BooleanType(), True, "true"),
        (t.StringType(), 'naïve "quoted" \n', '"naïve \\"quoted\\" \\n"'),
        (t.BinaryType(), bytearray(b"\x00\xff"), '"AP8="'),
        (t.DateType(), date(2026, 2, 3), '"2026-02-03"'),
        (t.TimestampType(), moment.replace(tzinfo=UTC), '"2026-02-03T04:05:06.000007Z"'),
        (t.TimestampNTZType(), moment, '"2026-02-03T04:05:06.000007"'),
        (t.StringType(), None, "null"),
        (t.ArrayType(t.IntegerType()), [1, None], "[1,null]"),
        (t.MapType(t.StringType(), t.LongType()), {"a": 1}, '{"a":1}'),
        (t.StructType([t.StructField("x", t.StringType())]), (None,), '{"x":null}'),
        (t.ArrayType(t.DoubleType()), [1.5, None], "[1.5,null]"),
    ]
    fields = [t.StructField(f"c{number}", type_[0]) for number, type_ in enumerate(types)]
    frame = cluster.spark.createDataFrame([tuple(each[1] for each in types)], t.StructType(fields))
    push(frame, table="t", keys=["c0"], partitions=1, settle=0, **api.access).check()
    [record] = api.records("t")
    values = ",".join(f'"c{number}":{each[2]}' for number, each in enumerate(types))
    assert record.decode() == '{"keys":["c0"],' + values + "}"


def test_nan_within_values_is_found(cluster: Cluster, api: FaultyApi) -> None:
    """NaN in an array, a struct or a map makes its record a reject."""
    frame = cluster.spark.sql(
        "SELECT 1 AS id, array(1D, double('NaN')) AS a, named_struct('x', 1F) AS s,"
        " map('k', 1D) AS m"
        " UNION ALL SELECT 2, array(1D), named_struct('x', float('-Infinity')), map('k', 1D)"
        " UNION ALL SELECT 3, array(1D), named_struct('x', 1F), map('k', double('NaN'))"
        " UNION ALL SELECT 4, array(1D, null), null, map('k', null)"
    )
    result = push(frame, table="t", keys=["id"], partitions=2, settle=0, **api.access)
    assert (result.accepted, result.rejected) == (1, 3)
    assert sorted(reject.reasons[0][:13] for reject in result.rejects) == [
        "the field 'a'",
        "the field 'm'",
        "the field 's'",
    ]


def test_bad_arguments_are_named_before_anything_is_sent(cluster: Cluster, api: FaultyApi) -> None:
    """Columns that are not there, streams and shapes are refused with a hint."""
    frame = cluster.spark.range(1)
    stream = cluster.spark.readStream.format("rate").load()
    for bad, options, message in [
        (frame, {"keys": ["ID"]}, "no column 'ID'"),
        (frame, {"keys": ["id"], "order_by": "age"}, "no column 'age'"),
        (frame, {"keys": []}, "keys= has an empty name"),
        (frame, {"keys": ["id"], "rename": {"id": "x"}}, "rename= is not for Spark"),
        (frame, {"keys": ["id"], "partitions": 0}, "partitions= is 1 or more"),
        (stream, {"keys": ["value"]}, "a stream is not pushed"),
        (
            frame.selectExpr("id", "id AS x", "1 AS x"),
            {"keys": ["id"]},
            "two columns are named 'x'",
        ),
    ]:
        with pytest.raises(rjcli.UsageError, match=message):
            push(bad, table="t", settle=0, **options, **api.access)  # type: ignore[arg-type]
    assert api.tables() == []
