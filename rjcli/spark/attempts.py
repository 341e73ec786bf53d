"""Attempts: whether tasks of a push were begun again, and may have left requests under way."""

from collections.abc import Mapping, Sequence

from pyspark.errors import PySparkException
from pyspark.sql import SparkSession


def all_ended(session: SparkSession, tasks: Sequence[Mapping[str, int]]) -> bool:
    """Whether no attempt at a stage's tasks has ended other than by returning its rows.

    ``tasks``: those that did; their numbers are given in the order in which attempts begin.
    Where it cannot be known, the answer is False.
    """
    if not tasks or session.conf.get("spark.speculation", "false") == "true":
        return False
    if any(task["attempt"] for task in tasks):
        return False
    try:
        stage = session.sparkContext.statusTracker().getStageInfo(tasks[0]["stage"])
    except PySparkException:  # of Connect, which has no such thing
        stage = None
    if stage:
        return bool(stage.currentAttemptId == 0 and stage.numFailedTasks == 0)
    ids = [task["id"] for task in tasks]
    return max(ids) - min(ids) == len(ids) - 1
