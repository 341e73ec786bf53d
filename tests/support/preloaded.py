"""rjcli as a process that need not import anything first: forked from one that has.

Each run is a process of its own, with its own pid, signals, files and end. Only the
imports, most of the time that a short command takes, are done once for all tests of a worker.
"""

import gc
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from rjcli.cli import main

_PACKAGE = Path(__file__).parents[2] / "rjcli"
_MAIN = str(_PACKAGE / "__main__.py")
_OWN_START = ("PYTHON", "LANG", "LC_")  # variables that only a new interpreter heeds


def can_run(extra: Mapping[str, str]) -> bool:
    """Whether a run with these variables does the same as in an interpreter of its own."""
    return not any(name.startswith(_OWN_START) for name in extra)


class Preloaded:
    """A process that has imported rjcli, and forks one for each run."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.preloaded", str(theirs.fileno())],
                cwd=_PACKAGE.parent,
                env={**environment},
                stdin=subprocess.PIPE,  # pipes, as those that take their place
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def fileno(self) -> int:
        """The descriptor of the socket that takes requests."""
        return self._socket.fileno()

    def close(self) -> None:
        """Let it end."""
        self._socket.close()
        self._process.communicate()

    def run(
        self,
        arguments: Sequence[str],
        stdin: bytes,
        environment: Mapping[str, str],
        directory: str,
        timeout: float,
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run rjcli to its end, as ``subprocess.run`` does. Raises TimeoutExpired."""
        ours, theirs = socket.socketpair()
        pipes = [os.pipe() for _ in range(3)]
        (read_in, write_in), (read_out, write_out), (read_err, write_err) = pipes
        passed = [read_in, write_out, write_err, theirs.fileno()]
        request = json.dumps([[*arguments], {**environment}, directory, _processors()]).encode()
        socket.send_fds(self._socket, [request], passed)
        theirs.close()
        for descriptor in (read_in, write_out, write_err):
            os.close(descriptor)
        with ours, ThreadPoolExecutor(3) as pool:
            pool.submit(_write, write_in, stdin)
            streams = [pool.submit(_read, each) for each in (read_out, read_err)]
            pid = int.from_bytes(ours.recv(8), "big")
            ours.settimeout(timeout)
            try:
                exit_code = int.from_bytes(ours.recv(8), "big", signed=True)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired([*arguments], timeout) from None
            stdout, stderr = (stream.result() for stream in streams)
        return subprocess.CompletedProcess([*arguments], exit_code, stdout, stderr)


def _write(descriptor: int, data: bytes) -> None:
    with suppress(BrokenPipeError), os.fdopen(descriptor, "wb", buffering=0) as file:
        while data:
            data = data[file.write(data) :]


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        return file.read()


def _serve(requests: socket.socket) -> None:
    """Fork a process for each request, which forks rjcli and reports how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        request, descriptors, _, _ = socket.recv_fds(requests, 1_000_000, 4)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _run(json.loads(request), descriptors)
            return
        for descriptor in descriptors:
            os.close(descriptor)


def _processors() -> list[int]:
    """The processors that this process may use, as its own children would; none where unknown."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _run(request: Sequence[Any], descriptors: Sequence[int]) -> None:
    *streams, reports = descriptors
    pid = os.fork()
    if pid == 0:
        os.close(reports)
        for target, descriptor in enumerate(streams):
            os.dup2(descriptor, target)
            os.close(descriptor)
        arguments, environment, directory, *processors = request
        if any(processors):
            os.sched_setaffinity(0, processors[0])
        sys.argv = [_MAIN, *arguments]
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(directory)
        main()
        return
    for descriptor in streams:
        os.close(descriptor)
    with socket.socket(fileno=reports) as report:
        report.send(pid.to_bytes(8, "big"))
        _, status = os.waitpid(pid, 0)
        report.send(os.waitstatus_to_exitcode(status).to_bytes(8, "big", signed=True))
    os._exit(0)


def _import_all() -> None:
    for module in pkgutil.walk_packages([str(_PACKAGE)], "rjcli."):
        if not module.name.endswith("__main__") and module.name != "rjcli.spark":  # needs pyspark
            __import__(module.name)


if __name__ == "__main__":
    _import_all()
    gc.freeze()  # what was imported is not looked at again in each process
    _serve(socket.socket(fileno=int(sys.argv[1])))
