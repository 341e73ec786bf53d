"""The findings of some inputs, one after the other."""

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rjcli.errors import InputError, RjcliError, UnfinishedError, UsageError
from rjcli.model import Block, Noted, Records, Rejection
from rjcli.preparing.batcher import Batcher, make_batch
from rjcli.preparing.preparer import NO_KEYS, Preparer
from rjcli.producer.messages import (
    InputStarted,
    Message,
    Pause,
    ReadProgress,
    RecordRejected,
    RecordsPassed,
    SpanRead,
    TypesDetected,
)
from rjcli.reading import Input, Source, TypeDetector, total_size
from rjcli.run import Checkpoint, Form
from rjcli.settings.values import ColumnType, Format, PushSettings

_RECORDS_TO_JUDGE_BY = 100
_RECORDS_AT_A_TIME = 1000
_MOST_IN_A_SPAN = 10_000  # records: so many rejections are held while a batch fills
_SUFFIXES = {Format.CSV: "csv", Format.TSV: "tsv"}


@dataclass(frozen=True, slots=True)
class ProducerTask:
    """What to read, and from where on.

    ``resumed``: go on behind this checkpoint; ``recalls``: and tell of what was
    sent before it.
    """

    settings: PushSettings
    resumed: Checkpoint | None = None
    recalls: bool = False


