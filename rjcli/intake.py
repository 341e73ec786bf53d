"""Intake: inputs are read, and their records prepared and cut into batches."""

import asyncio
import hashlib
import time
from bisect import bisect_right
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from itertools import chain

from rjcli.batch import Batcher
from rjcli.errors import InputError, UsageError
from rjcli.model import Batch, Block, Record, Records, Rejection
from rjcli.prepare import NO_KEYS, Preparer
from rjcli.reading import Input, Source, TypeDetector
from rjcli.run import Checkpoint, Form, Prefix
from rjcli.settings import ColumnType, Format, PushSettings

_RECORDS_TO_JUDGE_BY = 100
_RECORDS_AT_A_TIME = 1000
_MOST_IN_A_SPAN = 10_000  # records: so many rejections are held while a batch fills
_MOST_WAITING = 50_000  # rejections: reading waits while so many are held behind a batch
_PAUSE_SECONDS = 0.05
_SUFFIXES = {Format.CSV: "csv", Format.TSV: "tsv"}


class Intake:
    """The batches of some inputs, in order; counts the records it read.

    ``prefix`` is told of all that is read, ``reject`` of every record that
    cannot be sent, ``note`` of what people should know.
    """

    def __init__(
        self,
        settings: PushSettings,
        sources: Sequence[Source],
        prefix: Prefix,
        reject: Callable[[Rejection], None],
        note: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._prefix = prefix
        self._inputs = [Input(source, settings.input) for source in sources]
        self._sources = sources
        self._reject = reject
        self._note = note
        self._preparer = Preparer(settings.keys, settings.shape)
        self._batcher = Batcher(settings.delivery.batch_size, settings.delivery.max_batch_bytes)
        limit = settings.input.limit
        self._last = None if limit is None else settings.input.skip + limit
        self._seen = 0  # records, with those skipped
        self._keyless = 0  # records without any keys
        self._source = sources[0]  # the one that is being read
        self._flush_at: float | None = None  # when the part-filled batch has waited long enough
        self._resumed: Checkpoint | None = None
        self._recall: Callable[[Record], None] | None = None
        self._digest = hashlib.sha256()  # of the records before those in self._raws
        self._raws: list[bytes] = []
        self._header = b""  # that comes before the next record
        self._starts: list[int] = []  # how many records come before each input
        self._forms: list[Form] = []
        self.column_types: dict[str, ColumnType] | None = None  # None: not found yet
        self.read = 0

    def resume(self, checkpoint: Checkpoint, recall: Callable[[Record], None] | None) -> None:
        """Pass over what lies before a checkpoint; tell ``recall``, if any, what was sent there."""
        self._resumed = checkpoint
        self._recall = recall
        self.read = checkpoint.accepted + checkpoint.rejected
        if checkpoint.column_types is not None:
            self.column_types = dict(checkpoint.column_types)

    def form_at(self, position: int) -> Form:
        """How the record at a 1-based position in all inputs is written down again."""
        return self._forms[bisect_right(self._starts, position - 1) - 1]

    @property
    def pending(self) -> int:
        """How many records wait for their batch to fill."""
        return self._batcher.pending

    @property
    def bytes_read(self) -> int:
        """How many bytes of the inputs have been read."""
        return sum(source.bytes_read for source in self._sources)

    @property
    def bytes_total(self) -> int | None:
        """How many bytes the inputs have; None if one of them is endless."""
        sizes = [source.size for source in self._sources]
        return None if None in sizes else sum(size or 0 for size in sizes)

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """Read everything. What was read before an input broke still comes out before the error.

        Raises InputError where an input cannot be read on, or is not the one
        that is to be resumed; UsageError if no record has keys.
        """
        await self._find_types()
        broken: InputError | None = None
        try:
            blocks = self._blocks()
            if self._resumed:
                rest = await self._pass_over(blocks, self._resumed)
                blocks = chain([rest] if rest else [], blocks)
            for block in blocks:
                for batch in self._take(block):
                    yield batch
                if block:
                    await self._pause()
                elif waited := await self._wait():
                    yield waited
        except InputError as error:
            broken = error
        if last := self._flush():
            yield last
        if broken:
            raise broken
        if self.read:
            self._check_keys_known()

    def _blocks(self) -> Iterator[Block]:
        for input_ in self._inputs:
            if self._seen == self._last:
                return
            self._source = input_.source
            begun = False
            for block in input_.records(self.column_types or {}):
                if block and not begun:
                    begun = True
                    self._begin(input_)
                yield block if self._last is None else block[: self._last - self._seen]
                if self._seen == self._last:
                    return

    def _begin(self, input_: Input) -> None:
        """Take in how the records of an input are written, of which the first comes next."""
        form = Form(flatten=input_.format is Format.JSON)
        if input_.is_delimited:
            header, line_end = input_.header
            self._header = header + line_end
            form = Form(_SUFFIXES[input_.format], self._header, line_end)
        self._starts.append(self._seen)
        self._forms.append(form)

    async def _pass_over(self, blocks: Iterator[Block], checkpoint: Checkpoint) -> Block:
        """Read what lies before a checkpoint, and give what lies behind it in the last block.

        Raises InputError if it is not what it was.
        """
        records = checkpoint.records
        rest: Block = ()
        while self._seen < records:
            block = next(blocks, None)
            if block is None:
                raise _changed(records, f"there are only {self._seen:,} now")
            if not block:
                await self._source.wait()
            passed, rest = block[: records - self._seen], block[records - self._seen :]
            self._pass(passed)
            await asyncio.sleep(0)
        if records and self._digest.hexdigest() != checkpoint.digest:
            raise _changed(records, "they are not the same any more")
        return rest

    def _pass(self, block: Block) -> None:
        """Pass over a block that was settled before."""
        skipped = max(0, self._settings.input.skip - self._seen)
        self._see([item.raw for item in block])
        self._digest_seen()
        if self._recall:
            for run in self._preparer.prepare(block[skipped:]):
                for record in run if isinstance(run, Records) else ():
                    self._recall(record)

    def _see(self, raws: Sequence[bytes]) -> None:
        first = len(self._raws)
        self._raws += raws
        self._seen += len(raws)
        if raws and self._header:
            self._raws[first] = self._header + self._raws[first]
            self._header = b""

    def _digest_seen(self, but: int = 0) -> None:
        """Take what has been seen into the digest, but for some last records."""
        count = len(self._raws) - but
        if count:
            self._digest.update(b"\n".join([*self._raws[:count], b""]))
            del self._raws[:count]

    def _close_span(self, batch: Batch | None = None) -> None:
        """Tell the prefix of what has been seen; a record that waits for the next batch stays."""
        pending = self._batcher.pending
        self._digest_seen(but=pending)
        self._prefix.close(self._seen - pending, self._digest.copy(), batch)

    def _flush(self) -> Batch | None:
        """Close the last span; give the batch that was part-filled."""
        batch = self._batcher.flush()
        if batch or self._raws:
            self._close_span(batch)
        return batch

    def _take(self, block: Block) -> Iterator[Batch]:
        """Account for what a reader found; give the batches that it fills."""
        skipped = block[: max(0, self._settings.input.skip - self._seen)]
        if skipped:
            self._see([item.raw for item in skipped])
            self._close_span()
        for run in self._preparer.prepare(block[len(skipped) :]):
            if isinstance(run, Records):
                yield from self._fill(run)
            elif batch := self._take_rejection(run):
                yield batch

    def _fill(self, records: Records) -> Iterator[Batch]:
        self._see(records.column("raw"))
        self.read += len(records)
        self._batcher.add(records)
        while batch := self._batcher.cut():
            self._flush_at = None
            self._close_span(batch)
            yield batch

    def _take_rejection(self, rejection: Rejection) -> Batch | None:
        """Tell of a record that cannot be sent; give a batch that has waited for many such."""
        self._see([rejection.raw])
        self.read += 1
        self._prefix.reject(self._seen, rejection)
        self._reject(rejection)
        self._keyless += rejection.reasons == (NO_KEYS,)
        if self.read == _RECORDS_TO_JUDGE_BY:
            self._check_keys_known()
        held = len(self._raws)
        if held >= _MOST_IN_A_SPAN or (held >= _RECORDS_AT_A_TIME and not self.pending):
            return self._flush()
        return None

    async def _pause(self) -> None:
        """Let the others go on, where nothing is to be sent, and catch up if they must."""
        await asyncio.sleep(0)
        while self._prefix.waiting >= _MOST_WAITING:  # noqa: ASYNC110 - spans join now and then
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _wait(self) -> Batch | None:
        """Wait for a slow input; give the part-filled batch when it has waited long enough."""
        if not self.pending:
            await self._source.wait()
            return None
        now = time.monotonic()
        self._flush_at = self._flush_at or now + self._settings.delivery.flush_after
        if await self._source.wait(max(0.0, self._flush_at - now)):
            return None
        self._flush_at = None
        return self._flush()

    async def _find_types(self) -> None:
        """Find the column types of all CSVs, so that the table gets one type for each name.

        A run that is resumed keeps those that it found.
        """
        for input_ in self._inputs:
            await _exhaust(input_.identify(), input_.source)
        if self.column_types is None:
            await self._detect_types()

    async def _detect_types(self) -> None:
        csv = self._settings.input.csv
        detector = TypeDetector(csv)
        for input_ in self._inputs:
            if not input_.wants_types():
                continue
            if not input_.source.rereadable:
                self._note(f"{input_.source.name} is spooled to disk to find its column types")
                await _exhaust(input_.spool(), input_.source)
            await _exhaust(input_.detect(detector), input_.source)
        self.column_types = {**csv.types, **detector.types()}

    def _check_keys_known(self) -> None:
        """Where no record has keys at all, it is the command that lacks them."""
        if self._keyless == self.read:
            raise UsageError(
                f"no --keys given, and none of the first {self._keyless} records has its own",
                hint="name the fields that make a record's key, as in --keys id",
            )


def _changed(records: int, reason: str) -> InputError:
    return InputError(
        f"the input is not the one to resume: of its first {records:,} records {reason}",
        hint="push it without --resume",
    )


async def _exhaust(steps: Iterator[None], source: Source) -> None:
    """Take all steps of something that waits for a source now and then."""
    for _ in steps:
        await source.wait()
