"""A push, from its inputs to its summary: composes the stages."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from rjcli.account import Account
from rjcli.batch import Batcher
from rjcli.delivery import Delivery, Upsert
from rjcli.errors import (
    EXIT_REJECTS,
    InputError,
    InterruptedByUserError,
    RjcliError,
    StoppedError,
    UsageError,
)
from rjcli.model import (
    Batch,
    Counts,
    Event,
    Finished,
    Job,
    Outcome,
    Progressed,
    RawRecord,
    Record,
    Rejected,
    Rejection,
    Settlement,
    Started,
    Status,
    Summary,
)
from rjcli.prepare import NO_KEYS, Preparer
from rjcli.reading import Source, read_records
from rjcli.settings import PushSettings

Emit = Callable[[Event], None]

_PROGRESS_SECONDS = 0.1
_RECORDS_TO_JUDGE_BY = 100


def name_run(table: str, now: datetime) -> str:
    """Name a run so that names sort by time and no two are the same."""
    return f"{now:%Y%m%d-%H%M%S}-{table}-{secrets.token_hex(2)}"


class Push:
    """One push of some inputs to one table."""

    def __init__(
        self,
        settings: PushSettings,
        job: Job,
        sources: Sequence[Source],
        upsert: Upsert,
        emit: Emit,
    ) -> None:
        self._settings = settings
        self._job = job
        self._sources = sources
        self._emit = emit
        self._account = Account()
        self._preparer = Preparer(settings.keys)
        self._batcher = Batcher(settings.batch_size)
        self._delivery = Delivery(upsert, self._settle)
        self._keyless = 0  # records without any keys

    async def run(self) -> Summary:
        """Push everything and tell how it went, also when an error ended it."""
        began = time.monotonic()
        self._emit(Started(self._job))
        ticker = asyncio.create_task(self._tick())
        failure: RjcliError | None = None
        try:
            async with aclosing(self._batches()) as batches:
                await self._delivery.deliver(batches)
        except RjcliError as error:
            failure = error
        except asyncio.CancelledError:
            failure = InterruptedByUserError("interrupted", signal=signal.SIGINT)
        finally:
            ticker.cancel()
        self._account.settle(Outcome.UNSENT, self._batcher.pending)
        try:
            self._account.check()
        except RjcliError as error:
            failure = error
        summary = self._summarise(failure, time.monotonic() - began)
        self._emit(Finished(summary))
        return summary

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        """Cut the inputs into batches. What was read before an input broke still goes out."""
        broken: RjcliError | None = None
        for source in self._sources:
            try:
                with source:
                    for item in read_records(source, self._settings.input):
                        if item is None:
                            await source.wait()
                        elif batch := self._take(item):
                            yield batch
            except InputError as error:
                broken = error
                break
        if batch := self._batcher.flush():
            yield batch
        if broken:
            raise broken
        if self._account.read:
            self._check_keys_known()

    def _take(self, item: RawRecord | Rejection) -> Batch | None:
        """Account for what a reader found; give the batch that it fills."""
        self._account.read += 1
        prepared = self._preparer.prepare(item) if isinstance(item, RawRecord) else item
        if isinstance(prepared, Record):
            return self._batcher.add(prepared)
        self._settle(prepared)
        self._keyless += prepared.reasons == (NO_KEYS,)
        if self._account.read == _RECORDS_TO_JUDGE_BY:
            self._check_keys_known()
        return None

    def _check_keys_known(self) -> None:
        """Where no record has keys at all, it is the command that lacks them."""
        if self._keyless == self._account.read:
            raise UsageError(
                f"no --keys given, and none of the first {self._keyless} records has its own",
                hint="name the fields that make a record's key, as in --keys id",
            )

    def _settle(self, settled: Settlement | Rejection) -> None:
        if isinstance(settled, Rejection):
            self._account.rejected += 1
            self._emit(Rejected(settled))
        else:
            self._account.settle(settled.outcome, len(settled.records))

    async def _tick(self) -> None:
        while True:
            self._emit(self._progress())
            await asyncio.sleep(_PROGRESS_SECONDS)

    def _progress(self) -> Progressed:
        sizes = [source.size for source in self._sources]
        return Progressed(
            self._account.counts,
            bytes_read=sum(source.bytes_read for source in self._sources),
            bytes_total=None if None in sizes else sum(size or 0 for size in sizes),
            in_flight=self._delivery.in_flight,
        )

    def _summarise(self, failure: RjcliError | None, seconds: float) -> Summary:
        counts = self._account.counts
        status, exit_code = _ending(failure, counts)
        return Summary(
            self._job,
            status,
            exit_code,
            counts,
            batches_accepted=self._delivery.accepted,
            batches_split=self._delivery.split,
            requests=self._delivery.requests,
            bytes_read=self._progress().bytes_read,
            bytes_sent=self._delivery.bytes_sent,
            seconds=seconds,
            message=failure.message if failure else None,
            hint=failure.hint if failure else None,
        )


def _ending(failure: RjcliError | None, counts: Counts) -> tuple[Status, int]:
    """How a run ended, in a word and an exit code."""
    match failure:
        case None if counts.rejected:
            return Status.REJECTS, EXIT_REJECTS
        case None:
            return Status.COMPLETE, 0
        case StoppedError():
            return Status.STOPPED, failure.exit_code
        case InterruptedByUserError():
            return Status.INTERRUPTED, failure.exit_code
        case _:
            return Status.FAILED, failure.exit_code
