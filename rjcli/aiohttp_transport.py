"""httpx's transport interface over aiohttp's connections, which cost a third of httpx's own."""

from ssl import SSLContext
from typing import Self

import aiohttp
import httpx
from multidict import CIMultiDict

from rjcli.proxy import Proxy


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Makes each request once, over connections that are kept: ``connections`` at most.

    No redirects, no cookies, no decompression, no time limits. To be made in
    a running event loop. Raises httpx.ConnectError if nothing was sent, and
    httpx.ProxyError if the proxy refused; any other httpx.NetworkError leaves open
    what arrived. Each has aiohttp's error as its cause.
    """

    def __init__(self, tls: SSLContext, proxy: Proxy | None, connections: int) -> None:
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


def _as_httpx(error: aiohttp.ClientError) -> httpx.NetworkError | httpx.ProxyError:
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return httpx.ProxyError(str(error))
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return httpx.ConnectError(str(error))
    return httpx.NetworkError(str(error))
