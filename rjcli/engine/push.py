"""A push, from its inputs to its summary: composes the stages."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from rjcli.delivery.delivery import Delivery, DryRun
from rjcli.delivery.sender import Upsert
from rjcli.delivery.stop import SIGNALS
from rjcli.errors import InterruptedByUserError, RjcliError, StoppedError
from rjcli.model import (
    Batch,
    Event,
    Noted,
    Outcome,
    Progressed,
    Rejected,
    Rejection,
    RunDescription,
    Settlement,
    Started,
    Summary,
)
from rjcli.producer.messages import (
    InputStarted,
    Message,
    Pause,
    ReadProgress,
    RecordRejected,
    RecordsPassed,
    SpanRead,
    TypesDetected,
)
from rjcli.producer.process import Produce
from rjcli.producer.producer import ProducerTask
from rjcli.run import Position, Prefix, Run
from rjcli.run.account import Account
from rjcli.run.outcome import can_resume, ending
from rjcli.settings.values import ColumnType, PushSettings

Emit = Callable[[Event], None]

_PROGRESS_SECONDS = 0.1
_MOST_WAITING = 50_000  # rejections: reading waits while so many are held behind a batch
_PAUSE_SECONDS = 0.05


def name_run(table: str, now: datetime) -> str:
    """Name a run so that names sort by time and no two are the same."""
    return f"{now:%Y%m%d-%H%M%S}-{table}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Route:
    """How records get to the API, and the run that keeps account of them."""

    upsert: Upsert
    run: Run


class Push:
    """One push of some inputs to one table; without a route, a dry run."""

    def __init__(
        self,
        settings: PushSettings,
        job: RunDescription,
        produce: Produce,
        route: Route | None,
        emit: Emit,
    ) -> None:
        self._settings = settings
        self._job = job
        self._take_in = produce
        self._emit = emit
        self._run = route.run if route else None
        self._account = Account()
        self._prefix = Prefix()
        self._settled_before = 0
        self._column_types: Mapping[str, ColumnType] | None = None  # None: not found yet
        self._delivery: Delivery | DryRun = DryRun(self._settle)
        if route:
            self._delivery = Delivery(route.upsert, settings.delivery, self._settle, self._note)
        if self._run and (checkpoint := self._run.resumed):
            self._account = Account(checkpoint.accepted, checkpoint.rejected)
            self._settled_before = checkpoint.accepted + checkpoint.rejected
            self._prefix = Prefix(checkpoint.records, checkpoint.accepted, checkpoint.rejected)
            self._column_types = checkpoint.column_types
        self._refused: AbstractSet[tuple[str, int]] = frozenset()  # in the run that is resumed
        self._read = self._taken = self._settled_before  # records; those taken were handed on
        self._read_progress = ReadProgress(self._read, 0, None)

    async def run(self) -> Summary:
        """Push everything and tell how it went, also when an error ended it."""
        began = time.monotonic()
        self._emit(Started(self._job))
        ticker = asyncio.create_task(self._tick())
        failure = await self._load()
        ticker.cancel()
        self._account.settle(Outcome.UNSENT, self._read - self._taken)
        failure = self._save_end(failure)
        try:
            self._account.check(self._read)
        except RjcliError as error:
            failure = error
        return self._summarise(failure, time.monotonic() - began)

    async def _load(self) -> RjcliError | None:
        """Read and deliver everything; give what ended that early."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._interrupt, number)
        try:
            async with aclosing(self._batches()) as batches:
                await self._delivery.deliver(batches)
        except RjcliError as error:
            return error
        return None

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        """Take in what the inputs hold; give what is to be sent.

        Each batch is given once a checkpoint covers it well enough.
        """
        resumed = self._run.resumed if self._run else None
        task = ProducerTask(self._settings, resumed, recalls=self._inherit())
        async with aclosing(self._take_in(task)) as messages:
            async for message in messages:
                if not isinstance(message, SpanRead):
                    await self._take(message)
                    continue
                self._close_span(message)
                if message.batch:
                    self._save_if_due()
                    yield message.batch

    def _inherit(self) -> bool:
        """Begin where the run that is resumed came to; tell if its records are to be recalled."""
        run, delivery = self._run, self._delivery
        if not (run and run.resumed and isinstance(delivery, Delivery)):
            return False
        keys_in_doubt, self._refused = run.keys_in_doubt, run.refused
        delivery.inherit(run.in_doubt, keys_in_doubt)
        return bool(keys_in_doubt and self._settings.delivery.settle)

    def _close_span(self, span: SpanRead) -> None:
        self._read = span.read
        self._taken += len(span.batch.records) if span.batch else 0
        self._prefix.close(span.end, span.digest, span.batch)

    async def _take(self, message: Message) -> None:
        match message:
            case RecordRejected(position, rejection, read):
                self._read = read
                self._taken += 1
                self._prefix.reject(position, rejection)
                self._reject(rejection)
            case ReadProgress():
                self._read_progress = message
                self._read = message.read
            case Pause():
                while self._prefix.waiting >= _MOST_WAITING:  # noqa: ASYNC110 - spans join in time
                    await asyncio.sleep(_PAUSE_SECONDS)
            case RecordsPassed(records) if isinstance(self._delivery, Delivery):
                kept = [each for each in records if (each.file, each.number) not in self._refused]
                self._delivery.late.accept(kept)
            case InputStarted(position, form) if self._run:
                self._run.begin_input(position, form)
            case TypesDetected(column_types):
                self._column_types = column_types
            case Noted():
                self._emit(message)

    def _settle(self, fate: Settlement | Rejection, batch: Batch) -> None:
        if isinstance(fate, Rejection):
            self._prefix.settle(fate, batch)
            self._reject(fate)
            return
        self._account.settle(fate.outcome, len(fate.records))
        if fate.outcome is Outcome.ACCEPTED or self._run is None:
            self._prefix.settle(fate, batch)

    def _reject(self, rejection: Rejection) -> None:
        self._account.rejected += 1
        self._emit(Rejected(rejection))
        self._check_rejects()

    def _join(self) -> None:
        """Take what is settled into the prefix, and write down the rejects in it."""
        for span in self._prefix.advance():
            if self._run and span.rejections:
                self._run.reject(sorted(span.rejections.items()))

    def _save_if_due(self) -> None:
        try:
            self._join()
            now = time.monotonic()
            if self._run and self._run.is_due(self._prefix, now):
                self._run.save(self._position(), now)
        except RjcliError as error:
            self._delivery.stop(error)

    def _save_end(self, failure: RjcliError | None) -> RjcliError | None:
        """Write the last checkpoint, and all rejects behind it; give what the run ends with."""
        if self._run is None:
            return failure
        try:
            self._join()
            in_flight = self._account.counts(self._read).unknown > 0
            end = replace(self._position(), finished=failure is None, in_flight=in_flight)
            self._run.save(end, time.monotonic())
            self._run.reject(self._prefix.beyond())
            self._run.sync()
        except RjcliError as error:
            return failure or error
        return failure

    def _position(self) -> Position:
        news: Sequence[Hashable] = ()
        if isinstance(self._delivery, Delivery) and self._settings.delivery.settle:
            news = self._delivery.late.take_news()
        return Position(self._prefix, self._column_types, news)

    def _check_rejects(self) -> None:
        most, rejected = self._settings.max_rejects, self._account.rejected
        if most and most.are_passed(rejected, self._read):
            self._delivery.stop(
                StoppedError(f"{rejected:,} records were rejected, more than --max-rejects allows")
            )

    def _interrupt(self, number: signal.Signals) -> None:
        """Stop in good order; a second signal finds its default and ends the process at once."""
        loop = asyncio.get_running_loop()
        for each in SIGNALS:
            loop.remove_signal_handler(each)
            signal.signal(each, signal.SIG_DFL)
        self._delivery.stop(InterruptedByUserError(f"stopped by {number.name}", signal=number))

    def _note(self, text: str) -> None:
        self._emit(Noted(text))

    async def _tick(self) -> None:
        while True:
            self._save_if_due()
            self._emit(self._progress())
            await asyncio.sleep(_PROGRESS_SECONDS)

    def _progress(self) -> Progressed:
        return Progressed(
            self._account.counts(self._read),
            self._read_progress.bytes_read,
            self._read_progress.bytes_total,
            self._delivery.in_flight,
            self._settled_before,
        )

    def _summarise(self, failure: RjcliError | None, seconds: float) -> Summary:
        counts = self._account.counts(self._read)
        status, exit_code = ending(failure, counts)
        tally = self._delivery.tally
        return Summary(
            self._job,
            status,
            exit_code,
            counts,
            batches_accepted=tally.accepted,
            batches_retried=tally.retried,
            batches_split=tally.split,
            requests=tally.requests,
            bytes_read=self._read_progress.bytes_read,
            bytes_sent=tally.bytes_sent,
            concurrency=self._delivery.limit,
            seconds=seconds,
            message=failure.message if failure else None,
            hint=failure.hint if failure else None,
            column_types=self._column_types or {},
            first_body=self._delivery.first_body if isinstance(self._delivery, DryRun) else None,
            settled_before=self._settled_before,
            artifacts=self._run.artifacts(resumable=can_resume(failure)) if self._run else None,
        )
