"""One connection to a server: a request is sent, and its one answer is read.

No object that asyncio may name in a log or a warning holds the request, which may
hold the API key.
"""

import asyncio
import select
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import httptools

MAX_ANSWER_BYTES = 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024

_FIRST_FINAL_STATUS = 200


class BrokenAnswerError(Exception):
    """The server closed the connection before its answer was whole, or broke the rules of HTTP."""


class RawAnswer(NamedTuple):
    """An answer as it came. Of a long body, the first MAX_ANSWER_BYTES or a little less."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request's line and headers, but for the length of its body. May hold the API key."""

    data: bytes = field(repr=False)


class Connection(asyncio.Protocol):
    """A connection that carries one request at a time.

    ``is_reusable``: whether it may carry another one. It may not after an answer
    that is cut, broken or followed by more bytes than belong to it, nor after bytes
    that came unasked: they would be taken for the answer to the next request.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[RawAnswer | Exception] | None = None
        self._is_head_enough = False
        self._received = 0
        self._begin()
        self.is_reusable = True
        self.idle_since = 0.0  # for the pool to set, in seconds of the loop's clock
        self.lost: asyncio.Future[None] = self._loop.create_future()

    async def ask(
        self,
        head: RequestHead,
        body: bytes | None = None,
        *,
        is_tunnel: bool = False,
        deadline: float = inf,
    ) -> RawAnswer:
        """Send a request, and wait for its answer; ``is_tunnel``: for the answer's head alone.

        ``deadline``: on the loop's clock. Raises TimeoutError after it, else OSError or
        BrokenAnswerError if no whole answer comes. The request may have arrived all the
        same, also if this is cancelled.
        """
        self._waiter = self._loop.create_future()
        self._is_head_enough = is_tunnel
        self._received = 0
        self.is_reusable = False
        end = b"\r\n" if body is None else b"Content-Length: %d\r\n\r\n" % len(body)
        self.transport.writelines((head.data, end, body or b""))
        # Far quicker than asyncio.timeout, which every request would pay for.
        expiry = self._loop.call_at(deadline, self._finish, TimeoutError())
        try:
            answer = await self._waiter
        finally:
            expiry.cancel()
            self._waiter = None
            if not self.is_reusable:
                self.transport.abort()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def is_clean(self) -> bool:
        """Whether a request may be sent: it is open, and nothing has come unasked."""
        if self._waiting_data.poll(0):
            # An answer nobody asked for, the end of the connection, or just a TLS ticket:
            # the loop reads it in its next round, which ends after the second sleep.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return self.is_reusable and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what requests are written to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of TCP and TLS it always is
        self.transport = transport
        self._waiting_data = select.poll()
        self._waiting_data.register(transport.get_extra_info("socket"), select.POLLIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the answer: one without a length ends with the connection."""
        if exc is None and self._has_head and not self._has_length():
            self._finish(self._answer())
        self._finish(exc or BrokenAnswerError())
        self.is_reusable = False
        self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Take in a part of the answer."""
        if self._waiter is None or self._waiter.done():
            self.is_reusable = False
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._finish(BrokenAnswerError())
            self.is_reusable = False  # also if it is what follows a whole answer
            return
        if self._received > MAX_ANSWER_BYTES and self._has_head:
            self._finish(self._answer())
        elif self._received > MAX_HEAD_BYTES and not self._has_head:
            self._finish(BrokenAnswerError())

    # What the parser calls, in the order of an answer's parts.

    def on_message_begin(self) -> None:
        """Begin an answer."""
        if self._waiter is None or self._waiter.done():
            self.is_reusable = False  # it follows an answer
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; or a trailer, which is ignored."""
        if not self._has_head:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Take in the status, once the head is whole."""
        self._has_head = True
        self._status = self._parser.get_status_code()
        if sum(len(name) + len(value) for name, value in self._headers) > MAX_HEAD_BYTES:
            self._finish(BrokenAnswerError())
        elif self._is_head_enough and self._status >= _FIRST_FINAL_STATUS:
            self._finish(self._answer(), is_reusable=True)

    def on_body(self, body: bytes) -> None:
        """Take in a part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """End the answer, unless it was an interim one."""
        if self._status >= _FIRST_FINAL_STATUS:
            self._finish(self._answer(), is_reusable=self._parser.should_keep_alive())

    def _begin(self) -> None:
        self._has_head = False
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def _has_length(self) -> bool:
        return any(
            name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self._headers
        )

    def _answer(self) -> RawAnswer:
        return RawAnswer(self._status, self._headers, b"".join(self._body)[:MAX_ANSWER_BYTES])

    def _finish(self, outcome: RawAnswer | Exception, *, is_reusable: bool = False) -> None:
        """End the request, unless it has ended already."""
        # An exception is passed on as a value: set as one, it would be logged if nobody waits.
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(outcome)
            self.is_reusable = is_reusable