class Producer:
    """Reads some inputs, in order."""

    def __init__(self, task: ProducerTask, sources: Sequence[Source]) -> None:
        self._settings = settings = task.settings
        self._resumed = resumed = task.resumed
        self._recalls = task.recalls
        self._sources = sources
        self._inputs = [Input(source, settings.input) for source in sources]
        self._preparer = Preparer(settings.keys, settings.shape)
        self._batcher = Batcher(settings.delivery.batch_size, settings.delivery.max_batch_bytes)
        limit = settings.input.limit
        self._last = None if limit is None else settings.input.skip + limit
        self._passed_to = resumed.records if resumed else 0
        self._passed_digest = resumed.digest if resumed else ""
        self._seen = 0  # records, with those skipped
        self._read = resumed.accepted + resumed.rejected if resumed else 0  # without them
        self._keyless = 0  # records without any keys
        self._digest = hashlib.sha256()  # of the records before those in self._raws
        self._raws: list[bytes] = []
        self._header = b""  # that comes before the next record
        self._types: dict[str, ColumnType] = {}
        self.source = sources[0]  # the one that is being read
        self._flush_at: float | None = None  # when the part-filled batch has waited long enough

    def messages(self) -> Iterator[Message]:
        """Read everything. What was read before an input broke still comes out before the error.

        At a ``Pause`` there may be nothing to read yet: whoever takes the
        findings then waits for ``source``, ``seconds_to_wait`` at most. Raises
        InputError where an input cannot be read on, or is not the one that is
        to be resumed; UsageError if no record has keys; UnfinishedError if
        there is no room for a spool, or not enough memory.
        """
        try:
            yield from self._find_types()
            yield from self._read_all()
        except RjcliError:
            yield self._read_progress()
            raise
        except MemoryError:
            yield self._read_progress()
            hint = "give it more, or reject what is too long with --max-record-bytes"
            raise UnfinishedError("there is not enough memory to read on", hint=hint) from None
        yield self._read_progress()

    @property
    def seconds_to_wait(self) -> float | None:
        """How long the part-filled batch may wait for more; None: as long as it takes."""
        return None if self._flush_at is None else max(0.0, self._flush_at - time.monotonic())

    def _read_all(self) -> Iterator[Message]:
        try:
            for found in self._blocks():
                if isinstance(found, InputStarted):
                    yield found
                    continue
                yield self._read_progress()
                yield from self._take(found)
                if self.source.dry_fd is not None:
                    yield from self._flush_if_due()
                yield Pause()
        except InputError:
            yield from self._flush()
            raise
        yield from self._flush()
        if self._seen < self._passed_to:
            raise self._changed(f"there are only {self._seen:,} now")
        if self._read:
            self._check_keys_known()

    def _find_types(self) -> Iterator[Message]:
        """Find the column types of all CSVs, so that the table gets one type for each name.

        A run that is resumed keeps those that it found.
        """
        for input_ in self._inputs:
            yield from self._exhaust(input_.identify(), input_.source)
        if self._resumed and self._resumed.column_types is not None:
            self._types = dict(self._resumed.column_types)
        else:
            yield from self._detect_types()
        yield TypesDetected(self._types)

    def _detect_types(self) -> Iterator[Message]:
        csv = self._settings.input.csv
        detector = TypeDetector(csv)
        for input_ in self._inputs:
            source = input_.source
            if not input_.wants_types():
                continue
            if not source.rereadable:
                yield Noted(f"{source.name} is spooled to disk to find its column types")
                yield from self._exhaust(input_.spool(), source)
            yield from self._exhaust(input_.detect(detector), source)
        self._types = {**csv.types, **detector.types()}

    def _exhaust(self, steps: Iterator[None], source: Source) -> Iterator[Message]:
        """Take all steps of something that waits for a source now and then."""
        self.source = source
        for _ in steps:
            yield self._read_progress()
            yield Pause()

    def _blocks(self) -> Iterator[Block | InputStarted]:
        for input_ in self._inputs:
            if self._seen == self._last:
                return
            self.source = input_.source
            begun = False
            for block in input_.records(self._types):
                if block and not begun:
                    begun = True
                    yield self._begin(input_)
                if self._last is not None and len(block) > self._last - self._seen:
                    block = block[: self._last - self._seen]  # noqa: PLW2901 - no more of it
                yield block
                if self._seen == self._last:
                    return

    def _begin(self, input_: Input) -> InputStarted:
        form = Form(flatten=input_.format is Format.JSON)
        if input_.is_delimited:
            header, line_end = input_.header
            self._header = header + line_end
            form = Form(_SUFFIXES[input_.format], self._header, line_end)
        return InputStarted(self._seen + 1, form)

    def _take(self, block: Block) -> Iterator[Message]:
        """Account for what a reader found."""
        if block and self._seen < self._passed_to:
            passed = block[: self._passed_to - self._seen]
            yield from self._pass(passed)
            block = block[len(passed) :]
        if block and self._seen < self._settings.input.skip:
            skipped = block[: self._settings.input.skip - self._seen]
            self._see([item.raw for item in skipped])
            yield self._close_span()
            block = block[len(skipped) :]
        for run in self._preparer.prepare(block):
            yield from self._fill(run) if isinstance(run, Records) else self._reject(run)

    def _pass(self, block: Block) -> Iterator[Message]:
        """Pass over what was settled before. Raises InputError if it is not what it was."""
        skipped = max(0, self._settings.input.skip - self._seen)
        self._see([item.raw for item in block])
        self._digest_seen()
        if self._recalls:
            runs = self._preparer.prepare(block[skipped:])
            yield from (RecordsPassed(run) for run in runs if isinstance(run, Records))
        if self._seen == self._passed_to and self._digest.hexdigest() != self._passed_digest:
            raise self._changed("they are not the same any more")

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

    def _close_span(self, records: Records | None = None) -> SpanRead:
        """Tell of what has been seen; a record that waits for the next batch stays."""
        pending = self._batcher.pending
        self._digest_seen(but=pending)
        end, digest = self._seen - pending, self._digest.digest()
        return SpanRead(end, digest, make_batch(records) if records else None, self._read)

    def _fill(self, records: Records) -> Iterator[Message]:
        self._see(records.column("raw"))
        self._read += len(records)
        self._batcher.add(records)
        while cut := self._batcher.cut():
            self._flush_at = None
            yield self._close_span(cut)

    def _reject(self, rejection: Rejection) -> Iterator[Message]:
        """Tell of a record that cannot be sent; close a span that has waited for many such."""
        self._see([rejection.raw])
        self._read += 1
        yield RecordRejected(self._seen, rejection, self._read)
        self._keyless += rejection.reasons == (NO_KEYS,)
        if self._read == _RECORDS_TO_JUDGE_BY:
            self._check_keys_known()
        held = len(self._raws)
        if held >= _MOST_IN_A_SPAN or (held >= _RECORDS_AT_A_TIME and not self._batcher.pending):
            yield from self._flush()

    def _flush(self) -> Iterator[Message]:
        """Close the last span, with the batch that was part-filled."""
        self._flush_at = None
        records = self._batcher.flush()
        if records or self._raws:
            yield self._close_span(records)

    def _flush_if_due(self) -> Iterator[Message]:
        """Have a part-filled batch wait for a slow input, but not too long."""
        if not self._batcher.pending:
            return
        now = time.monotonic()
        if self._flush_at is None:
            self._flush_at = now + self._settings.delivery.flush_after
        elif now >= self._flush_at:
            yield from self._flush()

    def _read_progress(self) -> ReadProgress:
        bytes_read = sum(source.bytes_read for source in self._sources)
        return ReadProgress(self._read, bytes_read, total_size(self._sources))

    def _check_keys_known(self) -> None:
        """Where no record has keys at all, it is the command that lacks them."""
        if self._keyless == self._read:
            raise UsageError(
                f"no --keys given, and none of the first {self._keyless} records has its own",
                hint="name the fields that make a record's key, as in --keys id",
            )

    def _changed(self, reason: str) -> InputError:
        return InputError(
            f"the input is not the one to resume: of its first {self._passed_to:,} records"
            f" {reason}",
            hint="push it without --resume",
        )
