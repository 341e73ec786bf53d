"""Whose requests the local API answers, and how much of one it takes in."""

import select
import socket
import sqlite3
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from rjcli.local.app import Limits
from rjcli.local.server import Address

from .conftest import API_KEY, RunningApi

ORDER = b'{"keys":["id"],"id":1}'
PATH = f"/v2/client/12/table/orders/data?apikey={API_KEY}"


@contextmanager
def connect(api: RunningApi) -> Iterator[socket.socket]:
    """Open a bare connection to a local API."""
    address = urlsplit(str(api.client.base_url))
    place = (address.hostname, address.port or 0)
    with socket.create_connection(place, timeout=10) as connection:
        yield connection


def head(length: int, path: str = PATH, *lines: str) -> bytes:
    """Write the head of an upsert."""
    usual = ["Host: 127.0.0.1", "Content-Type: application/json", f"Content-Length: {length}"]
    return "\r\n".join([f"POST {path} HTTP/1.1", *usual, *lines, "", ""]).encode()


def read_answer(connection: socket.socket) -> bytes:
    """Read until the server has nothing more to say."""
    answer = b""
    while data := connection.recv(65536):
        answer += data
        if b"\r\n\r\n" in answer and answer.endswith(b"}"):
            break
    return answer


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:8080", "127.9.9.9", "localhost", "LOCALHOST:1", "[::1]:80"]
)
def test_local_server_answers_to_names_of_this_machine(api: RunningApi, host: str) -> None:
    """A request that names this machine as its host is answered."""
    assert api.push("orders", ORDER, Host=host).status_code == 201


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80",
        "192.0.2.1",
        "[",
        "a b",
    ],
)
def test_local_server_answers_to_no_other_name(api: RunningApi, host: str) -> None:
    """A page whose host name was made to mean this machine gets no answer, whatever it calls."""
    pushed = api.push("orders", ORDER, Host=host)
    asked = api.client.get("/", headers={"Host": host})
    tried = api.client.get(f"/v2/client/12/authenticate?apikey={API_KEY}", headers={"Host": host})
    assert [pushed.status_code, asked.status_code, tried.status_code] == [403, 403, 403]
    assert api.kept("orders") == []


def test_local_server_needs_a_host(api: RunningApi) -> None:
    """A request that names no host is refused."""
    with connect(api) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert read_answer(connection).startswith(b"HTTP/1.0 403")


def test_local_server_open_to_others_answers_to_any_name(start: Callable[..., RunningApi]) -> None:
    """With allow_remote any host name is right, and pages of other sites are still refused."""
    api = start(address=Address(allow_remote=True))
    assert api.push("orders", ORDER, Host="db.company.example").status_code == 201
    page = {"Host": "db.company.example", "Origin": "http://evil.example"}
    assert api.push("others", ORDER, **page).status_code == 403


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://127.0.0.1:1", "https://{host}", "http://{host}.evil"],
)
def test_local_server_refuses_pages_of_other_sites(api: RunningApi, origin: str) -> None:
    """A request that a browser sends for a page of another site writes nothing: 403."""
    given = origin.format(host=api.client.base_url.netloc.decode())
    assert api.push("orders", ORDER, Origin=given).status_code == 403
    assert api.kept("orders") == []


def test_local_server_answers_its_own_pages(api: RunningApi) -> None:
    """A page that the server itself would serve may call it."""
    own = f"http://{api.client.base_url.netloc.decode()}"
    assert api.push("orders", ORDER, Origin=own).status_code == 201


@pytest.mark.parametrize(
    "label",
    [
        "text/plain",
        "text/plain; application/json",
        "multipart/form-data; boundary=a",
        "application/x-www-form-urlencoded",
        "application/octet-stream",
        "",
    ],
)
def test_local_upserts_need_the_content_type_of_json(api: RunningApi, label: str) -> None:
    """What a page can send without asking first is refused: 415, and nothing is written."""
    answer = api.push("orders", ORDER, Content_Type=label)
    assert (answer.status_code, answer.json()["code"]) == (415, 415)
    assert "application/json" in answer.json()["reasons"][0]
    assert api.kept("orders") == []


def test_local_upsert_without_a_content_type_is_refused(api: RunningApi) -> None:
    """A request that says no Content-Type at all is refused, too."""
    with connect(api) as connection:
        text = head(len(ORDER)).replace(b"Content-Type: application/json\r\n", b"")
        connection.sendall(text + ORDER)
        assert read_answer(connection).startswith(b"HTTP/1.1 415")


@pytest.mark.parametrize("label", ["application/json; charset=utf-8", "Application/JSON"])
def test_local_content_type_may_have_parameters(api: RunningApi, label: str) -> None:
    """JSON is JSON with a charset, and in capitals."""
    assert api.push("orders", ORDER, Content_Type=label).status_code == 201


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (PATH.replace(API_KEY, "wrong"), b"401"),
        (PATH.replace("/12/", "/13/"), b"404"),
        (PATH.replace("orders", "a-b"), b"400"),
    ],
)
def test_local_key_is_checked_before_the_body(api: RunningApi, path: str, status: bytes) -> None:
    """A call that is wrong is answered before any of its body has been sent."""
    with connect(api) as connection:
        connection.sendall(head(1000, path))
        assert read_answer(connection).startswith(b"HTTP/1.1 " + status)


