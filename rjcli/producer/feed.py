"""Records that a program has in memory: handed over in pieces, and made into messages."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from rjcli.errors import InputError
from rjcli.model import InputForm
from rjcli.preparing.python_values import make_block
from rjcli.producer.messages import InputStarted, Message, Pause, ReadProgress, TypesDetected
from rjcli.producer.producer import ProducerTask
from rjcli.producer.spans import SpanMaker

RECORDS_AT_A_TIME = 1000
_MOST_HELD = 4 * RECORDS_AT_A_TIME
_PIECE_SECONDS = 0.05  # after which a slow iterable hands over what it has


class Feed:
    """Takes records from a program and gives them to a push, in one event loop.

    Records are mappings, or bytes that are JSON objects.
    """

    def __init__(self) -> None:
        self._records: list[Any] = []
        self._is_closed = False
        self._changed = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._has_ended = False
        self.error: BaseException | None = None  # that the program's iterable raised

    async def put(self, records: Sequence[Any]) -> bool:
        """Hand records over; wait while many are waiting already.

        Returns whether more are wanted: not after the push has ended.
        """
        await self._has_room.wait()
        self._records += records
        self._changed.set()
        if len(self._records) >= _MOST_HELD and not self._has_ended:
            self._has_room.clear()
        return not self._has_ended

    def close(self, error: BaseException | None = None) -> None:
        """Hand over no more, because there are no more, or because of an error."""
        self.error = error
        self._is_closed = True
        self._changed.set()

    async def pump(self, records: Iterable[Any] | AsyncIterable[Any]) -> None:
        """Hand over all records of an iterable; other tasks go on meanwhile."""
        try:
            if isinstance(records, AsyncIterable):
                async for record in records:
                    if not await self.put([record]):
                        break
            else:
                for piece in pieces(records):
                    if not await self.put(piece):
                        break
                    await asyncio.sleep(0)
        except Exception as error:  # noqa: BLE001 - of the program's own
            self.close(error)
        else:
            self.close()

    async def closed(self) -> None:
        """Wait until it is closed."""
        while not self._is_closed:
            await self._changed.wait()
            self._changed.clear()

    def end(self) -> None:
        """Want no more records: the push has ended."""
        self._has_ended = True
        self._has_room.set()

    async def produce(self, task: ProducerTask) -> AsyncGenerator[Message, None]:
        """Yield the messages of what is handed over. Raises InputError if it broke off."""
        spans = SpanMaker(task.settings, has_digest=False)
        yield TypesDetected({})
        yield InputStarted(1, InputForm(flatten=True))
        async for records in self._pieces(spans):
            for message in spans.add(make_block(records, spans.position + 1)):
                yield message
            yield ReadProgress(spans.read, 0, None)
            for message in spans.flush_if_due():
                yield message
            yield Pause()
        if self.error:
            for message in spans.flush():
                yield message
            yield ReadProgress(spans.read, 0, None)
            raise InputError(
                f"the records broke off after {spans.read:,}: {type(self.error).__name__}",
                is_resumable=False,
            )
        for message in spans.finish():
            yield message
        yield ReadProgress(spans.read, 0, None)

    async def _pieces(self, spans: SpanMaker) -> AsyncGenerator[list[Any], None]:
        """Yield what was handed over; nothing, when a part-filled batch has waited long enough."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(spans.seconds_to_wait):
                    await self._changed.wait()
            records, self._records = self._records, []
            self._changed.clear()
            self._has_room.set()
            for start in range(0, len(records), RECORDS_AT_A_TIME):
                yield records[start : start + RECORDS_AT_A_TIME]
            if self._is_closed and not self._records:
                return
            if not records:
                yield []


def pieces(records: Iterable[Any]) -> Iterator[list[Any]]:
    """Cut an iterable into lists of up to a thousand; those of a slow one are shorter.

    Where the iterable raises an exception, what came before it is yielded first.
    """
    if type(records) is list:
        start = 0
        while cut := records[start : start + RECORDS_AT_A_TIME]:  # it may grow meanwhile
            yield cut
            start += len(cut)
        return
    piece: list[Any] = []
    until = monotonic() + _PIECE_SECONDS
    try:
        for record in records:
            piece.append(record)
            if len(piece) >= RECORDS_AT_A_TIME or monotonic() >= until:
                yield piece
                piece = []
                until = monotonic() + _PIECE_SECONDS
    except Exception:
        yield piece
        raise
    yield piece
