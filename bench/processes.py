"""Processes that are measured: wall time, CPU time and peak memory, as the kernel counts them."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIMIT_SECONDS = 900.0  # a process that takes longer is ended

_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_ERROR_LINES = 3  # of what a failed process printed
_LOOK_SECONDS = 0.05  # between two looks at a process's memory
_TERMINAL_SIZE = (24, 100)  # lines, columns


class BenchError(Exception):
    """Something could not be measured."""


@dataclass(frozen=True)
class Usage:
    """What a process took, with all that it started: wall and CPU seconds, peak memory in bytes.

    The peak is the sum of those of all processes that were there at once. Where
    there is no telling (/proc), it is that of the largest.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def environment(state: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, without what would steer a client: its options, proxies.

    ``state``: where a client keeps what it keeps between runs.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RJCLI_") and not name.lower().endswith("_proxy")
    }
    return kept | {"XDG_STATE_HOME": str(state), "TERM": "xterm-256color", **extra}


def measure(command: Sequence[str], env: Mapping[str, str], *, terminal: bool = False) -> Usage:
    """Run a command to its end; give what it took.

    ``terminal``: give it a terminal of its own to print on; what it prints there
    is read, and thrown away. Raises BenchError if it fails.
    """
    with contextlib.ExitStack() as stack:
        printed = stack.enter_context(tempfile.TemporaryFile())
        output = stack.enter_context(_terminal()) if terminal else printed.fileno()
        began = time.perf_counter()
        process = stack.enter_context(_running(command, env, output))
        alarm = threading.Timer(LIMIT_SECONDS, process.kill)
        alarm.daemon = True
        alarm.start()
        memory = stack.enter_context(_watched(process.pid))
        _, status, resources = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        alarm.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            printed.seek(0)
            text = printed.read().decode(errors="replace").strip()
            error = "; ".join(text.splitlines()[-_ERROR_LINES:]) or "it printed nothing"
            raise BenchError(f"{_name(command)} ended with {process.returncode}: {error}")
    cpu_seconds = resources.ru_utime + resources.ru_stime
    return Usage(seconds, cpu_seconds, memory.peak_bytes or resources.ru_maxrss * _MAXRSS_BYTES)


def end_on_signals() -> None:
    """Have the signals that ask a process to end raise SystemExit, so that children end too."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _name(command: Sequence[str]) -> str:
    return " ".join(command[1:4])


@contextlib.contextmanager
def _running(
    command: Sequence[str], env: Mapping[str, str], output: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process, and end it with all that it started if it is not waited for.

    It leads a process group, so that there is one name for all of it.
    """
    process = subprocess.Popen(  # noqa: S603 - commands of our own
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        process_group=0,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class _Memory:
    """The most that a process and its descendants have held, as far as it was looked."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_bytes = 0

    def look(self) -> None:
        """Look again."""
        # A process may end between one look and the next.
        with contextlib.suppress(OSError, LookupError):
            self.peak_bytes = max(self.peak_bytes, sum(map(_peak_bytes, _family(self._pid))))


def _family(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield from _family(int(child))


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[_Memory]:
    """Look at a process's memory twenty times a second."""
    memory, ended = _Memory(pid), threading.Event()

    def watch() -> None:
        while not ended.wait(_LOOK_SECONDS):
            memory.look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield memory
    finally:
        ended.set()
        watcher.join()


@contextlib.contextmanager
def _terminal() -> Iterator[int]:
    """A terminal whose output is read by a thread, as a terminal's window would."""
    window, terminal = os.openpty()
    termios.tcsetwinsize(terminal, _TERMINAL_SIZE)
    reader = threading.Thread(target=_drain, args=(window,))
    reader.start()
    try:
        yield terminal
    finally:
        os.close(terminal)
        reader.join()
        os.close(window)


def _drain(window: int) -> None:
    with contextlib.suppress(OSError):  # the terminal is gone
        while os.read(window, 65_536):
            pass
