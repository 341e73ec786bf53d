"""The push of one table: messages of a producer go to a delivery, and settle a ledger."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Hashable, Mapping
from contextlib import aclosing, suppress

from msgspec.structs import replace

from rjcli.crash_report import error_from, trace
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.dry_run import DryRun
from rjcli.engine.progress import ProgressWatch
from rjcli.engine.route import Emit, Route, Storage
from rjcli.engine.summary import conclude, summarise
from rjcli.errors import (
    InterruptedByUserError,
    RjcliError,
    StoppedError,
    UsageError,
)
from rjcli.events import (
    Finished,
    Rejected,
    RunDescription,
    Started,
    Summary,
)
from rjcli.model import Batch, Doubt, Noted, Rejection, Settlement
from rjcli.producer.messages import (
    FieldsUnused,
    InputStarted,
    Message,
    Pause,
    ReadProgress,
    RecordRejected,
    SpanRead,
    TypesDetected,
)
from rjcli.producer.process import Produce
from rjcli.producer.producer import ProducerTask, StartingPoint
from rjcli.reading import KnownTypes
from rjcli.run import Ledger
from rjcli.run.outcome import can_resume
from rjcli.settings.values import PushSettings

_PROGRESS_SECONDS = 0.1
_MOST_WAITING = 50_000  # rejections: reading waits while so many wait for a batch before them
_PAUSE_SECONDS = 0.05


class TablePush:
    """One push to one table; without a route, a dry run.

    It knows nothing of signals, terminals and loggers: its caller shows the events,
    and calls ``stop``. The last event is the summary, also when it is cancelled.
    """

    def __init__(
        self,
        settings: PushSettings,
        description: RunDescription,
        produce: Produce,
        emit: Emit,
        storage: Storage = Storage(),  # noqa: B008 - frozen
        route: Route | None = None,
    ) -> None:
        self._settings = settings
        self._description = description
        self._produce = produce
        self._emit = emit
        self._run = storage.run
        self._in_doubt = storage.in_doubt
        self._known = storage.types.known if storage.types else KnownTypes()
        self._delivery: Delivery | DryRun = DryRun(self._settle)
        if route:
            self._delivery = Delivery(
                route.upsert, settings.delivery, route.limits, self._settle, emit, route.asked
            )
        self._ledger = Ledger(
            self._run,
            self._in_doubt,
            self._doubts,
            storage.types,
            settles_unsent=description.dry_run,
        )
        self._watch = ProgressWatch(self._delivery, self._ledger, description.inputs)
        self._is_running = False
        self._unused: tuple[str, ...] = ()  # names of fields that no record had

    def stop(self, error: RjcliError) -> None:
        """Stop in good order: no new batches, some time for those in flight."""
        self._delivery.stop(error)
        if self._is_running:
            self._emit(self._watch.progressed())  # at once: somebody waits for an answer

    async def run(self) -> Summary:
        """Push everything; return how it went, also when an error ended it.

        Cancelling it stops in good order, and the account is kept all the same;
        cancelling it twice does not wait for requests in flight.
        """
        work = asyncio.ensure_future(self._push())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            self.stop(InterruptedByUserError("cancelled", signal=signal.SIGINT))
            try:
                await asyncio.shield(work)
            except asyncio.CancelledError:
                self._delivery.abort()
                with suppress(asyncio.CancelledError):
                    await work
            raise

    async def _push(self) -> Summary:
        began = time.monotonic()
        failure = self._ledger.close(await self._load())
        summary = summarise(
            self._description,
            self._ledger,
            self._delivery,
            failure,
            is_incomplete=self._settings.strict and bool(self._unused),
        )
        summary = replace(
            summary,
            bytes_read=self._watch.read.bytes_read,
            seconds=time.monotonic() - began,
            artifacts=self._run.artifacts(resumable=can_resume(failure)) if self._run else None,
        )
        if self._run:
            summary = conclude(self._run, summary)
        self._emit(Finished(summary))
        return summary

    async def _load(self) -> RjcliError | None:
        """Read and deliver everything; return what ended that early, or is wrong with its end."""
        ticker = asyncio.create_task(self._tick())
        try:
            self._emit(Started(self._description))
            self._is_running = True
            self._take_over()
            async with aclosing(self._batches()) as batches:
                await self._delivery.deliver(batches)
            return self._check_end()
        except RjcliError as error:
            return error
        except Exception as error:  # noqa: BLE001 - the account is kept whatever went wrong
            with suppress(Exception):
                for line in trace(error, os.environ):
                    self._note(line)
            return error_from(error)
        finally:
            self._is_running = False
            ticker.cancel()

    def _take_over(self) -> None:
        """Take over what earlier runs of the table have left in doubt."""
        delivery, in_doubt = self._delivery, self._in_doubt
        if isinstance(delivery, DryRun):
            return
        delivery.has_accepted = self._ledger.counts.accepted > 0
        if in_doubt is None:
            return
        delivery.late.restore(in_doubt.doubts)
        if self._run:
            delivery.late.inherit(self._run.taken_before, in_doubt.own_unknown_until)
        delivery.not_before = in_doubt.unknown_until
        wait = in_doubt.unknown_until - time.monotonic()
        if wait > 0:
            self._note(
                f"a push of this table was killed, and its requests may still be applied:"
                f" sending begins in {wait:.0f} s (--settle)"
            )

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        """Take the producer's messages; yield what is to be sent.

        Each batch is handed on once a checkpoint covers it well enough.
        """
        start = None
        if self._run and (resumed := self._run.resumed):
            types = None if resumed.column_types is None else dict(resumed.column_types)
            start = StartingPoint(resumed.records, resumed.digest, self._ledger.read, types)
        task = ProducerTask(self._settings, start, self._known)
        async with aclosing(self._produce(task)) as messages:
            async for message in messages:
                if not isinstance(message, SpanRead):
                    await self._take(message)
                    continue
                span = message
                self._ledger.close_span(span.end, span.digest, span.batch, span.read)
                if span.batch:
                    self._save_if_due()
                    yield span.batch
        self._watch.has_ended = True

    async def _take(self, message: Message) -> None:
        match message:
            case RecordRejected(rejection, read):
                self._ledger.reject(rejection, read)
                self._emit(Rejected(rejection))
                self._check_rejects()
            case ReadProgress():
                self._watch.take(message)
                self._ledger.read = message.read
            case Pause():
                while self._ledger.waiting >= _MOST_WAITING:  # noqa: ASYNC110 - they join in time
                    await asyncio.sleep(_PAUSE_SECONDS)
            case InputStarted(position, form) if self._run:
                self._run.start_input(position, form)
            case TypesDetected(column_types, without_values):
                self._ledger.take_types(column_types, without_values)
                self._watch.has_types = True
            case FieldsUnused(names):
                self._unused = names
                self._note(f"no record has a field named {', '.join(names)}")
            case Noted():
                self._emit(message)

    def _settle(self, settlement: Settlement | Rejection, batch: Batch) -> None:
        self._ledger.settle(settlement, batch)
        if isinstance(settlement, Rejection):
            self._emit(Rejected(settlement))
            self._check_rejects()

    def _doubts(self) -> Mapping[Hashable, Doubt | None]:
        return self._delivery.late.take_changes() if isinstance(self._delivery, Delivery) else {}

    def _save_if_due(self) -> None:
        try:
            self._ledger.save_if_due()
        except RjcliError as error:
            self._delivery.stop(error)

    def _check_rejects(self) -> None:
        most, counts, ledger = self._settings.max_rejects, self._ledger.counts, self._ledger
        # Those that were reported when the run was finished before do not count again.
        rejected = counts.rejected - ledger.reported_before
        if most and most.are_passed(rejected, counts.read - ledger.reported_of):
            self._delivery.stop(
                StoppedError(f"{rejected:,} records were rejected, more than --max-rejects allows")
            )

    def _check_end(self) -> RjcliError | None:
        """What is wrong with inputs that were read to their end."""
        read, least = self._ledger.read, self._settings.min_records
        if read < least:
            return UsageError(
                f"the inputs hold {read:,} records, and --min-records asks for {least:,}",
                hint="see whether the program that wrote them has failed",
            )
        if not read:
            self._note("the inputs hold no records")
        return None

    def _note(self, text: str) -> None:
        self._emit(Noted(text))

    async def _tick(self) -> None:
        """Do what has to be done now and then: save, show progress, repeat."""
        while True:
            try:
                self._save_if_due()
                if isinstance(self._delivery, Delivery):
                    self._delivery.repeat_due()
                self._emit(self._watch.progressed())
                if change := self._watch.limit_change():
                    self._emit(change)
            except Exception as error:  # noqa: BLE001 - it ends the push, and not only the ticks
                self._delivery.stop(error_from(error))
            await asyncio.sleep(_PROGRESS_SECONDS)
