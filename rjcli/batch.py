"""Batching: consecutive records are cut into the bodies of requests."""

from bisect import bisect_left
from itertools import accumulate

from rjcli.model import Batch, Records


def make_batch(records: Records) -> Batch:
    """Join records, each already encoded, into the body of one request."""
    body = b"[%b]" % b",".join(records.column("json"))
    return Batch(records, body, {*records.column("key")})


def split_batch(batch: Batch) -> tuple[Batch, Batch]:
    """Cut a batch of two or more records into two, in order."""
    middle = len(batch.records) // 2
    return make_batch(batch.records[:middle]), make_batch(batch.records[middle:])


class Batcher:
    """Collects records, and cuts them to batches of ``size`` records and ``max_bytes`` at most.

    A record that is longer than that is for a batch of its own.
    """

    def __init__(self, size: int, max_bytes: int) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._records = Records()

    @property
    def pending(self) -> int:
        """How many records wait for their batch to fill."""
        return len(self._records)

    def add(self, records: Records) -> None:
        """Take records in."""
        self._records += records

    def cut(self) -> Records | None:
        """Give the records of a batch, if there is a full one."""
        # A body has a comma or bracket behind each record, and a bracket before the first.
        sizes = [len(json) + 1 for json in self._records.column("json")[: self._size]]
        if sum(sizes) >= self._max_bytes:
            return self._give(bisect_left([*accumulate(sizes)], self._max_bytes) or 1)
        return self._give(self._size) if len(sizes) == self._size else None

    def flush(self) -> Records | None:
        """Give what is left, if anything. To be asked when there is no full batch."""
        return self._give(self._size) if self._records else None

    def _give(self, count: int) -> Records:
        records, self._records = self._records[:count], self._records[count:]
        return records
