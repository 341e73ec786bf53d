"""The wire: one whole answer, or a TransportError that says whether the request may have landed."""

import asyncio
import gzip
import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from msgspec.structs import replace

from rjcli.api.base_url import Endpoint
from rjcli.api.protocol import Answer, OutcomeKind, classify_upsert
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.lookup import Credentials
from rjcli.errors import TransportError
from rjcli.http.connection import MAX_ANSWER_BYTES
from rjcli.http.transport import Transport
from tests.conftest import Serve
from tests.support.scripted import CREATED, always, answer

KEY = "k&y=1/2+3%25#4"
CREDENTIALS = Credentials(7, ApiKey(KEY))


def upsert(
    base_url: str, *, timeout: float = 20.0, times: int = 1, credentials: Credentials = CREDENTIALS
) -> Answer:
    """Send the same small batch over one transport; return the last answer."""

    async def talk() -> Answer:
        async with Transport(Endpoint.parse(base_url), timeout) as transport:
            for _ in range(times - 1):
                await transport.upsert(credentials, "t", b"[]")
            return await transport.upsert(credentials, "t", b"[]")

    return asyncio.run(talk())


def lost(call: Callable[[], Answer]) -> TransportError:
    """The error that a call ends with."""
    with pytest.raises(TransportError) as caught:
        call()
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    return caught.value


def test_request_is_as_documented(serve: Serve) -> None:
    """An upsert is a POST of JSON with the key, percent-encoded, in the query."""
    server = serve(always(answer(503, b'{"a":1}', Retry_After="7", Date="today")))
    got = replace(upsert(server.base_url), redact=str)
    assert got == Answer(503, b'{"a":1}', "7", "today")
    [request] = server.requests
    assert (request.method, request.body) == ("POST", b"[]")
    path, _, query = request.target.partition("?")
    assert path == "/v2/client/7/table/t/data"
    assert parse_qs(query, strict_parsing=True) == {"apikey": [KEY]}
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept-encoding"] == "identity"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"


def test_connection_is_kept(serve: Serve) -> None:
    """Requests one after the other share a connection."""
    server = serve(always(answer()))
    upsert(server.base_url, times=5)
    assert (len(server.requests), server.connections) == (5, 1)


def test_refused_connection_is_not_in_doubt() -> None:
    """Where nothing listens nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    error = lost(lambda: upsert(f"http://127.0.0.1:{port}"))
    assert not error.in_doubt
    assert "Connection refused" in error.message


@pytest.mark.parametrize(
    "reply",
    [
        None,
        b"HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\n{}",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 20",
    ],
)
def test_lost_answer_is_in_doubt(serve: Serve, reply: bytes | None) -> None:
    """A connection that ends before a whole answer leaves the request in doubt."""

    async def reply_and_close(_: Any) -> bytes | None:
        replies.append(reply)
        return reply if len(replies) == 1 else None

    replies: list[bytes | None] = []
    server = serve(reply_and_close)
    assert lost(lambda: upsert(server.base_url, timeout=0.5)).in_doubt


def test_timeout_is_for_the_whole_attempt(serve: Serve) -> None:
    """A server that keeps a request waiting does not hold it longer than the timeout."""

    async def wait(_: Any) -> None:
        await asyncio.sleep(30)

    error = lost(lambda: upsert(serve(wait).base_url, timeout=0.2))
    assert error.in_doubt
    assert "within 0.2 s" in error.message


def test_endless_answer_is_cut(serve: Serve) -> None:
    """Of an answer no more than a megabyte is kept."""
    server = serve(always(answer(500, b"x" * (MAX_ANSWER_BYTES * 3))))
    assert len(upsert(server.base_url).body) == MAX_ANSWER_BYTES


def test_key_is_taken_out_of_what_is_shown(serve: Serve) -> None:
    """A server that echoes the key, plain or percent-encoded, does not get it shown."""
    echo = json.dumps({"message": KEY, "reasons": [quote(KEY, safe=""), [KEY]]}).encode()
    reply = upsert(serve(always(answer(400, echo))).base_url)
    assert str(classify_upsert(reply)) == 'HTTP 400: [API key] ([API key]; ["[API key]"])'
    assert KEY not in f"{reply} {reply!r}"


@pytest.mark.parametrize("key", ["201", "code", "{", '"', ":"])
def test_key_does_not_spoil_an_acknowledgement(serve: Serve, key: str) -> None:
    """An acknowledgement stays one, even if the key is a part of it."""
    credentials = Credentials(7, ApiKey(key))
    reply = upsert(serve(always(answer())).base_url, credentials=credentials)
    assert classify_upsert(reply).kind is OutcomeKind.ACKNOWLEDGED


def test_key_does_not_show_itself() -> None:
    """No representation of credentials holds the key."""
    assert "k&y" not in f"{CREDENTIALS!r} {CREDENTIALS} {CREDENTIALS.api_key!s}"


def test_answer_is_never_decompressed(serve: Serve) -> None:
    """An answer that is compressed, which was not asked for, stays as it is."""
    bomb = gzip.compress(b" " * 10_000_000)
    reply = upsert(serve(always(answer(201, bomb, Content_Encoding="gzip"))).base_url)
    assert reply.body == bomb
    assert classify_upsert(reply).kind is OutcomeKind.UNAVAILABLE


@pytest.mark.parametrize(
    "headers",
    [{"X": "x" * 100_000}, {f"X_{number}": "x" for number in range(20_000)}, {"X" * 100_000: "x"}],
    ids=["long", "many", "long name"],
)
def test_flood_of_headers_is_a_lost_answer(serve: Serve, headers: dict[str, str]) -> None:
    """Headers beyond all measure are not taken in; the request is in doubt."""
    server = serve(always(answer(201, CREATED, **headers)))
    assert lost(lambda: upsert(server.base_url)).in_doubt


def test_reason_phrase_may_be_anything(serve: Serve) -> None:
    """A reason phrase that is text in no encoding does no harm."""
    server = serve(always(b"HTTP/1.1 201 \xff\xfe\r\nContent-Length: 2\r\n\r\n{}"))
    assert upsert(server.base_url).status == 201
