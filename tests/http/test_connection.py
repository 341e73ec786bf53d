"""Connections: one answer belongs to one request, and nothing is in doubt that was not written."""

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.lookup import Credentials
from rjcli.errors import RouteError, TransportError
from rjcli.http.connect import connect
from rjcli.http.tls import trust
from rjcli.http.transport import Transport
from tests.support.certificates import Certificate
from tests.support.raw import RawServer, Talk
from tests.support.scripted import ScriptedServer, always, answer
from tests.support.tunnel import TunnelProxy

CREDENTIALS = Credentials(7, ApiKey("rj-canary-1234"))
BUSY = answer(503, b"{}")

Start = Callable[[Talk], RawServer]


@pytest.fixture(params=["plain", "tls"])
def start(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Start raw servers, in plain HTTP or in TLS that is trusted."""
    tls = None
    if request.param == "tls":
        certificate = Certificate.self_signed()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.write(tmp_path / "ca.pem")))
        tls = certificate.server(tmp_path)
    with ExitStack() as servers:
        yield lambda talk: servers.enter_context(RawServer(talk, tls))


def statuses(server: RawServer, times: int, pause: float = 0.0) -> list[int | str]:
    """Send upserts over one transport, with pauses between; the status of each, or its error."""

    async def talk() -> list[int | str]:
        found: list[int | str] = []
        async with Transport(Endpoint.parse(server.base_url), 5.0) as transport:
            for _ in range(times):
                try:
                    found.append((await transport.upsert(CREDENTIALS, "t", b"[]")).status)
                except TransportError as error:
                    found.append("in doubt" if error.in_doubt else "not sent")
                await asyncio.sleep(pause)
        return found

    return asyncio.run(talk())


def test_second_answer_in_the_same_segment_acknowledges_nothing(start: Start) -> None:
    """Of two answers to one request, the second is not taken for that to the next request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await server.read_request(reader, number)
        writer.write(answer() + answer() if number == 0 else BUSY)

    server = start(talk)
    assert statuses(server, 2) == [201, 503]
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "extra",
    [answer(), answer()[:9], b"\r\n", b"\x00"],
    ids=["answer", "part of one", "line end", "no HTTP"],
)
def test_bytes_on_an_idle_connection_end_its_use(start: Start, extra: bytes) -> None:
    """Whatever comes on an idle connection, the next request goes over another one."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await server.read_request(reader, number)
        writer.write(answer() if number == 0 else BUSY)
        if number == 0:
            await asyncio.sleep(0.05)
            writer.write(extra)

    server = start(talk)
    assert statuses(server, 2, pause=0.15) == [201, 503]
    assert len(server.received) == 2


def test_bytes_that_were_not_read_yet_end_the_use_of_a_connection(start: Start) -> None:
    """An answer that waits in the socket while the program is busy acknowledges nothing."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await server.read_request(reader, number)
        writer.write(answer() if number == 0 else BUSY)
        if number == 0:
            await asyncio.sleep(0.05)
            writer.write(answer())
            await writer.drain()
            arrived.release()

    async def ask() -> list[int]:
        async with Transport(Endpoint.parse(server.base_url), 5.0) as transport:
            first = await transport.upsert(CREDENTIALS, "t", b"[]")
            # Blocks the event loop, so that nothing is read meanwhile.
            arrived.acquire(timeout=5)
            second = await transport.upsert(CREDENTIALS, "t", b"[]")
            return [first.status, second.status]

    arrived = threading.Semaphore(0)
    server = start(talk)
    assert asyncio.run(ask()) == [201, 503]


