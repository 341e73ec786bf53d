"""Tasks: what a partition's records become on an executor, and the rows that say so."""

import hashlib
import itertools
import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import asdict, replace
from pyspark import SparkFiles, TaskContext

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.lookup import Credentials
from rjcli.credentials.redaction import MASK
from rjcli.delivery.limits import Limits
from rjcli.engine.route import Route, Storage
from rjcli.engine.table_push import TablePush
from rjcli.errors import RjcliError, StoppedError
from rjcli.events import Event, Finished, Rejected, RunDescription
from rjcli.http.transport import Transport
from rjcli.library.base_call import BaseCall
from rjcli.library.functions import Record
from rjcli.library.threads import LoopThread
from rjcli.loading.outcome import describe_failure
from rjcli.model import Doubt, Noted, Rejection
from rjcli.producer.feed import Feed
from rjcli.run import CollectedDoubts, encode_doubt, moment
from rjcli.settings.values import PushSettings
from rjcli.spark.executor import ExecutorShare
from rjcli.spark.versions import RECORD, read_bytes, write_texts

ACCOUNT, REJECT, NOTE, DOUBT = "account", "reject", "note", "doubt"
"""The kinds of rows that say what became of a partition; each has an object as ``json``."""

TOO_MANY_REJECTS = "there are more rejects than the driver is given to write down"


class CarriedKey:
    """An API key on its way to the executors: in pickled functions, and nowhere else."""

    __slots__ = ("key",)

    def __init__(self, key: ApiKey) -> None:
        self.key = key

    def __repr__(self) -> str:
        return MASK

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpack, (self.key.reveal(),)


def _unpack(text: str) -> CarriedKey:
    return CarriedKey(ApiKey(text))


@dataclass(frozen=True)
class Plan:
    """What each task has to know. ``jobs`` of the settings: of all tasks of an executor.

    ``client_id`` and ``key`` are None for a dry run. ``most_rejects``: so many are returned by
    a task; one with more than ``most_reject_bytes`` of them stops.
    """

    settings: PushSettings
    description: RunDescription
    endpoint: Endpoint
    timeout: float
    ca_file: str | None
    client_id: int | None
    key: CarriedKey | None
    most_rejects: int
    most_reject_bytes: int

    @property
    def place(self) -> str:
        """The name of the directory for tasks that push to the same client of the same API."""
        target = f"{self.endpoint.base_url} {self.client_id}".encode()
        return f"rjcli-{hashlib.blake2b(target, digest_size=8).hexdigest()}"


class SendPass:
    """Sends the rows of kind "record" of a partition; yields what became of them.

    Raises only what Spark should try again: that its rows cannot be read.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield rows of ``kind`` and ``json``."""
        rows = self.send(_records(batches))
        if rows:
            yield write_texts(rows, "kind", "json")

    def send(self, records: Iterator[Record]) -> list[tuple[str, str]]:
        """Send records; return rows of kind and JSON."""
        plan = self._plan
        first = next(records, None)
        if first is None:
            return [(ACCOUNT, json.dumps({"task": _task(), "failure": None}))]
        directory = Path(SparkFiles.getRootDirectory()) / plan.place
        given = Counted(itertools.chain([first], records))
        with ExecutorShare(directory, plan.settings.delivery.jobs, plan.description.name) as share:
            push = PartitionPush(plan, share)
            push.failure = share.failure
            if not push.failure:
                push.take(given)
                if push.cause:
                    raise push.cause
                if push.failure:
                    share.fail(push.failure)
        given.drain()
        return push.rows(given.count, _task())


def _task() -> Mapping[str, int]:
    """Which attempt at which task this is."""
    context = TaskContext.get()
    return {
        "id": context.taskAttemptId(),
        "stage": context.stageId(),
        "attempt": context.attemptNumber(),
    }


class Counted:
    """Counts what is taken from an iterator."""

    def __init__(self, items: Iterator[Record]) -> None:
        self._items = items
        self.count = 0

    def __iter__(self) -> Iterator[Record]:
        for item in self._items:
            self.count += 1
            yield item

    def drain(self) -> None:
        """Take what is left."""
        for _ in self:
            pass


