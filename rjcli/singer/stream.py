"""A stream of a tap, while it is read: its records are prepared and cut into batches."""

import time
from collections.abc import Iterator, Sequence

import orjson
from msgspec.structs import replace

from rjcli.api.upsert import KEYS_FIELD
from rjcli.model import Block, RawRecord, RawRecords, Records, Rejection
from rjcli.preparing.batcher import Batcher, make_batch
from rjcli.preparing.preparer import Preparer, reject
from rjcli.reading.uniform import UniformParser
from rjcli.settings.shape import ShapeSettings
from rjcli.settings.singer import SingerSettings
from rjcli.singer.additions import add_metadata, hash_records
from rjcli.singer.lines import Lines
from rjcli.singer.messages import BatchRead, RecordRejected, TableDeclared, record_message

HAS_KEYS_FIELD = f"its field {KEYS_FIELD!r} is one that the API reserves for the key's names"

StreamMessage = BatchRead | RecordRejected


class Stream:
    """The records of one stream on their way to its table.

    ``keys`` empty: the key of a record is the hash of its text.
    """

    def __init__(self, name: str, table: str, settings: SingerSettings) -> None:
        self.name = name
        self._name_as_json = orjson.dumps(name)
        self._table = table
        self._settings = settings
        delivery = settings.delivery
        self._batcher = Batcher(delivery.batch_size, delivery.max_batch_bytes)
        self.lines = Lines()
        self.read = 0
        self.flush_at: float | None = None  # when its part-filled batch has waited long enough
        self.keys: tuple[str, ...] | None = None  # None: not declared yet

    def declare(self, keys: tuple[str, ...], message: bytes) -> TableDeclared:
        """Take the keys of a SCHEMA message; what was read before must have been flushed."""
        if keys != self.keys:
            self.keys = keys
            self.uniform = UniformParser(keys) if keys else None
            self._preparer = Preparer(
                keys, ShapeSettings(), allow_empty_keys=self._settings.allow_empty_keys
            )
        return TableDeclared(self.name, self._table, keys, message, self._keeps_messages)

    @property
    def first_position(self) -> int | None:
        """The position of the first record that waits for its batch to fill."""
        return self._batcher.first_position

    def add(
        self, block: Block, positions: Sequence[int], lines: Lines | None = None
    ) -> Iterator[StreamMessage]:
        """Yield the messages of the next records. ``lines``: from which they were cut, if any.

        ``positions``: of all items of the block.
        """
        self.read += len(block)
        for prepared in self._prepare(_without_keys_field(block)):
            if isinstance(prepared, Records):
                self._batcher.add(self._finish(prepared, positions, lines))
            elif lines:
                message = lines.messages[lines.index(prepared.line)]
                yield self._reject(prepared, message, prepared.line)
            else:
                yield self._reject(prepared, self._message(prepared.raw), positions[0])
        # Not before: a batch is yielded when all records of the block wait for theirs.
        while cut := self._batcher.cut():
            self.flush_at = None
            yield self._batch(cut)
        if self._batcher.pending and self.flush_at is None:
            self.flush_at = time.monotonic() + self._settings.delivery.flush_after

    def flush(self) -> Iterator[BatchRead]:
        """Yield the batch that was part-filled."""
        self.flush_at = None
        if records := self._batcher.flush():
            yield self._batch(records)

    def flush_if_due(self, now: float) -> Iterator[BatchRead]:
        """Yield the batch that was part-filled if it has waited long enough."""
        if self.flush_at is not None and now >= self.flush_at:
            yield from self.flush()

    @property
    def _keeps_messages(self) -> bool:
        return not self.keys or self._settings.add_record_metadata

    def _prepare(self, block: Block) -> Iterator[Records | Rejection]:
        if self.keys:
            return self._preparer.prepare(block, 0)
        return hash_records(block)

    def _finish(self, records: Records, positions: Sequence[int], lines: Lines | None) -> Records:
        """Give records their positions, and what else is to be sent with them."""
        json, openings, key, raw, file, line, number, _ = map(
            records.column, Records.row.__struct_fields__
        )
        positions = line if lines else positions[: len(json)]
        if self._keeps_messages:
            indices = [*map(lines.index, line)] if lines else []
            tails = [b"}"] * len(json)
            if lines:
                raw = [lines.messages[index] for index in indices]
                tails = [lines.tails[index] for index in indices]
            else:
                raw = [*map(self._message, raw)]
            if self._settings.add_record_metadata:
                openings = add_metadata(openings, json, tails)
        return Records(json, openings, key, raw, file, line, number, positions)

    def _batch(self, records: Records) -> BatchRead:
        return BatchRead(self.name, make_batch(records), records.column("position")[0])

    def _reject(self, rejection: Rejection, message: bytes, position: int) -> RecordRejected:
        return RecordRejected(self.name, replace(rejection, raw=message), position)

    def _message(self, record: bytes) -> bytes:
        return record_message(self._name_as_json, record)


def _without_keys_field(block: Block) -> Block:
    """Reject the records that have a field of the API's own."""
    if isinstance(block, RawRecords) and not block.has(KEYS_FIELD):
        return block
    return [
        reject(item, 0, HAS_KEYS_FIELD)
        if isinstance(item, RawRecord) and KEYS_FIELD in item.fields
        else item
        for item in block
    ]
