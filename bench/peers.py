"""What rjcli is measured against: other ways to send the same records to the same server.

Usage: python -m bench.peers PEER INPUT --url URL

Each peer sends batches of 100 records over one connection at a time, and prints
how many records it sent and the seconds it took. INPUT is an NDJSON file; for
curl it is a directory with the bodies of the requests. None of them retries,
checks an answer's body, or accounts for anything.
"""

import argparse
import importlib
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from bench.data import BATCH_RECORDS

_HEADERS = {"Content-Type": "application/json"}
_CREATED = 201
# The body of each answer ends in a brace, and has no other.
_ANSWER_END = b"}"
_ANSWER_BYTES = 65_536
_CURL_LOOP = """for body in "$1"/*.json; do
    curl --silent --fail --output /dev/null --header 'Content-Type: application/json' \
        --data-binary "@$body" "$2" || exit 1
done"""


class PeerError(Exception):
    """A peer did not get what it was to be measured with."""


def official(source: Path, url: str) -> int:
    """The official Python client's way: ``requests.post`` on a new connection for each batch."""
    requests = importlib.import_module("requests")  # not one of rjcli's dependencies
    answers = []
    records = 0
    for batch in _batches(source):
        # It hands all answers back to its caller, and so holds them.
        answers.append(requests.post(url, data=json.dumps(batch), headers=_HEADERS))
        records += len(batch)
    if any(answer.status_code != _CREATED for answer in answers):
        raise PeerError("a push was not accepted")
    return records


def streamed(source: Path, url: str) -> int:
    """The same, but that no answer is held."""
    requests = importlib.import_module("requests")  # not one of rjcli's dependencies
    records = 0
    for batch in _batches(source):
        if requests.post(url, data=json.dumps(batch), headers=_HEADERS).status_code != _CREATED:
            raise PeerError("a push was not accepted")
        records += len(batch)
    return records


def naive(source: Path, url: str) -> int:
    """A loop over one ``httpx.Client``, as one would first write it."""
    httpx = importlib.import_module("httpx")  # not where another peer is measured
    records = 0
    with httpx.Client(headers=_HEADERS) as client:
        for batch in _batches(source):
            client.post(url, content=json.dumps(batch)).raise_for_status()
            records += len(batch)
    return records


def curl(source: Path, url: str) -> int:
    """A shell loop that starts curl for each body."""
    shell = shutil.which("sh") or "sh"
    subprocess.run([shell, "-c", _CURL_LOOP, shell, str(source), url], check=True)  # noqa: S603 - our own script
    return sum(body.read_bytes().count(b'"keys":') for body in source.iterdir())


def sketch(source: Path, url: str) -> int:
    """A raw socket, and the least that has to be done to each record: check it, splice keys in."""
    loads = importlib.import_module("orjson").loads  # not where another peer is measured
    wire = _Wire(url)
    records = 0
    with source.open("rb") as file:
        while lines := list(islice(file, BATCH_RECORDS)):
            for line in lines:
                if "id" not in loads(line):
                    raise PeerError("a record without its key")
            spliced = b",".join([b'{"keys":["id"],' + line[1:-1] for line in lines])
            wire.post(b"[" + spliced + b"]")
            records += len(lines)
    return records


def ceiling(source: Path, url: str) -> int:
    """A raw socket that sends one request over and over, as often as the file has batches."""
    wire = _Wire(url)
    batch = next(_batches(source))
    request = wire.request(json.dumps(batch, separators=(",", ":")).encode())
    with source.open("rb") as file:
        records = sum(data.count(b"\n") for data in iter(lambda: file.read(1_048_576), b""))
    for _ in range(0, records, BATCH_RECORDS):
        wire.exchange(request)
    return records


PEERS: dict[str, Callable[[Path, str], int]] = {
    peer.__name__: peer for peer in (official, streamed, naive, curl, sketch, ceiling)
}


class _Wire:
    """A connection that sends exactly what it is given, and blocks until the answer is there."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = (
            f"POST {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        ).encode()

    def request(self, body: bytes) -> bytes:
        return self._head % len(body) + body

    def post(self, body: bytes) -> None:
        self.exchange(self.request(body))

    def exchange(self, request: bytes) -> None:
        self._socket.sendall(request)
        answer = self._socket.recv(_ANSWER_BYTES)
        while not answer.endswith(_ANSWER_END):
            more = self._socket.recv(_ANSWER_BYTES)
            if not more:
                raise PeerError("the server closed the connection")
            answer += more
        if not answer.startswith(b"HTTP/1.1 201 "):
            raise PeerError("a push was not accepted")


def _batches(source: Path) -> Iterator[list[dict[str, object]]]:
    """The records of an NDJSON file, keys added, in batches."""
    with source.open(encoding="utf-8") as file:
        while lines := list(islice(file, BATCH_RECORDS)):
            yield [json.loads(line) | {"keys": ["id"]} for line in lines]


def main() -> None:
    """Run the peer that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers")
    parser.add_argument("peer", choices=PEERS)
    parser.add_argument("input", type=Path)
    parser.add_argument("--url", required=True)
    options = parser.parse_args()
    began = time.perf_counter()
    records = PEERS[options.peer](options.input, options.url)
    sys.stdout.write(f"{records} {time.perf_counter() - began:.6f}\n")


if __name__ == "__main__":
    main()
