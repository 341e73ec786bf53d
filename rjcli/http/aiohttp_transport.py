"""httpx's transport interface over aiohttp's connections, which cost a third of httpx's own."""

import os
import socket
import ssl
from typing import Self

from multidict import CIMultiDict

from rjcli.http.proxy import Proxy
from rjcli.lean_import import no_authorities, without

with no_authorities():
    import aiohttp
with without("httpx._main"):  # its command line, which takes longer to import than the rest
    import httpx


class UntrustedServerError(httpx.ConnectError):
    """The server's certificate is not trusted."""


class ProxyRefusedError(httpx.ProxyError):
    """The proxy does not connect to the server. ``status``: of its answer."""

    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Makes each request once, over connections that are kept: ``connections`` at most.

    No redirects, no cookies, no decompression, no time limits. To be made in
    a running event loop. Raises httpx.ConnectError or httpx.ProxyError if nothing
    was sent; httpx.NetworkError leaves open what arrived. The text of each is a
    reason, in the operating system's own words as far as there are any.
    """

    def __init__(self, tls: ssl.SSLContext, proxy: Proxy | None, connections: int) -> None:
        self._proxy = proxy.url if proxy else None
        # Not within the proxy's address, which warnings of a connection show.
        secret = proxy and proxy.authorization
        self._proxy_headers = {"Proxy-Authorization": secret} if secret else None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=tls),
            response_class=_Response,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Make a request; the answer's body is still to be read."""
        try:
            answer = await self._session.request(
                request.method,
                str(request.url),
                headers=CIMultiDict(
                    [(name.decode(), value.decode()) for name, value in request.headers.raw]
                ),
                data=await request.aread() or None,
                allow_redirects=False,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers,
            )
        except aiohttp.ClientError as error:
            raise _as_httpx(error) from error
        response = httpx.Response(
            answer.status, headers=answer.raw_headers, stream=_Body(answer), request=request
        )
        response.headers.encoding = "latin-1"  # or httpx would guess it at each look
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            data = await self._answer.content.readany()
        except aiohttp.ClientError as error:
            raise _as_httpx(error) from error
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        self._answer.release()  # which closes the connection unless all of it was read
        await self._answer.wait_for_close()


class _Response(aiohttp.ClientResponse):
    """An answer whose repr, which warnings and logs show, has no address in it."""

    def __repr__(self) -> str:
        return f"<answer {self.status}>"


def _as_httpx(error: aiohttp.ClientError) -> httpx.TransportError:
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return UntrustedServerError(_reason(error))
        case aiohttp.ClientHttpProxyError():
            return ProxyRefusedError(error.status)
        case aiohttp.ClientProxyConnectionError():
            return httpx.ProxyError(_reason(error))
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return httpx.ConnectError(_reason(error))
        case _:
            return httpx.NetworkError(_reason(error))


def _reason(error: BaseException) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, aiohttp.ClientError):
            told = getattr(cause, "verify_message", None) or cause.reason or "it failed"
            return f"TLS: {told.replace('_', ' ')}"
        if isinstance(cause, socket.gaierror) and cause.strerror:
            return cause.strerror
        # The numbers of TLS errors, and of aiohttp's around them, are not the system's.
        is_tls = isinstance(cause, ssl.SSLError | aiohttp.ClientSSLError)
        if isinstance(cause, OSError) and not is_tls and (cause.errno or 0) > 0:
            return os.strerror(cause.errno or 0)
        cause = cause.__cause__ or cause.__context__
    return "the server closed it, or broke the rules of HTTP"
