"""Batches and parts of them while they are in flight."""

from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from rjcli.api.protocol import AttemptOutcome
from rjcli.model import Batch, Rejection, Stage

if TYPE_CHECKING:
    import asyncio


class Part(Struct, eq=False):
    """A batch, or a part of one that was split, until it is settled.

    ``in_doubt``: an attempt may have been applied without an acknowledgement.
    ``began``: when its last attempt did, on the clock of the timing; ``ready_at``: when
    the next one may begin, infinite as long as other batches come first.
    """

    batch: Batch
    in_doubt: bool = False
    failures: int = 0
    failing_since: float | None = None
    began: float = 0.0
    ready_at: float = inf
    is_attempting: bool = False

    def rejection(self, outcome: AttemptOutcome) -> Rejection:
        """The rejection of its only record."""
        record = self.batch.records[0]
        return Rejection(
            Stage.API,
            record.file,
            record.line,
            record.number,
            record.raw,
            outcome.reasons or (outcome.message,),
            outcome.status,
            record.position,
        )


class InFlightBatch(Struct, eq=False):
    """A batch that was taken, until all its records are settled.

    ``parts``: still to be sent, the next one last. ``is_repeat``: its records have
    been settled before, and are sent once more because of a late write.
    """

    batch: Batch
    parts: list[Part]
    is_repeat: bool
    refused: int = 0  # records
    task: "asyncio.Task[None] | None" = None
