"""The server: HTTP on loopback, written by hand, so that it can break HTTP's rules."""

import asyncio
import re
from collections.abc import Callable
from select import select
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import unquote, urlsplit

import orjson

from soak.faults import Ending, Fate, Faults, Write
from soak.table import Fields, Table

CLIENT_ID = 12
TABLE = "orders"

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CREATED = b'{"code":201,"message":"created"}'
_PAGE = b"<html><body>Sign in to go on</body></html>"
_HANG_SECONDS = 15.0  # longer than any client waits
_MOST_LAG = 0.5  # seconds; what this process was too slow to write in time is not written
_DOUBLE_SECONDS = 0.05  # of idling before an answer that nobody asked for
_RACE_SECONDS = 0.1  # a request so shortly after such an answer may have crossed it


Log = Callable[[str], None]
"""Notes what happens, for whoever looks into a failure."""


class _Request(NamedTuple):
    target: str
    body: bytes
    records: list[Fields]


class Server:
    """Answers upserts of one table; an async context manager.

    ``received``: requests in the invocation that runs.
    """

    def __init__(self, table: Table, faults: Faults, api_key: str, log: Log) -> None:
        self._table = table
        self._log = log
        self._faults = faults
        self._path = f"/v2/client/{CLIENT_ID}/table/{TABLE}/data"
        self._api_key = api_key
        self._snagged_until = self._gone_until = 0.0
        self._is_lost = False
        self._late = 0  # writes that are still to come
        self._handlers: set[asyncio.Task[None]] = set()
        self.received = 0
        self.refused: list[str] = []  # requests that no client should make

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**24)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    def begin(self) -> None:
        """Begin another invocation."""
        self.received = 0
        self._faults.begin()

    def snag(self, seconds: float, *, is_lost: bool) -> None:
        """Let requests from now on bring no answer, and be applied late, or be lost."""
        self._snagged_until = self._loop.time() + seconds
        self._is_lost = is_lost

    def leave(self, seconds: float) -> None:
        """Be gone for a while."""
        self._gone_until = self._loop.time() + seconds

    @property
    def has_late_writes(self) -> bool:
        """Whether something is still to be written."""
        return self._late > 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task  # noqa: S101 - asyncio runs each handler in one
        self._handlers.add(task)
        task.add_done_callback(self._handlers.discard)
        try:
            if self._loop.time() >= self._gone_until:
                await _Connection(self, reader, writer).serve()
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # the client, or the soak, has ended
        finally:
            writer.transport.abort()

    def parse(self, head: bytes, body: bytes) -> _Request | None:
        """Take a request apart; None if the server is gone."""
        if self._loop.time() < self._gone_until:
            return None
        self.received += 1
        target = head.split(b" ", 2)[1].decode()
        parts = urlsplit(target)
        key = unquote(parts.query.removeprefix("apikey="))
        if not head.startswith(b"POST ") or parts.path != self._path or key != self._api_key:
            self.refused.append(head.decode(errors="replace"))
        return _Request(target, body, orjson.loads(body))

    def draw(self, request: _Request) -> Fate:
        """What becomes of a request."""
        if self._loop.time() < self._snagged_until:
            fate = self._faults.snagged(request.records, is_lost=self._is_lost)
        else:
            fate = self._faults.draw(request.records, len(request.body))
        late = f" in {fate.late:.1f} s" if fate.write is Write.LATE else ""
        what = f"{fate.status} {fate.ending.name}, written {fate.write.name}{late}"
        self._log(f"request {self.received}, {what}: {_versions(request.records)}")
        return fate

    def write(self, request: _Request, fate: Fate) -> None:
        """Write the records of a request, now or later, or not at all."""
        if fate.write is Write.NOW:
            self._table.apply(request.records)
        elif fate.write is Write.LATE:
            self._late += 1
            due = self._loop.time() + fate.late
            self._loop.call_at(due, self._write_late, request.records, due)

    def accept(self, request: _Request) -> None:
        """Write the records of a request that is taken to be acknowledged."""
        self._table.apply(request.records)
        self._table.acknowledge(request.records)

    def _write_late(self, records: list[Fields], due: float) -> None:
        self._late -= 1
        is_in_time = self._loop.time() - due < _MOST_LAG
        self._log(f"{'late' if is_in_time else 'not written'}: {_versions(records)}")
        if is_in_time:
            self._table.apply(records)

    def answer(self, request: _Request, fate: Fate) -> bytes:
        """The bytes of an answer."""
        if fate.is_page:
            return _answer(fate.status, _PAGE)
        if fate.status == 201:
            if fate.ending not in {Ending.CLOSE, Ending.HALF, Ending.HANG}:
                self._table.acknowledge(request.records)
            return _answer(201, _CREATED)
        reason = f"POST {request.target}" if self._faults.plan.echoes_key else "no reason"
        document = {"code": fate.status, "message": "Error", "reasons": [reason, unquote(reason)]}
        return _answer(fate.status, orjson.dumps(document), fate.retry_after)