def _records(batches: Iterable[Any]) -> Iterator[bytes]:
    for batch in batches:
        kinds = batch.column("kind").to_pylist()
        for kind, text in zip(kinds, read_bytes(batch.column("json")), strict=True):
            if kind == RECORD:
                yield text


class PartitionPush(BaseCall):
    """The push of one partition.

    ``doubts``: what earlier pushes of the table left in doubt, and what this one does.
    ``cause``: the exception that its rows raised; ``failure``: what ended it early.
    """

    def __init__(
        self, plan: Plan, share: ExecutorShare, doubts: Mapping[Hashable, Doubt] | None = None
    ) -> None:
        super().__init__()
        self._plan = plan
        self._share = share
        self.doubts = CollectedDoubts(doubts or {})
        self._account: Mapping[str, int] = {"read": 0, "unsent": 0}
        self._rejects: list[Mapping[str, Any]] = []
        self._reject_bytes = 0
        self._notes: dict[str, None] = {}
        self.failure: Mapping[str, Any] | None = None

    def take(self, records: Iterable[Record]) -> None:
        """Push records, which are iterated in this thread."""
        feed = Feed()
        with LoopThread(self, lambda: self.run(feed)) as thread:
            thread.hand_over(records, feed)
            thread.result()

    async def run(self, feed: Feed) -> None:
        """Push what another thread feeds, which closes the feed in any case."""
        try:
            await self._run(feed)
        except RjcliError as error:  # nothing was sent, as with a missing file of certificates
            self.failure = describe_failure(error)
        finally:
            feed.end()
            await feed.closed()

    def rows(self, read: int, task: Mapping[str, int]) -> list[tuple[str, str]]:
        """What became of the partition, as rows of kind and JSON.

        ``read``: records in all; those that were not taken any more are unsent. ``task``: its
        ``id``, the ``stage``, and the number of the ``attempt``, from 0.
        """
        account = {**self._account, "task": task, "failure": self.failure}
        account["unsent"] = self._account["unsent"] + read - self._account["read"]
        now = moment.now()
        doubts = [
            encode_doubt(key, replace(doubt, until=doubt.until - now)).decode()
            for key, doubt in self.doubts.changes.items()
            if doubt and (doubt.until > now or doubt.newest)
        ]
        return [
            (ACCOUNT, json.dumps(account)),
            *[(NOTE, json.dumps(note)) for note in self._notes],
            *[(REJECT, json.dumps(reject)) for reject in self._rejects],
            *[(DOUBT, doubt) for doubt in doubts],
        ]

    async def _run(self, feed: Feed) -> None:
        plan = self._plan
        settings, delivery = plan.settings, plan.settings.delivery
        storage = Storage(None, self.doubts)
        transport = Transport(plan.endpoint, plan.timeout, delivery.jobs, plan.ca_file)
        async with transport:
            route = None
            if plan.key and plan.client_id is not None:
                credentials = Credentials(plan.client_id, plan.key.key)
                upsert = partial(transport.upsert, credentials, settings.table)
                limits = Limits(delivery.jobs, delivery.rate_limit, closure=self._share.closure)
                route = Route(self._share.limited(upsert), limits)
            push = TablePush(settings, plan.description, feed.produce, self._handle, storage, route)
            self._begin(push)
            await push.run()

    def _handle(self, event: Event) -> None:
        match event:
            case Noted(text):
                self._notes[text] = None
            case Rejected(rejection):
                self._reject(rejection)
            case Finished(summary):
                counts = asdict(summary.counts)
                effort = {"requests": summary.requests, "bytes_sent": summary.bytes_sent}
                self._account = {**counts, **effort}
                if summary.message is not None:
                    self.failure = {
                        "exit_code": summary.exit_code,
                        "message": summary.message,
                        "hint": summary.hint,
                        "error": summary.error,
                        "status": summary.status,
                    }

    def _reject(self, rejection: Rejection) -> None:
        if len(self._rejects) >= self._plan.most_rejects:
            return
        self._rejects.append(
            {
                "record": rejection.raw.decode(errors="backslashreplace"),
                "stage": rejection.stage,
                "status": rejection.status,
                "reasons": rejection.reasons,
            }
        )
        self._reject_bytes += len(rejection.raw)
        if self._reject_bytes > self._plan.most_reject_bytes:
            self._stop(StoppedError(TOO_MANY_REJECTS, hint="fix these first"))
