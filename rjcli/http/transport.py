"""The wire: the only module that holds an HTTP client, and that adds the API key to an address.

Foreign errors become ours here, without their causes: those quote addresses,
and addresses hold the key.
"""

import asyncio
import logging
import os
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self, cast

from rjcli import __version__
from rjcli.api.base_url import Endpoint
from rjcli.api.protocol import Answer
from rjcli.credentials.lookup import Credentials
from rjcli.errors import RjcliError, RouteError, TransportError
from rjcli.http.aiohttp_transport import AiohttpTransport, ProxyRefusedError, UntrustedServerError
from rjcli.http.proxy import Proxy, find_proxy
from rjcli.http.tls import trust, trust_nobody
from rjcli.lean_import import without

with without("httpx._main"):
    import httpx

MAX_ANSWER_BYTES = 1024 * 1024
_FOREIGN_LOGGERS = ("aiohttp", "asyncio", "httpx")
_PROXY_MAY_DO_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}


class Transport:
    """Sends requests to one Import API. An async context manager.

    ``timeout``: seconds that one attempt may take, from connecting to the
    answer's last byte. ``ca_file``: certificate authorities to trust as well.
    No redirects, no cookies, no compression; proxies by the usual variables.

    Raises UsageError if certificates or the proxy's address cannot be used.
    Each call raises TransportError if no whole answer came, and RouteError if
    none ever can as things are set up.
    """

    def __init__(
        self, endpoint: Endpoint, timeout: float, connections: int = 1, ca_file: str | None = None
    ) -> None:
        _silence_foreign_loggers()
        self._endpoint = endpoint
        self._timeout = timeout
        self._connections = connections
        self._tls = trust(ca_file, os.environ) if endpoint.is_encrypted else trust_nobody()
        self._proxy = find_proxy(endpoint)
        headers = {
            "Host": endpoint.host,
            "User-Agent": f"rjcli/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        self._last_asked: tuple[str, Credentials | None] = "", None
        self._last_address = httpx.URL()
        self._headers = httpx.Headers(headers)
        self._headers_with_body = httpx.Headers({**headers, "Content-Type": "application/json"})

    async def __aenter__(self) -> Self:
        self._http = AiohttpTransport(self._tls, self._proxy, self._connections)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def status(self) -> Answer:
        """Ask whether the API is operational. Sends no key."""
        return await self._send("GET", self._endpoint.status_url)

    async def authenticate(self, credentials: Credentials) -> Answer:
        """Ask whether the client and the key go together."""
        url = self._endpoint.authenticate_url(credentials.client_id)
        return await self._send("GET", url, credentials)

    async def upsert(self, credentials: Credentials, table: str, body: bytes) -> Answer:
        """Send a batch's body to a table."""
        url = self._endpoint.upsert_url(credentials.client_id, table)
        return await self._send("POST", url, credentials, body)

    async def _send(
        self,
        method: str,
        url: str,
        credentials: Credentials | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Make one attempt. The key joins the address here, and nowhere else.

        What may be shown of the answer, the answer itself can rid of the key.
        """
        request = httpx.Request(
            method,
            self._address(url, credentials),
            headers=self._headers if body is None else self._headers_with_body,
            stream=httpx.ByteStream(body or b""),  # as content, it would cost twice as much
        )
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(
                    request, credentials.api_key.redact if credentials else str
                )
        except TimeoutError:
            raise TransportError(
                f"no answer from {self._endpoint.host} within {self._timeout:g} s", in_doubt=True
            ) from None
        except httpx.TransportError as error:
            raise self._lost(error) from None

    def _address(self, url: str, credentials: Credentials | None) -> httpx.URL:
        """Add the key. The last address is kept: taking one apart costs as much as a request."""
        if (url, credentials) != self._last_asked:
            params = {"apikey": credentials.api_key.reveal()} if credentials else None
            self._last_asked = url, credentials
            self._last_address = httpx.URL(url, params=params)
        return self._last_address

    async def _exchange(self, request: httpx.Request, redact: Callable[[str], str]) -> Answer:
        response = await self._http.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            body = b""
            async for data in stream:
                body += data
                if len(body) > MAX_ANSWER_BYTES:
                    break
            retry_after = response.headers.get("Retry-After")
            date = response.headers.get("Date") if retry_after else None
            return Answer(response.status_code, body[:MAX_ANSWER_BYTES], retry_after, date, redact)
        finally:
            await response.aclose()

    def _lost(self, error: httpx.TransportError) -> RjcliError:
        host = self._endpoint.host
        match error:
            case UntrustedServerError():
                return RouteError(
                    f"{host} is not to be trusted: {error}",
                    hint="if its certificate is your company's, name its CA: --ca-file FILE",
                )
            case ProxyRefusedError() if self._proxy:
                return _refused(self._proxy, host, error.status)
            case httpx.ProxyError() if self._proxy:
                what = f"cannot connect to the proxy {self._proxy.host}: {error}"
            case httpx.ConnectError():
                what = f"cannot connect to {host}: {error}"
            case _:
                return TransportError(f"the connection to {host} was lost: {error}", in_doubt=True)
        return TransportError(what, in_doubt=False)


def _silence_foreign_loggers() -> None:
    """Keep libraries from logging, at any level, for what they log quotes addresses and answers."""
    for name in _FOREIGN_LOGGERS:
        logger = logging.getLogger(name)
        logger.propagate = False
        # Without any, warnings go to stderr.
        logger.handlers[:] = [logging.NullHandler()]


def _refused(proxy: Proxy, host: str, status: int) -> RjcliError:
    """What it means that a proxy does not connect."""
    message = f"the proxy {proxy.host} does not connect to {host}: HTTP {status}"
    is_final = HTTPStatus(400) <= status < HTTPStatus(500) and status not in _PROXY_MAY_DO_LATER
    if is_final:
        return RouteError(message, hint="check HTTPS_PROXY, its user and password, and NO_PROXY")
    return TransportError(message, in_doubt=False)