class _Connection:
    """One connection: a request, its answer, and the next."""

    def __init__(
        self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._reader = reader
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._is_idle = False
        self._doubled_at: float | None = None  # when an answer that nobody asked for was sent

    async def serve(self) -> None:
        """Serve until either side ends it."""
        while True:
            head = await self._reader.readuntil(_HEAD_END)
            self._is_idle = False
            length = _LENGTH.search(head)
            body = await self._reader.readexactly(int(length[1]) if length else 0)
            is_stale = self._doubled_at is not None
            if is_stale and self._loop.time() - (self._doubled_at or 0) > _RACE_SECONDS:
                return  # a client that takes that answer for the one to this request is wrong
            request = self._server.parse(head, body)
            if request is None:
                return
            if is_stale:  # the client cannot know
                self._server.accept(request)
                return
            if not await self._exchange(request, self._server.draw(request)):
                return

    async def _exchange(self, request: _Request, fate: Fate) -> bool:
        """Answer a request; return whether the connection goes on."""
        await asyncio.sleep(fate.wait / 2)
        self._server.write(request, fate)
        await asyncio.sleep(fate.wait / 2)
        if fate.ending is Ending.CLOSE:
            return False
        if fate.ending is Ending.HANG:
            async with asyncio.timeout(_HANG_SECONDS):
                await self._reader.read(1)
            return False
        answer = self._server.answer(request, fate)
        if fate.ending is Ending.HALF:
            self._writer.write(answer[: -len(_CREATED) // 2])
            await self._writer.drain()
            self._writer.close()
            await self._writer.wait_closed()
            return False
        if fate.ending is Ending.DOUBLE:
            self._doubled_at = float("-inf")
            answer += _answer(201, _CREATED)
        elif fate.ending is Ending.DOUBLE_LATER:
            self._is_idle = True
            # What has been received by then is taken in before.
            self._loop.call_later(_DOUBLE_SECONDS, self._loop.call_soon, self._send_double)
        self._writer.write(answer)
        await self._writer.drain()
        return True

    def _send_double(self) -> None:
        """Send an answer that nobody asked for, if the connection has been idle since the last."""
        socket = self._writer.get_extra_info("socket")
        if self._is_idle and not self._writer.is_closing() and not select([socket], [], [], 0)[0]:
            self._doubled_at = self._loop.time()
            self._writer.write(_answer(201, _CREATED))


def _versions(records: list[Fields]) -> str:
    return " ".join(str(record["v"]) for record in records)


def _answer(status: int, body: bytes, retry_after: int | None = None) -> bytes:
    lines = [
        b"HTTP/1.1 %d Status" % status,
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
    ]
    if retry_after is not None:
        lines.append(b"Retry-After: %d" % retry_after)
    return b"\r\n".join(lines) + _HEAD_END + body
