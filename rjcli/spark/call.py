"""One push of a DataFrame, on the driver: what is sent, by which tasks, and the account."""

import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from pyspark import StorageLevel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F  # noqa: N812 - as everybody calls it
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from rjcli.engine.description import describe
from rjcli.errors import StoppedError, UnfinishedError, UsageError
from rjcli.library.call import OnNote
from rjcli.library.options import Options
from rjcli.run import KeysInDoubt, moment, open_in_doubt
from rjcli.settings.option import options_of
from rjcli.settings.shape import ShapeSettings
from rjcli.spark import versions
from rjcli.spark.attempts import all_ended
from rjcli.spark.executor import ExecutorShare
from rjcli.spark.frames import check_columns, newest_versions, texts_schema
from rjcli.spark.result import SparkResult, Tally
from rjcli.spark.task import TOO_MANY_REJECTS, CarriedKey, PartitionPush, Plan, SendPass

_MOST_REJECT_BYTES = 256 * 2**20  # of all tasks: they go through the driver
_ALL = 2**62
_ALIVE_SECONDS = 2.0
SHAPE = {option.key for option in options_of(ShapeSettings)} | {"strict"}
"""The keys of options that a DataFrame has no use for."""

_REJECTS = StructType(
    [
        *texts_schema("record", "stage").fields,
        StructField("status", IntegerType()),
        StructField("reasons", ArrayType(StringType())),
    ]
)


