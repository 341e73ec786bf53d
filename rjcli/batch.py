"""Batching: consecutive records are cut into the bodies of requests."""

from collections.abc import Sequence

from rjcli.model import Batch, Record


def make_batch(records: Sequence[Record]) -> Batch:
    """Join records, each already encoded, into the body of one request."""
    return Batch(records, b"[" + b",".join([record.json for record in records]) + b"]")


def split_batch(batch: Batch) -> tuple[Batch, Batch]:
    """Cut a batch of two or more records into two, in order."""
    middle = len(batch.records) // 2
    return make_batch(batch.records[:middle]), make_batch(batch.records[middle:])


class Batcher:
    """Collects records until they fill a batch."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._records: list[Record] = []

    @property
    def pending(self) -> int:
        """How many records wait for their batch to fill."""
        return len(self._records)

    def add(self, record: Record) -> Batch | None:
        """Take a record in; give the batch that it fills."""
        self._records.append(record)
        return self.flush() if len(self._records) == self._size else None

    def flush(self) -> Batch | None:
        """Give what has been collected, if anything, as a batch."""
        if not self._records:
            return None
        records, self._records = self._records, []
        return make_batch(records)
