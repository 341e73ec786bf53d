"""The local Import API on a socket of this machine, served from a background thread."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import threading
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from rjcli.api.base_url import is_loopback
from rjcli.errors import UsageError
from rjcli.local.app import LocalCredentials, create_app
from rjcli.local.faults import Faults
from rjcli.local.store import Store

# Below the usual limit of 1,024 open files.
_MAX_CONNECTIONS = 500
_GRACE_SECONDS = 1
_PORTS = range(65536)


class LocalServer:
    """The local Import API, running between entering and leaving the context.

    ``port`` 0 takes a free one. Only addresses of this machine are served, as
    the API key travels in plain text, unless ``allow_remote``.

    Raises ValueError for other hosts, and UsageError for an impossible port; on
    entering, InputError if the file cannot be used, and UsageError if the address cannot.
    """

    def __init__(
        self,
        store_path: str | os.PathLike[str],
        credentials: LocalCredentials,
        faults: Faults = Faults(),  # noqa: B008 -- frozen
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_remote: bool = False,
    ) -> None:
        if not (allow_remote or is_loopback(host)):
            raise ValueError(f"{host} is not an address of this machine alone")
        if port not in _PORTS:
            raise UsageError(f"a port is from 0 to {max(_PORTS)}, not {port}")
        self._store_path = store_path
        self._credentials = credentials
        self._faults = faults
        self._host = host
        self._port = port
        self._running = contextlib.ExitStack()
        self._ended = threading.Event()

    @property
    def base_url(self) -> str:
        """Where the API is, without the version; known once the context is entered."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as starting:
            store = starting.enter_context(Store(self._store_path))
            listener = starting.enter_context(self._bind())
            app = create_app(store, self._credentials, self._faults)
            server = _Server(app)
            thread = threading.Thread(target=self._run, args=(server, listener), name="local-api")
            thread.start()
            starting.callback(thread.join)
            starting.callback(server.stop)
            server.ready.wait()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def serve_forever(self) -> None:
        """Wait, inside the context and in the main thread, for SIGINT or SIGTERM."""
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._end) for number in signals}
        try:
            self._ended.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _end(self, *_: object) -> None:
        self._ended.set()

    def _run(self, server: "_Server", listener: socket.socket) -> None:
        try:
            server.run(sockets=[listener])
        finally:
            server.ready.set()
            self._ended.set()

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            listener = socket.create_server((self._host, self._port), family=family, backlog=2048)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {self._host}, port {self._port}: {error}",
                hint="is another server running there? Choose another port; 0 takes a free one",
            ) from None
        # Inherited by every connection. asyncio sets it only on sockets whose protocol is named,
        # and without it each answer waits some 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._port = listener.getsockname()[1]
        return listener


class _Server(uvicorn.Server):
    """uvicorn, silent, stopped at once from another thread, and leaving no connection open."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="asyncio",
                http=_Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                log_level=logging.CRITICAL + 1,
                access_log=False,  # the API key is in the URL
                proxy_headers=False,
                server_header=False,
                limit_concurrency=_MAX_CONNECTIONS,
            )
        )
        self.ready = threading.Event()
        self._stopping = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        """Wait for the stop instead of polling for it, and keep the Date header right."""
        self._loop = asyncio.get_running_loop()
        self.ready.set()
        while not self._stopping.is_set():
            await self.on_tick(0)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), 1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close idle connections now, and others as soon as they are answered."""
        for listener in self.servers:
            listener.close()
        for bound in sockets or []:
            bound.close()
        state = self.server_state
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            _, late = await asyncio.wait(list(state.tasks), timeout=_GRACE_SECONDS)
            for task in late:
                task.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)  # so that what was closed is gone before the loop ends


class _Protocol(H11Protocol):
    """uvicorn's HTTP, whose requests can close their connection, and which no input can break."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self.app_state = {**self.app_state, "close_connection": transport.abort}

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception:  # noqa: BLE001 -- asyncio would print it, with the URL
            self.transport.abort()

    def shutdown(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
        else:
            super().shutdown()
