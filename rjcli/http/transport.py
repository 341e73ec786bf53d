"""The wire: the only place where the API key joins an address.

Errors become ours where they arise, in `connect` and here, without their causes.
"""

import asyncio
import os
from functools import partial
from http import HTTPStatus
from typing import Self

from rjcli import __version__
from rjcli.api.base_url import Endpoint
from rjcli.api.protocol import Answer
from rjcli.credentials.lookup import Credentials
from rjcli.errors import TransportError
from rjcli.http.connect import connect, reason
from rjcli.http.connection import BrokenAnswerError, Connection, RawAnswer, RequestHead
from rjcli.http.pool import Pool
from rjcli.http.proxy import find_proxy
from rjcli.http.tls import trust
from rjcli.lean_import import without

with without("httpx._main"):  # its command line, which takes longer to import than the rest
    import httpx

_HEADERS = {
    "User-Agent": f"rjcli/{__version__}",
    "Accept": "application/json",
    "Accept-Encoding": "identity",
}
_HEADERS_WITH_BODY = {**_HEADERS, "Content-Type": "application/json"}
_SUCCESS = {HTTPStatus.OK, HTTPStatus.CREATED}


class Transport:
    """Sends requests to one Import API. An async context manager.

    ``timeout``: seconds that one attempt may take, from connecting to the
    answer's last byte. ``connections``: how many are kept for the next requests.
    ``ca_file``: certificate authorities to trust as well. No redirects, no cookies,
    no compression; proxies by the usual variables.

    Raises UsageError if certificates or the proxy's address cannot be used.
    Each call raises TransportError if no whole answer came, and RouteError if
    none ever can as things are set up.
    """

    def __init__(
        self, endpoint: Endpoint, timeout: float, connections: int = 1, ca_file: str | None = None
    ) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._connections = connections
        tls = trust(ca_file, os.environ) if endpoint.is_encrypted else None
        self._connect = partial(connect, endpoint, find_proxy(endpoint), tls, timeout)
        self._upserts: dict[tuple[Credentials, str], RequestHead] = {}

    async def __aenter__(self) -> Self:
        self._pool = Pool(self._connect, self._connections)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pool.close()

    async def status(self) -> Answer:
        """Ask whether the API is operational. Sends no key."""
        return await self._send(self._head("GET", self._endpoint.status_url))

    async def authenticate(self, credentials: Credentials) -> Answer:
        """Ask whether the client and the key go together."""
        url = self._endpoint.authenticate_url(credentials.client_id)
        return await self._send(self._head("GET", url, credentials), credentials)

    async def upsert(self, credentials: Credentials, table: str, body: bytes) -> Answer:
        """Send a batch's body to a table."""
        asked = credentials, table
        head = self._upserts.get(asked)
        if head is None:
            url = self._endpoint.upsert_url(credentials.client_id, table)
            head = self._upserts[asked] = self._head("POST", url, credentials)
        return await self._send(head, credentials, body)

    async def _send(
        self,
        head: RequestHead,
        credentials: Credentials | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Make one attempt. In doubt is one whose first byte was written."""
        deadline = asyncio.get_running_loop().time() + self._timeout
        connection: Connection | None = None
        try:
            connection = await self._pool.take(deadline)
            answer = await connection.ask(head, body, deadline=deadline)
        except TimeoutError:
            what = "no answer from" if connection else "cannot connect to"
            raise TransportError(
                f"{what} {self._endpoint.host} within {self._timeout:g} s",
                in_doubt=connection is not None,
            ) from None
        except (OSError, BrokenAnswerError) as error:
            raise TransportError(
                f"the connection to {self._endpoint.host} was lost: {reason(error)}", in_doubt=True
            ) from None
        finally:
            if connection:
                self._pool.give_back(connection)
        return _read(answer, credentials)

    def _head(self, method: str, url: str, credentials: Credentials | None = None) -> RequestHead:
        """Build a request but for its body, with the key in its address."""
        headers = _HEADERS_WITH_BODY if method == "POST" else _HEADERS
        request = httpx.Request(
            method,
            httpx.URL(url, params=credentials and {"apikey": credentials.api_key.reveal()}),
            headers={"Host": self._endpoint.host, **headers},
            stream=httpx.ByteStream(b""),  # its length is not known yet
        )
        lines = [b"%b %b HTTP/1.1\r\n" % (method.encode(), request.url.raw_path)]
        lines += [b"%b: %b\r\n" % header for header in request.headers.raw]
        return RequestHead(b"".join(lines))


def _read(answer: RawAnswer, credentials: Credentials | None) -> Answer:
    """Take of an answer what matters. What is shown of it can be rid of the key."""
    redact = credentials.api_key.redact if credentials else str
    if answer.status in _SUCCESS:
        return Answer(answer.status, answer.body, redact=redact)
    headers = httpx.Headers(answer.headers, encoding="latin-1")
    return Answer(
        answer.status, answer.body, headers.get("Retry-After"), headers.get("Date"), redact
    )