def test_answer_before_the_request_acknowledges_nothing(start: Start) -> None:
    """A connection on which a server answers before it was asked is not used."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        del reader, number
        writer.write(answer())

    async def look() -> bool:
        endpoint = Endpoint.parse(server.base_url)
        tls = trust(None, os.environ) if endpoint.is_encrypted else None
        try:
            connection = await connect(endpoint, None, tls, 5.0)
        except TransportError as error:  # it came at once
            return error.in_doubt
        await asyncio.sleep(0.1)
        is_clean = await connection.is_clean()
        connection.transport.abort()
        await connection.lost
        return is_clean

    server = start(talk)
    assert not asyncio.run(look())


def test_closed_connection_is_not_used_again(start: Start) -> None:
    """A server that closes idle connections loses no request."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await server.read_request(reader, number)
        writer.write(answer())
        writer.close()

    server = start(talk)
    assert statuses(server, 3, pause=0.1) == [201, 201, 201]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        b"HTTP/1.1 201\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["interim", "chunked", "no reason"],
)
def test_answers_come_in_every_form(start: Start, reply: bytes) -> None:
    """Interim answers, chunks and trailers are understood, and the connection is kept."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        for _ in range(2):
            await server.read_request(reader, number)
            for at in range(len(reply)):
                writer.write(reply[at : at + 1])
                await writer.drain()

    server = start(talk)
    assert statuses(server, 2) == [201, 201]
    assert len(server.received) == 1


def test_answer_may_end_with_the_connection(start: Start) -> None:
    """An answer without a length ends with the connection, as HTTP/1.0 has it."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await server.read_request(reader, number)
        writer.write(b"HTTP/1.0 201 Created\r\n\r\n{}")
        writer.close()

    server = start(talk)
    assert statuses(server, 2) == [201, 201]


def attempt(base_url: str, *, seconds: float = 0.3) -> TransportError:
    """The error that an upsert ends with."""

    async def talk() -> None:
        async with Transport(Endpoint.parse(base_url), seconds) as transport:
            await transport.upsert(CREDENTIALS, "t", b"[]")

    with pytest.raises(TransportError) as caught:
        asyncio.run(talk())
    return caught.value


async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
    """Say nothing."""
    del reader, writer, number
    await asyncio.sleep(30)


def test_stalled_tls_handshake_is_not_in_doubt() -> None:
    """A server that accepts the connection and no TLS got no byte of the request."""
    with RawServer(stall) as server:
        error = attempt(server.base_url.replace("http:", "https:"))
    assert not error.in_doubt
    assert "cannot connect" in error.message


@pytest.mark.parametrize("stage", ["CONNECT", "TLS"])
def test_stalled_proxy_is_not_in_doubt(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """A proxy that does not answer, or leads to a server that does not, got no byte of it."""
    with RawServer(stall) as silent, TunnelProxy(silent.port) as proxy:
        port = silent.port if stage == "CONNECT" else proxy.port
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        error = attempt("https://api.example")
    assert not error.in_doubt


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 300))
def test_in_doubt_is_what_was_written(taken: int) -> None:
    """However much of a request a server reads before it breaks off, the request is in doubt."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        server.received[number] += await reader.read(taken)
        writer.transport.abort()

    with RawServer(talk) as server:
        error = attempt(server.base_url, seconds=5.0)
    assert error.in_doubt or not any(server.received)


def own_address() -> str | None:
    """An address of this machine that is not loopback; None if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of UDP: nothing is sent
        except OSError:
            return None
        address: str = probe.getsockname()[0]
    return None if address.startswith("127.") else address


def test_localhost_that_leads_elsewhere_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain HTTP to `localhost` is refused where that is not this machine's loopback address."""
    address = own_address()
    if address is None:
        pytest.skip("this machine has no other address")
    with socket.create_server((address, 0)) as server:
        port = server.getsockname()[1]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)

        async def talk() -> None:
            async with Transport(Endpoint.parse(f"http://localhost:{port}"), 5.0) as transport:
                await transport.upsert(CREDENTIALS, "t", b"[]")

        with pytest.raises(RouteError, match=f"localhost leads to {address}, which is not"):
            asyncio.run(talk())
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(1) == b""


def test_localhost_is_this_machine() -> None:
    """Plain HTTP to `localhost` works where that is a loopback address."""
    with ScriptedServer(always(answer())) as server:

        async def talk() -> int:
            url = Endpoint.parse(f"http://localhost:{server.port}")
            async with Transport(url, 5.0) as transport:
                return (await transport.upsert(CREDENTIALS, "t", b"[]")).status

        assert asyncio.run(talk()) == 201
