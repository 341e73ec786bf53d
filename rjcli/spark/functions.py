"""``rjcli.spark.push``: a DataFrame into a table."""

import time
from collections.abc import Sequence
from typing import Any

from pyspark.sql import DataFrame

from rjcli.errors import UsageError
from rjcli.library.call import OnNote
from rjcli.library.options import Options
from rjcli.spark.call import SHAPE, SparkPush
from rjcli.spark.result import SparkResult

_PARTITIONS = 8
_MOST_REJECTS = 1000


def push(  # noqa: PLR0913 - what is asked for has many parts
    df: DataFrame,
    *,
    table: str,
    keys: str | Sequence[str],
    order_by: str | Sequence[str] = (),
    partitions: int = _PARTITIONS,
    rejects_to: str | None = None,
    on_note: OnNote | None = None,
    most_rejects: int = _MOST_REJECTS,
    **options: Any,
) -> SparkResult:
    """Push a DataFrame to a table, each key in its newest version; return how it went.

    ``keys``: names of the primary-key columns. ``order_by``: columns of which the greatest
    value, null being the least, is the newest version's. ``partitions``: how many tasks
    send. ``jobs``: most requests in flight, of all tasks of an executor together;
    ``rate_limit``: requests a second of all tasks, each of which gets an equal share.
    ``rejects_to``: a path that Spark appends all rejected records to, as JSON with ``record``,
    ``stage``, ``status`` and ``reasons``. ``on_note`` is called with what people should know.
    ``most_rejects``: so many are kept in the result. All other ``options`` are those of
    ``rjcli.push``, except for the shape of records, which is the DataFrame's. Credentials are
    looked up here, on the driver.

    Raises UsageError for bad arguments, and for two versions of a key of which none is
    the newer, before anything is sent; and what Spark raises if the DataFrame cannot be
    read. What happens afterwards is in the result: see ``Result.check``.
    """
    began = time.monotonic()
    for name in options:
        if name in SHAPE:
            raise UsageError(f"{name}= is not for Spark", hint="shape the DataFrame itself")
    arguments = Options.from_arguments({"table": table, "keys": keys, **options})
    push = SparkPush(arguments, partitions, most_rejects, on_note)
    by = (order_by,) if isinstance(order_by, str) else tuple(order_by)
    return push.push(df, by, rejects_to, began)
