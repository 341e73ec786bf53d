"""Spark: a DataFrame becomes a table, each of its keys in its newest version.

    import rjcli.spark

    result = rjcli.spark.push(df, table="orders", keys=["id"], order_by="updated_at")
    result.check()

One shuffle brings all versions of a key together. The newest one is sent, by as many
tasks as there are partitions, each with the engine of ``rjcli.push``. Needs pyspark and
pyarrow (``pip install rjmetrics-cli[spark]``), and rjcli itself on the executors.

pyspark is imported in this package alone.
"""

from rjcli.spark.data_source import RjmetricsDataSource, register
from rjcli.spark.functions import push
from rjcli.spark.result import SparkResult

__all__ = ["RjmetricsDataSource", "SparkResult", "push", "register"]
