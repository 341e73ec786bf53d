"""Records and deliveries for tests of the delivery."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from rjcli.api.protocol import Answer
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.limits import Limits
from rjcli.delivery.sender import Tally
from rjcli.errors import RjcliError
from rjcli.events import Retried, Split
from rjcli.model import Batch, Noted, Record, RecordOutcome, Records, Rejection, Settlement
from rjcli.preparing.batcher import Batcher, make_batch
from rjcli.preparing.key_normalization import normalize_value
from rjcli.settings.values import DeliverySettings
from tests.support.virtual_time import run_in_virtual_time, virtual_timing


def record(key: Any, version: int) -> Record:
    """A record with a key and a version, which is also its position."""
    text = json.dumps({"keys": ["id"], "id": key, "version": version}).encode()
    return Record(text, b"{", normalize_value(key), text, "f", version, version, version)


def versions(count: int, keys: int, seed: int = 0) -> list[Record]:
    """Records whose keys come again and again, in a random order."""
    chance = random.Random(seed)
    return [record(chance.randrange(keys), version) for version in range(1, count + 1)]


def last_versions(records: Iterable[Record]) -> dict[Any, int]:
    """The versions that a table must hold in the end."""
    parsed = [orjson.loads(each.json) for each in records]
    return {each["id"]: each["version"] for each in parsed}


@dataclass
class Result:
    """What a delivery reported, and how it ended."""

    counts: Counter[RecordOutcome] = field(default_factory=Counter)
    rejections: list[Rejection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    events: list[Retried | Split] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    error: RjcliError | None = None

    def take(self, event: Noted | Retried | Split) -> None:
        """Keep notes and other events."""
        if isinstance(event, Noted):
            self.notes.append(event.text)
        else:
            self.events.append(event)

    def settle(self, settlement: Settlement | Rejection, _: Batch) -> None:
        """Count the outcome of some records."""
        if isinstance(settlement, Rejection):
            self.rejections.append(settlement)
        else:
            self.counts[settlement.outcome] += len(settlement.records)


async def batches(records: Iterable[Record], settings: DeliverySettings) -> AsyncIterator[Batch]:
    """Cut records into batches."""
    batcher = Batcher(settings.batch_size, settings.max_batch_bytes)
    unread = iter(records)
    while some := [*islice(unread, settings.batch_size)]:
        batcher.add(Records.of(some))
        while cut := batcher.cut():
            yield make_batch(cut)
    if rest := batcher.flush():
        yield make_batch(rest)


Api = Callable[[list[Any]], Awaitable[Answer]]
"""Answers a request with these records; raises TransportError instead of answering."""

ACKNOWLEDGED = Answer(201, b"{}")


def deliver_in_virtual_time(
    api: Api,
    records: Iterable[Record],
    settings: DeliverySettings,
    prepare: Callable[[Delivery], None] = lambda _: None,
) -> tuple[Result, float]:
    """Deliver records to an API that only sleeps; return the result and the seconds it took."""

    async def upsert(body: bytes) -> Answer:
        return await api(orjson.loads(body))

    async def run() -> Result:
        result = Result()
        limits = Limits(settings.jobs, settings.rate_limit, virtual_timing())
        delivery = Delivery(upsert, settings, limits, result.settle, result.take)
        result.tally = delivery.tally
        prepare(delivery)
        try:
            await delivery.deliver(batches(records, settings))
        except RjcliError as error:
            result.error = error
        return result

    return run_in_virtual_time(run())


def now() -> float:
    """The seconds of the running loop."""
    return asyncio.get_running_loop().time()
