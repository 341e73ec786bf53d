"""The fake Import API, from the outside: starts it, and asks what arrived."""

import json
import socket
import subprocess
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from bench.processes import ROOT, BenchError

_ANSWER_BYTES = 65_536
_STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Arrived:
    """What arrived since the server's start, and the CPU seconds that it took for it.

    ``waited_seconds``: by all requests together, from their last byte to their
    answer; 0 if it answers at once.
    """

    requests: int
    body_bytes: int
    most_in_flight: int
    waited_seconds: float
    cpu_seconds: float


class StandIn:
    """A server process that ends with the context.

    ``latency``: seconds from a request's last byte to its answer.
    """

    def __init__(self, latency: float = 0.0) -> None:
        self.latency = latency
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603 - our own server
            [sys.executable, "-m", "bench.server", "--latency", str(self.latency)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )
        assert self._process.stdout  # noqa: S101 - it is a pipe
        self.port = int(self._process.stdout.readline() or 0)
        if not self.port:
            raise BenchError("the fake Import API did not start")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin  # noqa: S101 - it is a pipe
        assert self._process.stdout  # noqa: S101 - it is a pipe
        self._process.stdin.close()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    @property
    def base_url(self) -> str:
        """Its address, as ``--base-url`` takes it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where a client posts its batches."""
        return f"{self.base_url}/v2/client/1/table/bench/data?apikey=bench-key"

    def arrived(self) -> Arrived:
        """Ask what arrived."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(_ANSWER_BYTES), b""))
        return Arrived(**json.loads(answer.partition(b"\r\n\r\n")[2]))
