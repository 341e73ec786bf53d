"""The local Import API on a socket of this machine, served from a background thread."""

import asyncio
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from rjcli.api.base_url import is_loopback
from rjcli.errors import UsageError
from rjcli.lean_import import no_authorities
from rjcli.local.answers import Answered, Answers
from rjcli.local.app import Limits, LocalCredentials, create_app
from rjcli.local.faults import Faults, FaultSwitch
from rjcli.local.page import Page
from rjcli.local.store import Store

with no_authorities():
    from aiohttp import web

_GRACE_SECONDS = 0.5  # for answers under way, and as long again for them to be cancelled
_PORTS = range(65536)
_SILENT = logging.getLogger(__name__)
_SILENT.disabled = True  # what it logs quotes addresses
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server listens; ``port`` 0 takes a free one.

    Only addresses of this machine are served, as the API key travels in plain
    text, unless ``allow_remote``. Raises UsageError for others, and for an
    impossible port.
    """

    host: str = "127.0.0.1"
    port: int = 0
    allow_remote: bool = False

    def __post_init__(self) -> None:
        if not (self.allow_remote or is_loopback(self.host)):
            hint = "--allow-remote serves it all the same; the API key then travels in plain text"
            raise UsageError(f"{self.host} is not an address of this machine alone", hint=hint)
        if self.port not in _PORTS:
            raise UsageError(f"a port is from 0 to {max(_PORTS)}, not {self.port}")

    @property
    def base_url(self) -> str:
        """Where the API is, without the version."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Watch:
    """What people see of the server: a call for each answer, and a page for browsers."""

    on_answer: Callable[[Answered], None] | None = None
    page: bool = False


class LocalServer:
    """The local Import API, running between entering and leaving the context.

    Raises UsageError, on entering, if the file or the address cannot be used.
    """

    def __init__(
        self,
        store_path: str | os.PathLike[str],
        credentials: LocalCredentials,
        faults: Faults = Faults(),  # noqa: B008 -- frozen, as the others are
        address: Address = Address(),
        limits: Limits = Limits(),  # noqa: B008
        watch: Watch = Watch(),
    ) -> None:
        self._store_path = store_path
        self._credentials = credentials
        self._faults = faults
        self._address = address
        self._limits = limits
        self._watch = watch
        self._running = ExitStack()
        self._ended = threading.Event()

    @property
    def base_url(self) -> str:
        """Where the API is, without the version; with its port once the context is entered."""
        return self._address.base_url

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            store = starting.enter_context(Store(self._store_path))
            listener = starting.enter_context(self._bind())
            started: Future[Callable[[], object]] = Future()
            arguments = (store, listener, started)
            # A daemon, so that no signal in between leaves one that keeps the process alive.
            thread = threading.Thread(target=self._run, args=arguments, daemon=True)
            thread.start()
            starting.callback(_stop, thread, started)
            started.result()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def serve_forever(self, on_ready: Callable[[], object] = lambda: None) -> None:
        """Wait, inside the context and in the main thread, for SIGINT, SIGTERM or SIGHUP.

        ``on_ready``: called once it heeds them.
        """
        before = {
            number: signal.signal(number, lambda *_: self._ended.set()) for number in _SIGNALS
        }
        try:
            on_ready()
            self._ended.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _bind(self) -> socket.socket:
        host, port = self._address.host, self._address.port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family, backlog=2048)
        except OSError as error:
            raise UsageError(
                f"cannot listen on {host}, port {port}: {error}",
                hint="is another server running there? Choose another port; 0 takes a free one",
            ) from None
        # Inherited by every connection. asyncio sets it only on sockets whose protocol is named,
        # and without it each answer waits some 40 ms for the client's delayed ACK.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._address = replace(self._address, port=listener.getsockname()[1])
        return listener

    def _run(
        self, store: Store, listener: socket.socket, started: Future[Callable[[], object]]
    ) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.get_loop()  # which fails where there are too many open files
                runner.run(self._serve(store, listener, started))
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)
        finally:
            self._ended.set()

    async def _serve(
        self, store: Store, listener: socket.socket, started: Future[Callable[[], object]]
    ) -> None:
        """Serve until the function that ``started`` gets is called."""
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(
            self._create_app(store),
            access_log=None,  # the API key is in the address
            logger=_SILENT,
            keepalive_timeout=self._limits.head_seconds,
            auto_decompress=False,
            shutdown_timeout=_GRACE_SECONDS,
        )
        await runner.setup()
        serve = runner.server
        assert serve  # noqa: S101 -- it has been set up

        def accept() -> asyncio.Protocol:
            return serve() if len(serve.connections) < self._limits.connections else _Refusal()

        listening = await loop.create_server(accept, sock=listener)
        started.set_result(partial(loop.call_soon_threadsafe, stopping.set))
        await stopping.wait()
        listening.close()
        await runner.cleanup()

    def _create_app(self, store: Store) -> web.Application:
        faults, watch = FaultSwitch(self._faults), self._watch
        any_host = self._address.allow_remote
        page = None
        if watch.on_answer or watch.page:
            client = f"client id {self._credentials.client_id}"
            about = f"{self.base_url}, {client}, records kept in {self._store_path}"
            answers = Answers(*filter(None, [watch.on_answer]))
            is_shown = watch.page and not any_host
            page = Page(store, faults, answers, about, is_shown=is_shown)
        return create_app(
            store, self._credentials, faults, self._limits, any_host=any_host, page=page
        )


def _stop(thread: threading.Thread, started: Future[Callable[[], object]]) -> None:
    """Stop a server, which may have just been started, or have failed to start."""
    if started.exception() is None:
        started.result()()
    thread.join()


class _Refusal(asyncio.Protocol):
    """Ends a connection as soon as it is made."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
