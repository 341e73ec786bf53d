"""Batching: consecutive records are cut into the bodies of requests."""

from bisect import bisect_left
from itertools import accumulate
from operator import add

from rjcli.columns import Repeated
from rjcli.model import Batch, Records


def make_batch(records: Records) -> Batch:
    """Join records into the body of one request, without changing a byte after their braces."""
    jsons, openings = records.column("json"), records.column("opening")
    rests = [json[1:] for json in jsons]
    if isinstance(openings, Repeated):
        opening = openings[0]
        return Batch(records, b"".join((b"[", opening, (b"," + opening).join(rests), b"]")))
    return Batch(records, b"[%b]" % b",".join(map(add, openings, rests)))


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
        self._given = 0  # of these

    @property
    def pending(self) -> int:
        """How many records wait for their batch to fill."""
        return len(self._records) - self._given

    @property
    def first_position(self) -> int | None:
        """The position of the first record that waits; None if there is none."""
        return self._records.column("position")[self._given] if self.pending else None

    def add(self, records: Records) -> None:
        """Take records in."""
        self._records = self._records[self._given :] + records if self.pending else records
        self._given = 0

    def cut(self) -> Records | None:
        """Return the records of a batch, if there is a full one."""
        due = self._records[self._given : self._given + self._size]
        jsons, openings = due.column("json"), due.column("opening")
        # A body has a comma or bracket after each record, where the record has lost its brace,
        # and a bracket before the first.
        if sum(map(len, jsons)) + sum(map(len, openings)) >= self._max_bytes:
            sizes = accumulate(map(add, map(len, jsons), map(len, openings)))
            return self._give(due[: bisect_left([*sizes], self._max_bytes) or 1])
        return self._give(due) if len(jsons) == self._size else None

    def flush(self) -> Records | None:
        """Return what is left, if anything. To be called when there is no full batch."""
        return self._give(self._records[self._given :]) if self.pending else None

    def _give(self, records: Records) -> Records:
        self._given += len(records)
        return records
