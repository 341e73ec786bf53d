"""The settled prefix: how far into the input each record is accepted or rejected. Pure.

The input is cut into spans: the records of a batch, with those between them
that were rejected before it was cut. Spans end in any order, and join the
prefix in the order of the input.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from rjcli.model import Batch, Rejection, Settlement, Stage


@dataclass(eq=False, slots=True)
class Span:
    """Consecutive records: those behind ``start``, up to and with ``end``.

    ``rejections``: by the 1-based position of the record in the whole input.
    ``left``: how many records of its batch are neither accepted nor rejected.
    """

    start: int
    end: int
    digest: bytes  # of the input up to its end
    batch: Batch | None
    left: int
    accepted: int = 0
    rejections: dict[int, Rejection] = field(default_factory=dict)

    def position(self, rejection: Rejection) -> int:
        """Where in the input a record of its batch stands."""
        assert self.batch  # noqa: S101 - the record is one of it
        positions = (place for place in range(self.start + 1, self.end + 1) if self._sent(place))
        return next(
            position
            for position, record in zip(positions, self.batch.records, strict=False)
            if record.raw is rejection.raw
            and record.number == rejection.number
            # The same file may be there twice, and the same bytes may be one object.
            and position not in self.rejections
        )

    def _sent(self, position: int) -> bool:
        rejection = self.rejections.get(position)
        return rejection is None or rejection.stage is Stage.API


class Prefix:
    """Follows the fates of records, and counts those that are in the prefix.

    ``records``: of the input, with those passed over. ``taken``: those that
    were handed on to be sent, or lie before such; the others were not yet read.
    """

    def __init__(self, records: int = 0, accepted: int = 0, rejected: int = 0) -> None:
        self.records = self.taken = records
        self.accepted = accepted
        self.rejected = rejected
        self.digest: bytes | None = None  # None: no span has joined yet
        self.waiting = 0  # rejections in spans that have not joined
        self._spans: deque[Span] = deque()
        self._by_batch: dict[Batch, Span] = {}
        self._rejections: dict[int, Rejection] = {}  # of the span that has not been closed yet

    def reject(self, position: int, rejection: Rejection) -> None:
        """A record behind the last span was rejected before it got into a batch."""
        self._rejections[position] = rejection

    def close(self, end: int, digest: bytes, batch: Batch | None = None) -> None:
        """Everything read up to ``end`` is rejected, passed over, or in this batch."""
        left = len(batch.records) if batch else 0
        span = Span(self.taken, end, digest, batch, left, rejections=self._rejections)
        self.waiting += len(self._rejections)
        self._rejections = {}
        self.taken = end
        self._spans.append(span)
        if batch:
            self._by_batch[batch] = span

    def settle(self, fate: Settlement | Rejection, batch: Batch) -> None:
        """Records of a batch were accepted, or one of them was rejected."""
        span = self._by_batch[batch]
        if isinstance(fate, Rejection):
            span.rejections[span.position(fate)] = fate
            span.left -= 1
            self.waiting += 1
        else:
            span.accepted += len(fate.records)
            span.left -= len(fate.records)

    def advance(self) -> Iterator[Span]:
        """Take the spans that are settled, and have none before them that is not."""
        while self._spans and not self._spans[0].left:
            span = self._spans.popleft()
            if span.batch:
                del self._by_batch[span.batch]
            self.records = span.end
            self.accepted += span.accepted
            self.rejected += len(span.rejections)
            self.waiting -= len(span.rejections)
            self.digest = span.digest
            yield span

    def beyond(self) -> Iterator[tuple[int, Rejection]]:
        """The rejections behind the prefix, with their positions, in the order of the input."""
        for span in self._spans:
            yield from sorted(span.rejections.items())
        yield from self._rejections.items()