def test_local_server_asks_for_a_body_that_waits(api: RunningApi) -> None:
    """A client that expects 100 Continue, as curl does, is told to go on."""
    with connect(api) as connection:
        connection.sendall(head(len(ORDER), PATH, "Expect: 100-continue"))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(ORDER)
        assert read_answer(connection).startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 27", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 27"],
        ["Content-Length: 27", "Content-Length: 26"],
    ],
)
def test_local_bodies_of_two_lengths_are_refused(api: RunningApi, lines: list[str]) -> None:
    """Where two lengths are said nobody knows where the body ends: 400, and no more is read."""
    given = "\r\n".join(["Host: 127.0.0.1", "Content-Type: application/json", *lines])
    with connect(api) as connection:
        head = f"POST {PATH} HTTP/1.1\r\n{given}\r\n\r\n16\r\n".encode()
        connection.sendall(head + ORDER + b"\r\n0\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.count(b"HTTP/1.") == 1
    assert b" 400 " in answer
    assert api.kept("orders") == []


@pytest.mark.parametrize("sent", [b"", b"POST / HT", b"POST / HTTP/1.1\r\nHost: 127"])
def test_local_heads_have_a_time_limit(start: Callable[..., RunningApi], sent: bytes) -> None:
    """A connection that sends nothing, or half a head, is closed."""
    with connect(start(limits=Limits(head_seconds=0.1))) as connection:
        connection.sendall(sent)
        assert connection.recv(1000) == b""


def test_local_bodies_have_a_time_limit(start: Callable[..., RunningApi]) -> None:
    """A body that does not come is answered 408, and leaves its place to others."""
    api = start(limits=Limits(bodies=1, body_seconds=0.2))
    with connect(api) as connection:
        connection.sendall(head(100) + ORDER)
        assert read_answer(connection).startswith(b"HTTP/1.1 408")
        assert api.push("orders", ORDER).status_code == 201


def test_local_body_that_breaks_off_leaves_its_place(start: Callable[..., RunningApi]) -> None:
    """A connection that is lost within a body does not hold up others."""
    api = start(limits=Limits(bodies=1))
    with connect(api) as connection:
        connection.sendall(head(100) + ORDER)
    assert api.push("orders", ORDER).status_code == 201
    assert len(api.kept("orders")) == 1


def test_local_broken_chunks_are_refused(api: RunningApi) -> None:
    """A body whose chunks are malformed is answered 400."""
    text = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with connect(api) as connection:
        connection.sendall(text + b"zz\r\n")
        assert b" 400 " in read_answer(connection)


def test_local_half_sent_bodies_take_bounded_memory(start: Callable[..., RunningApi]) -> None:
    """However many large bodies are half sent, only a few are in memory at once."""
    size, connections = 8 * 2**20, 12
    api = start(limits=Limits(bodies=2, body_bytes=size))
    body = bytes(size - 1)
    with ExitStack() as stack:
        tracemalloc.start()
        stack.callback(tracemalloc.stop)
        left = {stack.enter_context(connect(api)): memoryview(body) for _ in range(connections)}
        for connection in left:
            connection.sendall(head(size))
            connection.setblocking(False)  # noqa: FBT003 -- as socket has it
        while writable := select.select([], [*left], [], 0.5)[1]:
            for connection in writable:
                left[connection] = left[connection][connection.send(left[connection]) :]
                if not left[connection]:
                    del left[connection]
        assert tracemalloc.get_traced_memory()[1] < 4 * size


def test_local_connections_are_bounded(start: Callable[..., RunningApi]) -> None:
    """A connection too many is closed at once, and the others are served."""
    api = start(limits=Limits(connections=2))
    with connect(api) as first, connect(api) as second:
        for connection in (first, second):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert read_answer(connection).startswith(b"HTTP/1.1 200")
        with connect(api) as third:
            assert third.recv(1000) == b""
        first.sendall(head(len(ORDER)) + ORDER)
        assert read_answer(first).startswith(b"HTTP/1.1 201")


def test_local_server_waits_for_another_writer(api: RunningApi) -> None:
    """While another process writes, an upsert waits, other calls are answered, and none is lost."""
    api.push("orders", ORDER)
    with (
        closing(sqlite3.connect(api.path, isolation_level=None)) as other,
        ThreadPoolExecutor(1) as pool,
    ):
        other.execute("begin immediate")
        pushed = pool.submit(api.push, "orders", b'{"keys":["id"],"id":2}')
        for _ in range(3):
            assert httpx.get(api.client.base_url, trust_env=False).status_code == 200
        assert not pushed.done()
        other.execute("rollback")
        assert pushed.result(timeout=20).status_code == 201
    assert len(api.kept("orders")) == 2


def test_local_server_gives_up_on_an_endless_writer(start: Callable[..., RunningApi]) -> None:
    """A file that stays locked is answered 500 with the reason: the push may try again."""
    api = start(limits=Limits(busy_seconds=0.1))
    api.push("orders", ORDER)
    with closing(sqlite3.connect(api.path, isolation_level=None)) as other:
        other.execute("begin immediate")
        answer = api.push("orders", ORDER)
    assert answer.status_code == 500
    assert "another process" in answer.json()["reasons"][0]
