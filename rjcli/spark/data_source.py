"""The data source "rjmetrics": ``df.write.format("rjmetrics")``, for frames without versions.

    rjcli.spark.register(spark)
    df.write.format("rjmetrics").mode("append").options(table="orders", keys="id").save()

Options are those of ``rjcli.spark.push`` by name, as text; the API key is never one: it
comes from the variables or the profile of the driver.

A data source gets rows where they lie, and cannot have the versions of a key brought
together. So each key has to be there once: where a table may hold several versions of
one, use ``rjcli.spark.push``. It cannot overwrite, returns no account, and writes no
rejects: a write of which not every record was accepted raises, and what was accepted
stays. Repeating it is safe.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql.datasource import DataSource, DataSourceArrowWriter, WriterCommitMessage
from pyspark.sql.types import StructType

from rjcli.errors import UsageError
from rjcli.preparing.python_values import make_block
from rjcli.spark.job import SparkJob
from rjcli.spark.result import Tally
from rjcli.spark.task import Plan, SendPass

_MOST_REJECTS = 10


def register(spark: SparkSession) -> None:
    """Make the format "rjmetrics" known to a session."""
    spark.dataSource.register(RjmetricsDataSource)
