"""Intake: inputs are read, and their records prepared and cut into batches."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence

from rjcli.batch import Batcher
from rjcli.errors import InputError, UsageError
from rjcli.model import Batch, RawRecord, Record, Rejection
from rjcli.prepare import NO_KEYS, Preparer
from rjcli.reading import Input, Item, Source, TypeDetector
from rjcli.settings import ColumnType, PushSettings

_RECORDS_TO_JUDGE_BY = 100
_RECORDS_AT_A_TIME = 1000


class Intake:
    """The batches of some inputs, in order; counts the records it read.

    ``reject`` is told of every record that cannot be sent, ``note`` of what
    people should know.
    """

    def __init__(
        self,
        settings: PushSettings,
        sources: Sequence[Source],
        reject: Callable[[Rejection], None],
        note: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._inputs = [Input(source, settings.input) for source in sources]
        self._sources = sources
        self._reject = reject
        self._note = note
        self._preparer = Preparer(settings.keys, settings.shape)
        self._batcher = Batcher(settings.batch_size)
        limit = settings.input.limit
        self._last = None if limit is None else settings.input.skip + limit
        self._seen = 0  # records, with those skipped
        self._keyless = 0  # records without any keys
        self._source = sources[0]  # the one that is being read
        self._flush_at: float | None = None  # when the part-filled batch has waited long enough
        self.column_types: dict[str, ColumnType] = {}
        self.read = 0

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

        Raises InputError where an input cannot be read on, and UsageError if no
        record has keys.
        """
        await self._detect_types()
        broken: InputError | None = None
        try:
            for item in self._items():
                batch = await self._wait() if item is None else self._take(item)
                if batch:
                    yield batch
                elif self._seen % _RECORDS_AT_A_TIME == 0:
                    await asyncio.sleep(0)  # for the others, where nothing is to be sent
        except InputError as error:
            broken = error
        if batch := self._batcher.flush():
            yield batch
        if broken:
            raise broken
        if self.read:
            self._check_keys_known()

    def _items(self) -> Iterator[Item]:
        for input_ in self._inputs:
            self._source = input_.source
            for item in input_.records(self.column_types):
                if self._seen == self._last:
                    return
                yield item

    def _take(self, item: RawRecord | Rejection) -> Batch | None:
        """Account for what a reader found; give the batch that it fills."""
        self._seen += 1
        if self._seen <= self._settings.input.skip:
            return None
        self.read += 1
        prepared = self._preparer.prepare(item) if isinstance(item, RawRecord) else item
        if isinstance(prepared, Record):
            if batch := self._batcher.add(prepared):
                self._flush_at = None
            return batch
        self._reject(prepared)
        self._keyless += prepared.reasons == (NO_KEYS,)
        if self.read == _RECORDS_TO_JUDGE_BY:
            self._check_keys_known()
        return None

    async def _wait(self) -> Batch | None:
        """Wait for a slow input; give the part-filled batch when it has waited long enough."""
        if not self.pending:
            await self._source.wait()
            return None
        now = time.monotonic()
        self._flush_at = self._flush_at or now + self._settings.flush_after
        if await self._source.wait(max(0.0, self._flush_at - now)):
            return None
        self._flush_at = None
        return self._batcher.flush()

    async def _detect_types(self) -> None:
        """Find the column types of all CSVs, so that the table gets one type for each name."""
        for input_ in self._inputs:
            await _exhaust(input_.identify(), input_.source)
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


async def _exhaust(steps: Iterator[None], source: Source) -> None:
    """Take all steps of something that waits for a source now and then."""
    for _ in steps:
        await source.wait()
