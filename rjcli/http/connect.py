"""Opens connections: directly or through a proxy, in TLS or in plain HTTP to this machine.

Whatever fails here, no byte of a request has been written.
"""

import asyncio
import os
import re
import ssl
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from rjcli.api.base_url import Endpoint
from rjcli.errors import RjcliError, RouteError, TransportError
from rjcli.http.connection import BrokenAnswerError, Connection, RequestHead
from rjcli.http.proxy import Proxy

_PROXY_MAY_DO_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
_NEXT_ADDRESS_SECONDS = 0.25  # RFC 8305: before another address of the host is tried as well


async def connect(
    endpoint: Endpoint, proxy: Proxy | None, tls: ssl.SSLContext | None, seconds: float
) -> Connection:
    """Open a connection to an API; ``tls`` None: in plain HTTP. ``seconds``: longest for TLS.

    Raises TransportError, not in doubt, if that fails; RouteError if it will fail
    again, as the server is not to be trusted or the proxy refuses.
    """
    parts = urlsplit(endpoint.root)
    host, port = parts.hostname or "", parts.port or (443 if tls else 80)
    try:
        if proxy:
            tunnel = await _open_tunnel(proxy, host, port)
            connection = await _start_tls(tunnel, tls, host, seconds)
        else:
            connection = await _open(host, port, tls, seconds)
        try:
            await _check(connection, host, is_encrypted=tls is not None)
        except BaseException:
            connection.transport.abort()
            raise
    except ssl.SSLCertVerificationError as error:
        raise RouteError(
            f"{endpoint.host} is not to be trusted: {reason(error)}",
            hint="if its certificate is your company's, name its CA: --ca-file FILE",
        ) from None
    except (OSError, BrokenAnswerError) as error:
        raise TransportError(
            f"cannot connect to {endpoint.host}: {reason(error)}", in_doubt=False
        ) from None
    return connection


def reason(error: Exception) -> str:
    """Why a connection failed, in the operating system's words or those of OpenSSL."""
    if isinstance(error, ssl.SSLError):
        text = getattr(error, "verify_message", None) or error.reason or "the handshake failed"
        return f"TLS: {text.replace('_', ' ')}"
    if isinstance(error, OSError):
        # If several addresses fail in different ways, asyncio's error has their texts alone.
        number = error.errno or int((re.findall(r"\[Errno (\d+)\]", str(error)) or [0])[0])
        if number > 0:
            return os.strerror(number)
        if error.strerror:  # of a host name that is not known
            return error.strerror
    return "the server closed the connection, or broke the rules of HTTP"


async def _open(
    host: str, port: int, tls: ssl.SSLContext | None = None, seconds: float | None = None
) -> Connection:
    _, connection = await asyncio.get_running_loop().create_connection(
        Connection,
        host,
        port,
        ssl=tls,
        ssl_handshake_timeout=seconds if tls else None,
        happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
    )
    return connection


async def _open_tunnel(proxy: Proxy, host: str, port: int) -> Connection:
    """Have a proxy connect to a server."""
    parts = urlsplit(f"http://{proxy.host}")
    try:
        connection = await _open(parts.hostname or "", parts.port or 80)
        target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if proxy.authorization:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        head = RequestHead("".join(f"{line}\r\n" for line in lines).encode())
        answer = await connection.ask(head, is_tunnel=True)
    except (OSError, BrokenAnswerError) as error:
        raise TransportError(
            f"cannot connect to the proxy {proxy.host}: {reason(error)}", in_doubt=False
        ) from None
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _refusal(proxy, host, answer.status)
    return connection


async def _start_tls(
    tunnel: Connection, tls: ssl.SSLContext | None, host: str, seconds: float
) -> Connection:
    connection = Connection()
    assert tls is not None  # noqa: S101 - only a loopback address is without, and without a proxy
    transport = await asyncio.get_running_loop().start_tls(
        tunnel.transport, connection, tls, server_hostname=host, ssl_handshake_timeout=seconds
    )
    if transport is None:
        raise BrokenAnswerError
    connection.connection_made(transport)
    return connection


async def _check(connection: Connection, host: str, *, is_encrypted: bool) -> None:
    """Refuse a server that speaks before it was asked, and plain HTTP to another machine."""
    address = connection.transport.get_extra_info("peername")  # None if it is lost already
    # The name `localhost` may lead anywhere.
    if address and not is_encrypted and not ip_address(address[0]).is_loopback:
        raise RouteError(
            f"{host} leads to {address[0]}, which is not this machine:"
            " plain HTTP would show the API key on the way",
            hint="name 127.0.0.1, or an address of https",
        )
    if not address or not await connection.is_clean():
        raise BrokenAnswerError


def _refusal(proxy: Proxy, host: str, status: int) -> RjcliError:
    """What it means that a proxy does not connect."""
    message = f"the proxy {proxy.host} does not connect to {host}: HTTP {status}"
    is_final = HTTPStatus(400) <= status < HTTPStatus(500) and status not in _PROXY_MAY_DO_LATER
    if is_final:
        return RouteError(message, hint="check HTTPS_PROXY, its user and password, and NO_PROXY")
    return TransportError(message, in_doubt=False)
