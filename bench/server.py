"""A fake Import API that costs next to nothing, in a process of its own.

It takes every request for an upsert, answers 201 at once or after a fixed time,
and keeps nothing but counts. A GET, to any path, asks for the counts.

Usage: python -m bench.server [--latency SECONDS]

It prints its port and serves until its standard input ends, so that it never
outlives the process that started it.
"""

import argparse
import asyncio
import json
import re
import selectors
import sys
import time

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)
_READ_BYTES = 1024 * 1024


class Counts:
    """What has arrived since the start. Sizes are of bodies, in bytes."""

    def __init__(self) -> None:
        self.requests = 0
        self.body_bytes = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.waited_seconds = 0.0  # by all requests, from their last byte to their answer

    def arrive(self, size: int) -> None:
        """Count a request whose body is here in whole."""
        self.requests += 1
        self.body_bytes += size
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def json(self) -> bytes:
        """Give the counts, and the CPU seconds of this process."""
        counts = {
            "requests": self.requests,
            "body_bytes": self.body_bytes,
            "most_in_flight": self.most_in_flight,
            "waited_seconds": self.waited_seconds,
            "cpu_seconds": time.process_time(),
        }
        return json.dumps(counts).encode()


class Connection(asyncio.BufferedProtocol):
    """One connection: finds where requests end, and answers them in order.

    All connections read into one buffer, as what is in it is dealt with before
    anything else is read. asyncio sets TCP_NODELAY on each.
    """

    _buffer = memoryview(bytearray(_READ_BYTES))
    _transport: asyncio.Transport

    def __init__(self, counts: Counts, latency: float) -> None:
        self._counts = counts
        self._latency = latency
        self._loop = asyncio.get_running_loop()
        self._head = b""  # as much as has come of the next request's head
        self._missing = 0  # bytes of the body that are still to come
        self._size = 0  # of the body
        self._close = False  # after the next answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what answers are written to."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP server's always is
        self._transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to put what comes next."""
        del sizehint  # the buffer is as large as it is
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take in what came."""
        at = 0
        while at < nbytes:
            if self._missing:
                taken = min(self._missing, nbytes - at)
                self._missing -= taken
                at += taken
                if not self._missing:
                    self._arrive()
            else:
                at = self._take_head(at, nbytes)

    def _take_head(self, at: int, end: int) -> int:
        """Take in the head of a request, or a part of it. Gives where it ends."""
        before = len(self._head)
        self._head += self._buffer[at:end]
        size = self._head.find(_HEAD_END)
        if size < 0:
            return end
        head, self._head = self._head[:size], b""
        self._begin(head)
        return at + size + len(_HEAD_END) - before

    def _begin(self, head: bytes) -> None:
        self._close = _CLOSE.search(head) is not None
        if head.startswith(b"GET "):
            self._write(b"200 OK", self._counts.json())
        elif length := _LENGTH.search(head):
            self._missing = self._size = int(length[1])
            if not self._missing:
                self._arrive()
        else:
            self._close = True
            self._write(b"411 Length Required", b"{}")

    def _arrive(self) -> None:
        self._counts.arrive(self._size)
        if self._latency:
            # Equal waits end in the order in which they began.
            self._loop.call_later(self._latency, self._acknowledge, self._loop.time())
        else:
            self._acknowledge(None)

    def _acknowledge(self, arrived: float | None) -> None:
        self._counts.in_flight -= 1
        if arrived is not None:
            self._counts.waited_seconds += self._loop.time() - arrived
        self._write(b"201 Created", b'{"code":201,"message":"created"}')

    def _write(self, status: bytes, body: bytes) -> None:
        if self._transport.is_closing():
            return
        close = b"Connection: close\r\n" if self._close else b""
        self._transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, len(body), close, body)
        )
        if self._close:
            self._transport.close()


async def serve(latency: float) -> None:
    """Serve on a free loopback port, which is printed, until standard input ends.

    ``latency``: seconds from a request's last byte to its answer.
    """
    loop = asyncio.get_running_loop()
    counts = Counts()
    server = await loop.create_server(lambda: Connection(counts, latency), "127.0.0.1", 0)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await ended.wait()
    server.close()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.server")
    parser.add_argument("--latency", type=float, default=0.0, metavar="SECONDS")
    latency: float = parser.parse_args().latency
    # epoll rounds waits up to whole milliseconds, which is 2 % of 50 ms; select does not.
    selector = selectors.SelectSelector() if latency else selectors.DefaultSelector()
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selector)) as runner:
        runner.run(serve(latency))


if __name__ == "__main__":
    main()
