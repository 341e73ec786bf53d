"""Dry run: what would be sent is counted and reported as unsent."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from rjcli.delivery.dry_run import DryRun
from rjcli.delivery.sender import Tally
from rjcli.errors import StoppedError
from rjcli.events import Activity
from rjcli.model import Batch, RecordOutcome, Records, Rejection, Settlement
from rjcli.preparing.batcher import make_batch
from tests.delivery.records import record
from tests.support.virtual_time import run_in_virtual_time

BATCHES = [make_batch(Records.of([record(n, n) for n in range(n)])) for n in (2, 1, 3)]


def test_everything_is_counted_and_nothing_sent() -> None:
    """Each batch counts as a request with its bytes; its records are unsent; the first is kept."""
    settled: list[tuple[RecordOutcome, list[object], Batch]] = []

    def on_settled(settlement: Settlement | Rejection, batch: Batch) -> None:
        assert isinstance(settlement, Settlement)
        settled.append((settlement.outcome, [*settlement.records], batch))

    async def batches() -> AsyncIterator[Batch]:
        for batch in BATCHES:
            yield batch

    dry_run = DryRun(on_settled)
    assert [dry_run.first_body] == [None]
    assert dry_run.activity == (Activity.SENDING, None)
    run_in_virtual_time(dry_run.deliver(batches()))
    assert settled == [(RecordOutcome.UNSENT, [*batch.records], batch) for batch in BATCHES]
    assert dry_run.first_body == BATCHES[0].body
    assert dry_run.tally == Tally(3, sum(len(batch.body) for batch in BATCHES))
    assert (dry_run.in_flight, dry_run.limit, dry_run.outage, dry_run.is_idle) == (0, 0, None, True)


def test_dry_run_can_be_stopped() -> None:
    """A dry run that is asked to stop takes no more batches, and raises the reason."""
    settled: list[Batch] = []

    async def batches() -> AsyncIterator[Batch]:
        while True:
            yield BATCHES[0]

    async def run() -> None:
        three = asyncio.Event()

        def on_settled(_: Settlement | Rejection, batch: Batch) -> None:
            settled.append(batch)
            if len(settled) == 3:
                three.set()

        dry_run = DryRun(on_settled)
        task = asyncio.create_task(dry_run.deliver(batches()))
        await three.wait()
        dry_run.stop(StoppedError("enough"))
        dry_run.stop(StoppedError("later"))
        assert dry_run.activity == (Activity.STOPPING, None)
        with pytest.raises(StoppedError, match="enough"):
            await task

    run_in_virtual_time(run())
    assert 3 <= len(settled) <= 4
