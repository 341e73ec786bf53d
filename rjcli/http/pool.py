"""Connections that are kept for the next request."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from rjcli.http.connection import Connection

_IDLE_SECONDS = 15.0  # less than servers usually wait before they close an idle connection


class Pool:
    """Keeps the connections to one server that carry no request: ``size`` at most.

    To be used in a running event loop. ``connect`` opens another connection.
    """

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()  # the one used last is at the right
        self._open: set[Connection] = set()

    async def take(self, deadline: float) -> Connection:
        """Return a connection on which nothing waits to be read.

        ``deadline``: on the loop's clock. Raises TimeoutError after it, and what ``connect`` does.
        """
        while self._idle:
            connection = self._idle.pop()
            if await self._is_usable(connection):
                return connection
            connection.transport.abort()
        async with asyncio.timeout_at(deadline):
            connection = await self._connect()
        self._open.add(connection)
        connection.lost.add_done_callback(lambda _: self._open.discard(connection))
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection once its request has ended, if it can carry another one."""
        if not connection.is_reusable or len(self._idle) >= self._size:
            connection.transport.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)

    async def close(self) -> None:
        """Close all connections."""
        self._idle.clear()
        left = [*self._open]
        for connection in left:
            connection.transport.abort()
        await asyncio.gather(*(connection.lost for connection in left))

    async def _is_usable(self, connection: Connection) -> bool:
        if self._loop.time() - connection.idle_since > _IDLE_SECONDS:
            return False
        try:
            return await connection.is_clean()
        except asyncio.CancelledError:
            connection.transport.abort()
            raise
