"""A server that writes what it likes, when it likes, over a socket of its own."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from tests.support.scripted import LoopbackServer

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter, int], Awaitable[None]]
"""Talks over one connection, whose number, from 0, is the last argument."""


class RawServer(LoopbackServer):
    """Listens on loopback. ``received``: the bytes of each connection, as far as they were read."""

    def __init__(self, talk: Talk, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._talk = talk
        self.received: list[bytes] = []

    @property
    def base_url(self) -> str:
        """Its address."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def read_request(self, reader: asyncio.StreamReader, number: int) -> None:
        """Read a request whose body is ``[]``."""
        self.received[number] += await reader.readuntil(b"\r\n\r\n[]")

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.received)
        self.received.append(b"")
        try:
            await self._talk(reader, writer, number)
            self.received[number] += await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
