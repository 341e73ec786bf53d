"""A push, from its inputs to its summary: composes the stages."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from rjcli.account import Account
from rjcli.delivery import Delivery, DryRun
from rjcli.errors import (
    EXIT_REJECTS,
    InterruptedByUserError,
    RjcliError,
    StoppedError,
)
from rjcli.intake import Intake
from rjcli.model import (
    Counts,
    Event,
    Finished,
    Job,
    Noted,
    Outcome,
    Progressed,
    Rejected,
    Rejection,
    Settlement,
    Started,
    Status,
    Summary,
)
from rjcli.reading import Source
from rjcli.sending import Upsert
from rjcli.settings import PushSettings

Emit = Callable[[Event], None]

_PROGRESS_SECONDS = 0.1
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def name_run(table: str, now: datetime) -> str:
    """Name a run so that names sort by time and no two are the same."""
    return f"{now:%Y%m%d-%H%M%S}-{table}-{secrets.token_hex(2)}"


class Push:
    """One push of some inputs to one table; without ``upsert``, a dry run."""

    def __init__(
        self,
        settings: PushSettings,
        job: Job,
        sources: Sequence[Source],
        upsert: Upsert | None,
        emit: Emit,
    ) -> None:
        self._settings = settings
        self._job = job
        self._emit = emit
        self._account = Account()
        self._intake = Intake(settings, sources, self._settle, self._note)
        self._delivery: Delivery | DryRun = DryRun(self._settle)
        if upsert:
            self._delivery = Delivery(upsert, settings.delivery, self._settle, self._note)

    async def run(self) -> Summary:
        """Push everything and tell how it went, also when an error ended it."""
        began = time.monotonic()
        self._emit(Started(self._job))
        ticker = asyncio.create_task(self._tick())
        failure = await self._load()
        ticker.cancel()
        self._account.settle(Outcome.UNSENT, self._intake.pending)
        try:
            self._account.check(self._intake.read)
        except RjcliError as error:
            failure = error
        summary = self._summarise(failure, time.monotonic() - began)
        self._emit(Finished(summary))
        return summary

    async def _load(self) -> RjcliError | None:
        """Read and deliver everything; give what ended that early."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._interrupt, number)
        try:
            async with aclosing(self._intake.batches()) as batches:
                await self._delivery.deliver(batches)
        except RjcliError as error:
            return error
        return None

    def _settle(self, settled: Settlement | Rejection) -> None:
        if isinstance(settled, Rejection):
            self._account.rejected += 1
            self._emit(Rejected(settled))
            self._check_rejects()
        else:
            self._account.settle(settled.outcome, len(settled.records))

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
        self._delivery.stop(InterruptedByUserError(f"stopped by {number.name}", signal=number))

    def _note(self, text: str) -> None:
        self._emit(Noted(text))

    async def _tick(self) -> None:
        while True:
            self._emit(self._progress())
            await asyncio.sleep(_PROGRESS_SECONDS)

    def _progress(self) -> Progressed:
        return Progressed(
            self._account.counts(self._intake.read),
            self._intake.bytes_read,
            self._intake.bytes_total,
            self._delivery.in_flight,
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
            column_types=self._intake.column_types,
            first_body=self._delivery.first_body if isinstance(self._delivery, DryRun) else None,
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
