"""A push, from its inputs to its summary: composes the stages."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from rjcli.account import Account
from rjcli.delivery import Delivery, DryRun, Upsert
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
from rjcli.settings import PushSettings

Emit = Callable[[Event], None]

_PROGRESS_SECONDS = 0.1
_RECORDS_TO_JUDGE_BY = 100


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
        self._intake = Intake(settings, sources, self._settle, lambda text: emit(Noted(text)))
        self._delivery = Delivery(upsert, self._settle) if upsert else DryRun(self._settle)

    async def run(self) -> Summary:
        """Push everything and tell how it went, also when an error ended it."""
        began = time.monotonic()
        self._emit(Started(self._job))
        ticker = asyncio.create_task(self._tick())
        failure: RjcliError | None = None
        try:
            async with aclosing(self._intake.batches()) as batches:
                await self._delivery.deliver(batches)
        except RjcliError as error:
            failure = error
        except asyncio.CancelledError:
            failure = InterruptedByUserError("interrupted", signal=signal.SIGINT)
        finally:
            ticker.cancel()
        self._account.settle(Outcome.UNSENT, self._intake.pending)
        try:
            self._account.check(self._intake.read)
        except RjcliError as error:
            failure = error
        summary = self._summarise(failure, time.monotonic() - began)
        self._emit(Finished(summary))
        return summary

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
        return Progressed(
            self._account.counts(self._intake.read),
            self._intake.bytes_read,
            self._intake.bytes_total,
            self._delivery.in_flight,
        )

    def _summarise(self, failure: RjcliError | None, seconds: float) -> Summary:
        counts = self._account.counts(self._intake.read)
        status, exit_code = _ending(failure, counts)
        return Summary(
            self._job,
            status,
            exit_code,
            counts,
            batches_accepted=self._delivery.accepted,
            batches_split=self._delivery.split,
            requests=self._delivery.requests,
            bytes_read=self._intake.bytes_read,
            bytes_sent=self._delivery.bytes_sent,
            seconds=seconds,
            message=failure.message if failure else None,
            hint=failure.hint if failure else None,
            column_types=self._intake.column_types,
            first_body=self._delivery.first_body,
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
