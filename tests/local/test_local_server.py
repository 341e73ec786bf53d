import contextlib
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from rjcli.errors import InputError, UsageError
from rjcli.local.app import LocalCredentials
from rjcli.local.faults import Faults
from rjcli.local.server import Address, LocalServer

from .conftest import API_KEY, CREDENTIALS, RunningApi

ORDER = {"keys": ["id"], "id": 1}
REQUEST = (
    f"POST /v2/client/12/table/orders/data?apikey={API_KEY} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    'Content-Type: application/json\r\nContent-Length: 22\r\n\r\n{"keys":["id"],"id":1}'
).encode()


def connect(api: RunningApi) -> socket.socket:
    """Open a bare connection to a local API."""
    address = urlsplit(str(api.client.base_url))
    return socket.create_connection((address.hostname, address.port or 0), timeout=10)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::", ""])  # noqa: S104 -- to be refused
def test_local_server_stays_on_this_machine(host: str) -> None:
    """Addresses that others can reach are refused unless asked for."""
    with pytest.raises(UsageError, match="not an address of this machine"):
        Address(host)
    assert Address(host, allow_remote=True).host == host


def test_local_server_refuses_a_port_in_use(tmp_path: Path) -> None:
    """A port that is taken is a usage error with a hint, and nothing stays open."""
    with LocalServer(tmp_path / "a.db", CREDENTIALS) as running:
        port = urlsplit(running.base_url).port
        second = LocalServer(tmp_path / "b.db", CREDENTIALS, address=Address(port=port or 0))
        with pytest.raises(UsageError, match=f"port {port}") as caught, second:
            pass
    assert caught.value.hint is not None


def test_local_server_refuses_an_impossible_port() -> None:
    """A port out of range is a usage error, too."""
    for port in (-1, 65536):
        with pytest.raises(UsageError, match="a port is from 0 to 65535"):
            Address(port=port)


def test_local_server_refuses_a_foreign_file(tmp_path: Path) -> None:
    """A file that is not the local API's is an input error when the server starts."""
    (tmp_path / "a.db").touch(0o600)
    (tmp_path / "a.db").write_text("id,name\n")
    with pytest.raises(InputError), LocalServer(tmp_path / "a.db", CREDENTIALS):
        pass


def test_local_server_ends_with_connections_open(tmp_path: Path) -> None:
    """Idle, half-sent and slow requests do not keep the server; its thread and port are gone."""
    before = threading.active_count()
    with LocalServer(tmp_path / "a.db", CREDENTIALS, Faults(latency=60)) as server:
        address = ("127.0.0.1", urlsplit(server.base_url).port)
        idle, half, slow = (socket.create_connection(address, timeout=10) for _ in range(3))
        idle.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200")
        half.sendall(REQUEST[:-5])
        slow.sendall(REQUEST)
    for connection in (idle, half, slow):
        connection.close()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


SERVE = """
import sys
from rjcli.local.app import LocalCredentials
from rjcli.local.server import LocalServer
with LocalServer(sys.argv[1], LocalCredentials(12, "rj-canary-1234")) as server:
    print(server.base_url, flush=True)
    server.serve_forever()
print("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_local_server_serves_until_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    """serve_forever returns on SIGINT and SIGTERM, and the process ends in peace."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", SERVE, tmp_path / "a.db"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        base_url = process.stdout.readline().strip()
        with httpx.Client(base_url=base_url, trust_env=False) as client:
            assert client.get("/").status_code == 200
            process.send_signal(number)
            output, errors = process.communicate(timeout=10)
    assert (process.returncode, output, errors) == (0, "ended\n", "")


def test_local_server_is_silent(api: RunningApi, capfd: pytest.CaptureFixture[str]) -> None:
    """Good calls, bad calls and broken requests print nothing, least of all the key."""
    api.push("orders", ORDER)
    api.push("orders", b"{")
    with connect(api) as connection:
        connection.sendall(f"GET /?apikey={API_KEY} HTTP/9\r\n\r\n".encode())
        while connection.recv(1000):
            pass
    assert capfd.readouterr() == ("", "")


def test_local_key_is_masked() -> None:
    """The credentials' repr has no key, and impossible credentials are refused."""
    assert API_KEY not in repr(CREDENTIALS)
    for client_id, key in [(0, "a"), (-1, "a"), (1, "")]:
        with pytest.raises(ValueError, match="positive integer"):
            LocalCredentials(client_id, key)


def test_local_broken_store_is_a_500(api: RunningApi, capfd: pytest.CaptureFixture[str]) -> None:
    """An error in the store is answered 500 as JSON, prints nothing, and the server goes on."""
    api.push("orders", ORDER)
    connection = sqlite3.connect(api.path)
    connection.execute("drop table _rjcli_records_1")
    connection.close()
    answer = api.push("orders", ORDER)
    assert (answer.status_code, answer.json()["code"]) == (500, 500)
    assert "Traceback" not in answer.text
    assert api.push("others", ORDER).status_code == 201
    assert capfd.readouterr() == ("", "")


def mangled(generator: random.Random) -> bytes:
    """A request with some of its bytes changed, cut out or doubled."""
    request = bytearray(REQUEST)
    for _ in range(generator.randint(1, 6)):
        at = generator.randrange(len(request))
        length = generator.randint(0, 8)
        piece = generator.choice(
            [generator.randbytes(length), b"\r\n", b"chunked", bytes(request[at : at + 40]), b"%00"]
        )
        request[at : at + generator.randint(0, 8)] = piece
    return bytes(request) + generator.choice([b"", REQUEST, b"\0\xff\r\n\r\n"])


def test_local_server_survives_fuzzed_requests(
    api: RunningApi, capfd: pytest.CaptureFixture[str]
) -> None:
    """After hundreds of broken requests it still serves, prints nothing, and its file is sound."""
    generator = random.Random(20261121)
    for _ in range(400):
        with connect(api) as connection:
            connection.sendall(mangled(generator))
            if generator.random() < 0.5:
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(0.02)
                with contextlib.suppress(OSError):
                    connection.recv(4096)
    assert api.push("orders", {**ORDER, "id": "after"}).status_code == 201
    database = sqlite3.connect(api.path)
    assert database.execute("pragma integrity_check").fetchall() == [("ok",)]
    database.close()
    assert capfd.readouterr() == ("", "")
