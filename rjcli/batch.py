"""Batching: consecutive records are cut into the bodies of requests."""

from collections.abc import Sequence

from rjcli.model import Batch, Record


def make_batch(records: Sequence[Record]) -> Batch:
    """Join records, each already encoded, into the body of one request."""
    body = b"[" + b",".join([record.json for record in records]) + b"]"
    return Batch(records, body, {record.key for record in records})


def split_batch(batch: Batch) -> tuple[Batch, Batch]:
    """Cut a batch of two or more records into two, in order."""
    middle = len(batch.records) // 2
    return make_batch(batch.records[:middle]), make_batch(batch.records[middle:])


class Batcher:
    """Collects records until they fill a batch, by their number or by their bytes.

    A record that is longer than ``max_bytes`` makes a batch of its own.
    """

    def __init__(self, size: int, max_bytes: int) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._bytes = 1  # of the body, which has a comma or bracket for each record
        self._records: list[Record] = []

    @property
    def pending(self) -> int:
        """How many records wait for their batch to fill."""
        return len(self._records)

    def add(self, record: Record) -> Batch | None:
        """Take a record in; give a batch if one is full now."""
        size = len(record.json) + 1
        full = self.flush() if self._bytes + size > self._max_bytes else None
        self._records.append(record)
        self._bytes += size
        return self.flush() if len(self._records) == self._size else full

    def flush(self) -> Batch | None:
        """Give what has been collected, if anything, as a batch."""
        if not self._records:
            return None
        records, self._records = self._records, []
        self._bytes = 1
        return make_batch(records)
