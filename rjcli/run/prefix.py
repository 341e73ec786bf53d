"""The settled prefix: how far into the input each record is accepted or rejected. Pure.

The input is cut into spans: the records of a batch, with those between them
that were rejected before it was cut. Spans are settled in any order, and join
the prefix in the order of the input.
"""

from collections import deque
from collections.abc import Iterator

from msgspec import Struct, field

from rjcli.model import Batch, Rejection, Settlement


class Span(Struct, eq=False):
    """Consecutive records, up to and with the one at position ``end``.

    ``rejections``: by position. ``left``: how many records of its batch are
    neither accepted nor rejected.
    """

    end: int
    digest: bytes  # of the input up to its end
    batch: Batch | None
    left: int
    accepted: int = 0
    rejections: dict[int, Rejection] = field(default_factory=dict)


class Prefix:
    """Follows what becomes of records, and counts those that are in the prefix.

    A position is the 1-based number of a record in all inputs. ``records``: the
    position of the last record of the prefix. ``taken``: of the last one that was
    handed on to be sent, or was rejected before.
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

    def reject(self, rejection: Rejection) -> None:
        """Note that a record after the last span was rejected before it got into a batch."""
        self._rejections[rejection.position] = rejection

    def close(self, end: int, digest: bytes, batch: Batch | None = None) -> None:
        """Close a span: everything read up to ``end`` is rejected, skipped, or in this batch."""
        left = len(batch.records) if batch else 0
        span = Span(end, digest, batch, left, rejections=self._rejections)
        self.waiting += len(self._rejections)
        self._rejections = {}
        self.taken = end
        self._spans.append(span)
        if batch:
            self._by_batch[batch] = span

    def settle(self, settlement: Settlement | Rejection, batch: Batch) -> None:
        """Note that records of a batch are settled: accepted, or one of them rejected."""
        span = self._by_batch[batch]
        if isinstance(settlement, Rejection):
            span.rejections[settlement.position] = settlement
            span.left -= 1
            self.waiting += 1
        else:
            span.accepted += len(settlement.records)
            span.left -= len(settlement.records)

    def advance(self) -> Iterator[Span]:
        """Yield the spans that join the prefix now: settled, and after no unsettled one."""
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

    def beyond(self) -> Iterator[Rejection]:
        """Yield the rejections after the prefix, in the order of the input."""
        for span in self._spans:
            yield from (rejection for _, rejection in sorted(span.rejections.items()))
        yield from self._rejections.values()
