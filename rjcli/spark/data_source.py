"""The data source "rjmetrics": ``df.write.format("rjmetrics")``, for frames without versions.

    rjcli.spark.register(spark)
    df.write.format("rjmetrics").mode("append").options(table="orders", keys="id").save()

Options are those of ``rjcli.spark.push`` by name, as text; the API key is never one: it
comes from the variables or the profile of the driver.

A data source gets rows where they lie, and cannot have the versions of a key brought
together. So each key has to be there once: where a frame may hold several versions of
one, use ``rjcli.spark.push``. Values are converted in Python, which knows no JSON for
binary ones. It cannot overwrite, returns no account, and writes no rejects: a write of
which not every record was accepted raises, and what was accepted stays. Repeating it is
safe.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from rjcli.errors import UsageError, show_name
from rjcli.library.options import Options
from rjcli.spark.call import SparkPush
from rjcli.spark.result import Tally
from rjcli.spark.task import Counted, Plan, SendPass

_MOST_REJECTS = 10


def register(spark: SparkSession) -> None:
    """Make the format "rjmetrics" known to a session."""
    spark.dataSource.register(RjmetricsDataSource)


class RjmetricsDataSource(DataSource):
    """The format "rjmetrics", for writing."""

    @classmethod
    def name(cls) -> str:
        """The name of the format."""
        return "rjmetrics"

    def writer(self, schema: StructType, overwrite: bool) -> "Writer":  # noqa: FBT001 - Spark's
        """Look up the credentials, and return what writes. Raises UsageError for bad options."""
        if overwrite:
            raise UsageError("a table cannot be overwritten", hint='write with mode("append")')
        options = dict(self.options)
        if "api_key" in options:
            raise UsageError(
                "the API key is no option: options stand in plans and logs",
                hint="set RJCLI_API_KEY, name a file with api_key_file, or a profile",
            )
        # Options have names in lower case here, and rjcli's have no others.
        options.pop("path", None)
        push = SparkPush(Options.from_arguments(options), 1, _MOST_REJECTS)
        for name in push.settings.keys:
            if name not in schema.fieldNames():
                raise UsageError(f"there is no column {show_name(name)}")
        return Writer(push.plan(keeps_all=False))


@dataclass
class Outcome(WriterCommitMessage):
    """What became of a partition, as rows of kind and JSON."""

    records: int
    rows: Sequence[tuple[str, str]]


class Writer(DataSourceArrowWriter):
    """Sends each partition as it is."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def write(self, iterator: Iterator[Any]) -> Outcome:
        """Send the Arrow batches of a partition."""
        counted = Counted(_records(iterator))
        rows = SendPass(self._plan).send(iter(counted))
        return Outcome(counted.count, rows)

    def commit(self, messages: Sequence[Any]) -> None:
        """Raise NotAllAcceptedError unless every record was accepted."""
        tally = Tally(_MOST_REJECTS)
        for message in messages:
            tally.counts["read"] += message.records
            tally.add(message.rows)
        tally.result(0.0).check()

    def abort(self, messages: Sequence[Any]) -> None:
        """Nothing is taken back: what was accepted stays."""


def _records(batches: Iterator[Any]) -> Iterator[Mapping[str, Any]]:
    for batch in batches:
        exact = pa.Table.from_batches([batch])
        for index, field in enumerate(exact.schema):
            exact = exact.set_column(index, field.name, _without_narrow_floats(exact.column(index)))
        yield from exact.to_pylist(maps_as_pydicts="strict")


def _without_narrow_floats(column: Any) -> Any:
    """The same values, in which a float of 32 bits has become the double with its shortest digits.

    Python would widen 0.1 to 0.10000000149011612.
    """
    wide = _replace(column.type, pa.float64())
    if wide == column.type:
        return column
    return column.cast(_replace(column.type, pa.string())).cast(wide)


def _replace(type_: Any, by: Any) -> Any:
    """The same Arrow type, with another in the place of 32-bit floats."""
    if pa.types.is_float32(type_):
        return by
    if pa.types.is_list(type_):
        return pa.list_(_replace(type_.value_type, by))
    if pa.types.is_map(type_):
        return pa.map_(_replace(type_.key_type, by), _replace(type_.item_type, by))
    if pa.types.is_struct(type_):
        return pa.struct([field.with_type(_replace(field.type, by)) for field in type_])
    return type_
