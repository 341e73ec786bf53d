"""The wire: the only module that holds an HTTP client, and that adds the API key to an address.

Requests go through httpx's types over aiohttp's connections, which cost a third
of the time of httpx's own. Foreign errors become ours here, without their
causes: those quote addresses, and addresses hold the key.
"""

import asyncio
import os
import ssl
from dataclasses import replace
from types import TracebackType
from typing import Self, cast

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from rjcli import __version__
from rjcli.api import Answer, Endpoint
from rjcli.credentials import Credentials
from rjcli.errors import TransportError

MAX_ANSWER_BYTES = 1024 * 1024
# Nothing has been sent when one of these is the cause. The types that httpx has
# for it are no help: a connection lost in the middle becomes a ConnectTimeout.
_NEVER_SENT = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)


class Transport:
    """Sends requests to one Import API. An async context manager.

    ``timeout``: seconds that one attempt may take, from connecting to the
    answer's last byte. No redirects, no cookies, no compression. Each call
    raises TransportError if no whole answer came.
    """

    def __init__(self, endpoint: Endpoint, timeout: float, connections: int = 1) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._connections = connections
        self._tls = ssl.create_default_context()
        self._http = AiohttpTransport(verify=self._tls, client=self._open_session)
        headers = {
            "Host": endpoint.host,
            "User-Agent": f"rjcli/{__version__}",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        self._headers = httpx.Headers(headers)
        self._headers_with_body = httpx.Headers({**headers, "Content-Type": "application/json"})

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, traceback)

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
        """Make one attempt. The key joins the address here, and is taken out of the answer here."""
        request = httpx.Request(
            method,
            url,
            params={"apikey": credentials.api_key.reveal()} if credentials else None,
            headers=self._headers if body is None else self._headers_with_body,
            content=body,
        )
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._exchange(request)
        except TimeoutError:
            raise TransportError(
                f"no answer from {self._endpoint.host} within {self._timeout:g} s", in_doubt=True
            ) from None
        except (httpx.HTTPError, aiohttp.ClientError) as error:  # not all become the former
            raise self._lost(error) from None
        if credentials is None:
            return answer
        return replace(answer, body=credentials.api_key.redact(answer.body))

    async def _exchange(self, request: httpx.Request) -> Answer:
        response = await self._http.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        try:
            body = b""
            async for data in stream:
                body += data
                if len(body) > MAX_ANSWER_BYTES:
                    break
            headers = response.headers
            return Answer(
                response.status_code,
                body[:MAX_ANSWER_BYTES],
                headers.get("Retry-After"),
                headers.get("Date"),
            )
        finally:
            await response.aclose()

    def _open_session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=self._connections, ssl=self._tls)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )

    def _lost(self, error: Exception) -> TransportError:
        host, reason = self._endpoint.host, _reason(error)
        if isinstance(error.__cause__, _NEVER_SENT):
            return TransportError(f"cannot connect to {host}: {reason}", in_doubt=False)
        return TransportError(f"the connection to {host} was lost: {reason}", in_doubt=True)


def _reason(error: BaseException) -> str:
    """The operating system's own words for an error, as far as there are any."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: {cause.verify_message}"
        if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
            return os.strerror(cause.errno)
        cause = cause.__cause__ or cause.__context__
    return "the server closed it, or broke the rules of HTTP"
