"""Delivery: batches go out, in order, and every record of theirs is settled."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from rjcli.api import Answer, Judgement, Verdict, error_of, judge_upsert
from rjcli.batch import split_batch
from rjcli.errors import DefectError, TransportError
from rjcli.model import Batch, Outcome, Rejection, Settlement, Stage

Upsert = Callable[[bytes], Awaitable[Answer]]
"""Sends a batch's body; raises TransportError if no answer came."""

Settle = Callable[[Settlement | Rejection], None]
"""Is told the fate of every record that was taken, once."""


class Delivery:
    """Sends batches one at a time, and counts what it did."""

    def __init__(self, upsert: Upsert, settle: Settle) -> None:
        self._upsert = upsert
        self._settle = settle
        self.requests = 0
        self.bytes_sent = 0
        self.accepted = 0  # batches
        self.split = 0  # batches
        self.in_flight = 0  # requests
        self.first_body: bytes | None = None  # of a dry run

    async def deliver(self, batches: AsyncIterator[Batch]) -> None:
        """Settle every record of every batch taken from ``batches``.

        Raises what made it stop, after it settled all it had taken.
        """
        async for batch in batches:
            await self._deliver_batch(batch)

    async def _deliver_batch(self, batch: Batch) -> None:
        """Send a batch; if it is refused, split it until the guilty records stand alone."""
        waiting = [batch]  # the next one last
        while waiting:
            batch = waiting.pop()
            try:
                judgement = await self._attempt(batch)
            except asyncio.CancelledError:
                self._give_up(batch, waiting, in_doubt=True)
                raise
            match judgement.verdict:
                case Verdict.ACKNOWLEDGED:
                    self.accepted += 1
                    self._settle(Settlement(Outcome.ACCEPTED, batch.records))
                case Verdict.REFUSED | Verdict.TOO_LARGE if len(batch.records) > 1:
                    self.split += 1
                    waiting.extend(reversed(split_batch(batch)))
                case Verdict.REFUSED | Verdict.TOO_LARGE:
                    self._settle(_rejection(batch, judgement))
                case _:
                    self._give_up(batch, waiting, in_doubt=judgement.in_doubt)
                    raise error_of(judgement)

    def _give_up(self, batch: Batch, waiting: Sequence[Batch], *, in_doubt: bool) -> None:
        outcome = Outcome.UNKNOWN if in_doubt else Outcome.UNSENT
        self._settle(Settlement(outcome, batch.records))
        for unsent in reversed(waiting):
            self._settle(Settlement(Outcome.UNSENT, unsent.records))

    async def _attempt(self, batch: Batch) -> Judgement:
        self.requests += 1
        self.in_flight += 1
        try:
            answer = await self._upsert(batch.body)
        except TransportError as error:
            self.bytes_sent += len(batch.body) if error.in_doubt else 0
            return Judgement(Verdict.UNAVAILABLE, error.message, in_doubt=error.in_doubt)
        finally:
            self.in_flight -= 1
        self.bytes_sent += len(batch.body)
        return judge_upsert(answer)


class DryRun(Delivery):
    """Takes batches as a delivery does, and sends nothing: its counts are what would be sent."""

    def __init__(self, settle: Settle) -> None:
        super().__init__(_send_nothing, settle)

    async def deliver(self, batches: AsyncIterator[Batch]) -> None:
        """Count all batches; their records are unsent."""
        async for batch in batches:
            self.first_body = self.first_body or batch.body
            self.requests += 1
            self.bytes_sent += len(batch.body)
            self._settle(Settlement(Outcome.UNSENT, batch.records))


async def _send_nothing(_: bytes) -> Answer:
    raise DefectError("a dry run was about to send a request")


def _rejection(batch: Batch, judgement: Judgement) -> Rejection:
    record = batch.records[0]
    reasons = judgement.reasons or (judgement.message,)
    return Rejection(
        Stage.API, record.file, record.line, record.number, record.raw, reasons, judgement.status
    )
