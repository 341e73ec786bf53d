"""The producer: reads inputs, in order, and sends messages of what they hold."""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from rjcli.errors import InputError, RjcliError, UnfinishedError, UsageError
from rjcli.model import Block, InputForm, Noted
from rjcli.producer.messages import InputStarted, Message, Pause, ReadProgress, TypesDetected
from rjcli.producer.spans import SpanMaker
from rjcli.reading import Input, KnownTypes, Source, total_size
from rjcli.settings.choices import ColumnType, Format
from rjcli.settings.values import PushSettings

_SUFFIXES = {Format.CSV: "csv", Format.TSV: "tsv"}


class StartingPoint(Struct, frozen=True):
    """Where a run that is resumed goes on.

    ``records``: the position of the last record that is settled; ``digest``: of all up to it, in
    hexadecimal. ``read``: how many of them were read, and not skipped.
    ``column_types`` None: not detected yet.
    """

    records: int
    digest: str
    read: int
    column_types: "dict[str, ColumnType] | None" = None


class ProducerTask(Struct, frozen=True):
    """What to read, and from where on. ``known``: the column types that the table has."""

    settings: PushSettings
    start: StartingPoint | None = None
    known: KnownTypes = KnownTypes()


class Producer:
    """Reads the inputs of one push."""

    def __init__(self, task: ProducerTask, sources: Sequence[Source]) -> None:
        self._settings = settings = task.settings
        self._start = task.start or StartingPoint(0, "", 0)
        self._known = task.known
        self._sources = sources
        self._inputs = [Input(source, settings.input) for source in sources]
        self._spans = SpanMaker(settings, self._start.read)
        limit = settings.input.limit
        self._last = None if limit is None else settings.input.skip + limit
        self._types: dict[str, ColumnType] = {}
        self._wanted = () if settings.shape else settings.keys  # the fields that are looked at
        self.source = sources[0]  # the one that is being read

    def messages(self) -> Iterator[Message]:
        """Read everything. What was read before an input broke still comes before the error.

        At a ``Pause`` there may be nothing to read yet: the caller then waits for ``source``,
        ``seconds_to_wait`` at most. Raises InputError where an input cannot be read on, is
        not the one that is to be resumed, or has values that do not fit the known types;
        UsageError if no record has keys; UnfinishedError if there is no room for a spool,
        or not enough memory.
        """
        try:
            yield from self._detect_types()
            yield from self._read_all()
        except RjcliError:
            yield self._progress()
            raise
        except MemoryError:
            yield self._progress()
            hint = "give it more, or reject what is too long with --max-record-bytes"
            raise UnfinishedError("there is not enough memory to read on", hint=hint) from None
        yield self._progress()

    @property
    def seconds_to_wait(self) -> float | None:
        """How long the part-filled batch may wait for more; None: as long as it takes."""
        return self._spans.seconds_to_wait

    def _read_all(self) -> Iterator[Message]:
        try:
            for found in self._blocks():
                if isinstance(found, (InputStarted, Noted)):
                    yield found
                    continue
                yield self._progress()
                yield from self._add(found)
                if self.source.dry_fd is not None:
                    yield from self._spans.flush_if_due()
                yield Pause()
        except InputError:
            yield from self._spans.flush()
            raise
        if self._spans.position < self._start.records:
            raise self._changed(f"has only {self._spans.position:,} records now")
        yield from self._spans.finish()

    def _detect_types(self) -> Iterator[Message]:
        """Find the column types of all CSVs, so that the table gets one type for each name.

        A run that is resumed keeps those that it found.
        """
        for input_ in self._inputs:
            yield from self._exhaust(input_.identify(), input_)
        if all(input_.is_json for input_ in self._inputs):
            self._check_options()
        if self._start.column_types is not None:
            self._types = dict(self._start.column_types)
            return
        self._types = {**self._settings.input.csv.types}
        if any(input_.is_delimited for input_ in self._inputs):
            yield from self._look_at_columns()
        else:
            yield TypesDetected(self._types)

    def _look_at_columns(self) -> Iterator[Message]:
        from rjcli.reading.column_types import TypeDetector

        if self._known.error:
            raise self._known.error
        detector = TypeDetector(self._settings.input.csv, self._known)
        for input_ in self._inputs:
            source = input_.source
            if not input_.wants_types(detector):
                continue
            if not source.rereadable:
                yield Noted(f"{source.name} is copied to disk to find its column types")
                yield from self._exhaust(input_.spool(), input_)
            yield from self._exhaust(input_.detect(detector), input_)
        for source in self._sources:
            source.bytes_read = 0  # they are read once more
        detector.check()
        if note := detector.note:
            yield Noted(note)
        self._types |= detector.types()
        yield TypesDetected(self._types, detector.without_values)

    def _check_options(self) -> None:
        """Raise UsageError for options that say nothing of the inputs, which are all JSON."""
        if keys := self._settings.input.csv.options_of_types:
            raise UsageError(
                f"--{keys[0].replace('_', '-')} is for CSV and TSV, and the input is JSON",
                hint="JSON has types of its own, and is sent as it is",
            )

    def _exhaust(self, steps: Iterator[None], input_: Input) -> Iterator[Message]:
        """Take all steps of something that waits for an input now and then."""
        self.source = input_.source
        for _ in steps:
            yield self._progress()
            yield Pause()
        yield from map(Noted, input_.take_notes())

    def _blocks(self) -> Iterator[Block | InputStarted | Noted]:
        for input_ in self._inputs:
            if self._spans.position == self._last:
                return
            self.source = input_.source
            is_started = False
            for block in input_.records(self._types, self._wanted):
                yield from map(Noted, input_.take_notes())
                if block and not is_started:
                    is_started = True
                    yield self._start_input(input_)
                if self._last is None or len(block) < self._last - self._spans.position:
                    yield block
                else:
                    yield block[: self._last - self._spans.position]
                    return
            yield from map(Noted, input_.take_notes())

    def _start_input(self, input_: Input) -> InputStarted:
        form = InputForm(flatten=input_.format is Format.JSON)
        if input_.is_delimited:
            form = InputForm(_SUFFIXES[input_.format], *input_.header)
        self._spans.start_input(form.header)
        return InputStarted(self._spans.position + 1, form)

    def _add(self, block: Block) -> Iterator[Message]:
        """Pass over what was settled before, and what is to be skipped; add the rest."""
        spans, settled, skip = self._spans, self._start.records, self._settings.input.skip
        if block and spans.position < settled:
            before, block = _cut(block, settled - spans.position)
            digest = spans.pass_settled(before)
            if spans.position == settled and digest != self._start.digest:
                raise self._changed(f"has changed within its first {settled:,} records")
        if block and spans.position < skip:
            before, block = _cut(block, skip - spans.position)
            spans.skip(before)
            yield from spans.flush()
        yield from spans.add(block)

    def _progress(self) -> ReadProgress:
        bytes_read = sum(source.bytes_read for source in self._sources)
        return ReadProgress(self._spans.read, bytes_read, total_size(self._sources))

    def _changed(self, reason: str) -> InputError:
        return InputError(
            f"the input {reason}: it is not the one to resume",
            hint="push it without --resume",
            is_resumable=False,
        )


def _cut(block: Block, count: int) -> tuple[Block, Block]:
    return block[:count], block[count:]