class SparkPush:
    """A push that is ready to begin, whose credentials are found.

    Raises UsageError for bad options. ``description``: what it is about.
    """

    def __init__(
        self,
        options: Options,
        partitions: int,
        most_rejects: int,
        on_note: OnNote | None = None,
    ) -> None:
        self._options = options
        self.settings = options.settings
        if not self.settings.keys:
            raise UsageError("no keys= given", hint="name the columns that make the primary key")
        if options.access.target.is_local:
            raise UsageError(
                "executors cannot reach the local Import API of another process",
                hint="start it with rjcli serve, and name it with base_url=",
            )
        if partitions < 1:
            raise UsageError(f"partitions= is 1 or more, not {partitions}")
        self._partitions = partitions
        self._most_rejects = most_rejects
        self._on_note = on_note
        self._tally = Tally(most_rejects)
        self._has_begun = False  # to send
        with options.connect() as connection:
            self._endpoint = connection.endpoint
            self._credentials = None if self.settings.dry_run else connection.credentials()
        client_id = self._credentials.client_id if self._credentials else None
        self.description = describe(options.access, self.settings, self._endpoint, client_id)

    def push(
        self, df: DataFrame, order_by: Sequence[str], rejects_to: str | None, began: float
    ) -> SparkResult:
        """Push a frame; ``began``: when, for the result."""
        settings, tally = self.settings, self._tally
        check_columns(df, settings.keys, order_by)
        with ExitStack() as stack:
            plan = self.plan(keeps_all=rejects_to is not None)
            in_doubt = stack.enter_context(self._in_doubt(plan))
            earlier = {versions.key_text(key) for key in in_doubt.doubts} if in_doubt else set()
            frame = newest_versions(
                df,
                order_by,
                self._partitions,
                versions.KeyPass(settings.keys, allow_empty_keys=settings.allow_empty_keys),
                versions.NewestPass(frozenset(earlier), plan.most_rejects, plan.most_reject_bytes),
            )
            frame = frame.persist(StorageLevel.DISK_ONLY)
            stack.callback(frame.unpersist)
            is_in_doubt = self._survey(frame)
            cause = None
            if self._has_too_many_rejects(keeps_all=rejects_to is not None):
                counts = tally.counts
                counts["unsent"] = counts["read"] - counts["superseded"] - counts["rejected"]
            else:
                if in_doubt:
                    self._wait(plan, in_doubt, is_in_doubt=is_in_doubt)
                cause = self._send(plan, frame)
                if in_doubt:
                    self._keep(df, in_doubt, cause)
            if rejects_to is not None and tally.rejects:
                self._write_rejects(df, rejects_to)
        for note in tally.notes:
            self._note(note)
        return tally.result(time.monotonic() - began, cause)

    def _note(self, text: str) -> None:
        if self._on_note:
            self._on_note(text)

    def plan(self, *, keeps_all: bool) -> Plan:
        """What the tasks have to know. ``keeps_all``: whether they return all rejects."""
        settings, access = self.settings, self._options.access
        delivery = settings.delivery
        if delivery.rate_limit:
            delivery = replace(delivery, rate_limit=delivery.rate_limit / self._partitions)
        credentials = self._credentials
        return Plan(
            settings=replace(settings, delivery=delivery, min_records=0),
            description=self.description,
            endpoint=self._endpoint,
            timeout=access.timeout,
            ca_file=access.ca_file,
            client_id=self.description.client_id,
            key=CarriedKey(credentials.api_key) if credentials else None,
            most_rejects=_ALL if keeps_all else self._most_rejects,
            most_reject_bytes=_MOST_REJECT_BYTES // self._partitions,
        )

    def _survey(self, frame: DataFrame) -> bool:
        """Find out what there is to send; return whether keys that are in doubt are among it.

        Raises UsageError if nothing of it is to be sent.
        """
        counts, tally = self._tally.counts, self._tally
        rows = frame.filter(F.col("kind") != versions.RECORD).collect()
        of_kind: dict[str, list[Any]] = {}
        for row in rows:
            of_kind.setdefault(row.kind, []).append(row)
        conflicts = 0
        for row in of_kind.get(versions.COUNT, ()):
            count = json.loads(row.json)
            conflicts += count["conflicts"]
            for name in ("read", "superseded", "rejected"):
                counts[name] += count[name]
        if conflicts:
            shown = min(row.json for row in of_kind[versions.CONFLICT])[:200]
            others = f", and {conflicts - 1:,} other keys" if conflicts > 1 else ""
            raise UsageError(
                f"there are different versions of the key {shown}{others},"
                " and nothing says which of them is the newest",
                hint="name a column that says which is newer: order_by=",
            )
        if counts["read"] < self.settings.min_records:
            raise UsageError(f"there are {counts['read']:,} records, fewer than min_records=")
        for row in of_kind.get(versions.REJECT, ()):
            stage, reasons = json.loads(row.reason)
            reject = {"record": row.json, "stage": stage, "status": None, "reasons": reasons}
            tally.rejects.append(reject)
        return versions.IN_DOUBT in of_kind

    def _has_too_many_rejects(self, *, keeps_all: bool = False) -> bool:
        """Whether the push fails because of its rejects. ``keeps_all``: if some are missing."""
        counts, tally, most = self._tally.counts, self._tally, self.settings.max_rejects
        if keeps_all and len(tally.rejects) < counts["rejected"]:
            tally.fail(StoppedError(TOO_MANY_REJECTS, hint="fix these first"))
        elif most and most.are_passed(counts["rejected"], counts["read"]):
            tally.fail(StoppedError(f"{counts['rejected']:,} records were rejected: max_rejects="))
        else:
            return False
        return True

    @contextmanager
    def _in_doubt(self, plan: Plan) -> Iterator[KeysInDoubt | None]:
        """Hold what the table has in doubt, and note all the while that requests are made."""
        if plan.key is None:
            yield None
            return
        request = self._options.request_run(plan.description, self._note)
        ended = threading.Event()
        with open_in_doubt(request) as in_doubt:

            def keep_alive() -> None:
                while in_doubt and not ended.wait(_ALIVE_SECONDS):
                    in_doubt.keep_alive(moment.now())

            thread = threading.Thread(target=keep_alive, name="rjcli", daemon=True)
            thread.start()
            try:
                yield in_doubt
            finally:
                ended.set()
                thread.join()
                if in_doubt and not self._has_begun:
                    in_doubt.end(moment.now())

    def _wait(self, plan: Plan, in_doubt: KeysInDoubt, *, is_in_doubt: bool) -> None:
        """Wait until nothing that earlier pushes left under way can overwrite what is sent now.

        What they wanted to send once more is sent first.
        """
        now = moment.now()
        until = in_doubt.unknown_until
        if is_in_doubt:
            until = max([until, *(doubt.until for doubt in in_doubt.doubts.values())])
        if until > now:
            self._note(
                "requests of an earlier push of this table may still be applied:"
                f" sending begins in {until - now:.0f} s (settle=)"
            )
            time.sleep(until - now)
        if any(doubt.newest for doubt in in_doubt.doubts.values()):
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / plan.place
                with ExecutorShare(path, plan.settings.delivery.jobs, "repeat") as share:
                    push = PartitionPush(plan, share, in_doubt.doubts)
                    push.take(())
                in_doubt.save(push.doubts.changes)

    def _send(self, plan: Plan, frame: DataFrame) -> Exception | None:
        """Send the records of a frame; return what Spark has failed with, if it has."""
        counts, tally = self._tally.counts, self._tally
        records = frame.filter(F.col("kind") == versions.RECORD)
        self._has_begun = True
        try:
            # The only action on it: each one would send everything.
            rows = records.mapInArrow(SendPass(plan), texts_schema("kind", "json")).collect()
        except Exception as error:  # noqa: BLE001 - what Spark raises depends on how it is used
            counts["unknown"] = counts["read"] - counts["superseded"] - counts["rejected"]
            tally.fail(
                UnfinishedError(
                    f"Spark could not finish: {first_line(error)}",
                    hint="push again: each key's newest version is sent once more",
                )
            )
            return error
        tally.add((row.kind, row.json) for row in rows)
        self._has_too_many_rejects()
        return None

    def _keep(self, df: DataFrame, in_doubt: KeysInDoubt, failure: Exception | None) -> None:
        """Keep what is in doubt for the next push of the table.

        A task that was begun again may have left requests for any of its keys, as
        the driver does where it is killed: then the file does not say that all is over.
        """
        now = moment.now()
        for doubt in self._tally.doubts.values():
            doubt.until += now
        in_doubt.save(self._tally.doubts)
        if not failure and all_ended(df.sparkSession, self._tally.tasks):
            in_doubt.end(now)

    def _write_rejects(self, df: DataFrame, path: str) -> None:
        rejects = [
            (each["record"], each["stage"], each["status"], [*each["reasons"]])
            for each in self._tally.rejects
        ]
        try:
            frame = df.sparkSession.createDataFrame(rejects, _REJECTS)
            frame.write.mode("append").json(path)
        except Exception as error:  # noqa: BLE001 - the account is kept whatever Spark raises
            self._tally.fail(
                UnfinishedError(
                    f"the rejects could not be written to {path}: {first_line(error)}",
                    hint="the first of them are in the result",
                )
            )


def first_line(error: Exception) -> str:
    """What an error of Spark's says, without the traces that follow it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
