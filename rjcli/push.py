"""A push, from its inputs to its summary: composes the stages."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime

from rjcli.account import Account
from rjcli.delivery import Delivery, DryRun
from rjcli.errors import (
    EXIT_REJECTS,
    InputError,
    InterruptedByUserError,
    RjcliError,
    StoppedError,
    UsageError,
)
from rjcli.intake import Intake
from rjcli.model import (
    Batch,
    Counts,
    Event,
    Job,
    Noted,
    Outcome,
    Progressed,
    Record,
    Rejected,
    Rejection,
    Settlement,
    Started,
    Status,
    Summary,
)
from rjcli.reading import Source
from rjcli.run import Position, Prefix, Run
from rjcli.sending import Upsert
from rjcli.settings import PushSettings

Emit = Callable[[Event], None]

_PROGRESS_SECONDS = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def name_run(table: str, now: datetime) -> str:
    """Name a run so that names sort by time and no two are the same."""
    return f"{now:%Y%m%d-%H%M%S}-{table}-{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True)
class Route:
    """How records get to the API, and the run that keeps account of them."""

    upsert: Upsert
    run: Run


class Push:
    """One push of some inputs to one table; without ``upsert`` and ``run``, a dry run."""

    def __init__(
        self,
        settings: PushSettings,
        job: Job,
        sources: Sequence[Source],
        route: Route | None,
        emit: Emit,
    ) -> None:
        self._settings = settings
        self._job = job
        self._emit = emit
        self._run = route.run if route else None
        self._account = Account()
        self._prefix = Prefix()
        self._settled_before = 0
        self._delivery: Delivery | DryRun = DryRun(self._settle)
        if route:
            self._delivery = Delivery(route.upsert, settings.delivery, self._settle, self._note)
        if self._run and (checkpoint := self._run.resumed):
            self._account = Account(checkpoint.accepted, checkpoint.rejected)
            self._settled_before = checkpoint.accepted + checkpoint.rejected
            self._prefix = Prefix(checkpoint.records, checkpoint.accepted, checkpoint.rejected)
        self._intake = Intake(settings, sources, self._prefix, self._reject, self._note)

    async def run(self) -> Summary:
        """Push everything and tell how it went, also when an error ended it."""
        began = time.monotonic()
        self._emit(Started(self._job))
        self._go_on()
        ticker = asyncio.create_task(self._tick())
        failure = await self._load()
        ticker.cancel()
        self._account.settle(Outcome.UNSENT, self._intake.pending)
        failure = self._save_end(failure)
        try:
            self._account.check(self._intake.read)
        except RjcliError as error:
            failure = error
        return self._summarise(failure, time.monotonic() - began)

    def _go_on(self) -> None:
        """Begin where the run that is resumed came to."""
        run, delivery = self._run, self._delivery
        if not (run and run.resumed and isinstance(delivery, Delivery)):
            return
        suspects, refused = run.suspects, run.refused
        delivery.inherit(run.in_doubt, suspects)

        def recall(record: Record) -> None:
            if (record.file, record.number) not in refused:
                delivery.late.accept([record])

        self._intake.resume(
            run.resumed, recall if suspects and self._settings.delivery.settle else None
        )

    async def _load(self) -> RjcliError | None:
        """Read and deliver everything; give what ended that early."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._interrupt, number)
        try:
            async with aclosing(self._batches()) as batches:
                await self._delivery.deliver(batches)
        except RjcliError as error:
            return error
        return None

    async def _batches(self) -> AsyncGenerator[Batch, None]:
        """The batches of the intake; each is taken once a checkpoint covers it well enough."""
        async with aclosing(self._intake.batches()) as batches:
            async for batch in batches:
                self._save_if_due()
                yield batch

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
                self._run.reject(sorted(span.rejections.items()), self._intake.form_at)

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
            in_flight = self._account.counts(self._intake.read).unknown > 0
            end = replace(self._position(), finished=failure is None, in_flight=in_flight)
            self._run.save(end, time.monotonic())
            self._run.reject(self._prefix.beyond(), self._intake.form_at)
            self._run.sync()
        except RjcliError as error:
            return failure or error
        return failure

    def _position(self) -> Position:
        news: Sequence[Hashable] = ()
        if isinstance(self._delivery, Delivery) and self._settings.delivery.settle:
            news = self._delivery.late.take_news()
        return Position(self._prefix, self._intake.column_types, news)

    def _check_rejects(self) -> None:
        most, rejected = self._settings.max_rejects, self._account.rejected
        if most and most.are_passed(rejected, self._intake.read):
            self._delivery.stop(
                StoppedError(f"{rejected:,} records were rejected, more than --max-rejects allows")
            )

    def _interrupt(self, number: signal.Signals) -> None:
        """Stop in good order; a second signal finds its default and ends the process at once."""
        loop = asyncio.get_running_loop()
        for each in _SIGNALS:
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
            self._account.counts(self._intake.read),
            self._intake.bytes_read,
            self._intake.bytes_total,
            self._delivery.in_flight,
            self._settled_before,
        )

    def _summarise(self, failure: RjcliError | None, seconds: float) -> Summary:
        counts = self._account.counts(self._intake.read)
        status, exit_code = _ending(failure, counts)
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
            bytes_read=self._intake.bytes_read,
            bytes_sent=tally.bytes_sent,
            concurrency=self._delivery.limit,
            seconds=seconds,
            message=failure.message if failure else None,
            hint=failure.hint if failure else None,
            column_types=self._intake.column_types or {},
            first_body=self._delivery.first_body if isinstance(self._delivery, DryRun) else None,
            settled_before=self._settled_before,
            trail=self._run.trail(resumable=_can_resume(failure)) if self._run else None,
        )


def _can_resume(failure: RjcliError | None) -> bool:
    """Whether the same command may come to another end."""
    return failure is not None and (
        not isinstance(failure, UsageError) or isinstance(failure, InputError)
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
