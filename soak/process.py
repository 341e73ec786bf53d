"""rjcli as a process: started, interrupted, and ended, with all that it printed."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent
CAN_FILL_DISKS = hasattr(resource, "prlimit")  # on Linux only

_LONGEST_SECONDS = 120.0  # of an invocation
_FEED_BYTES = 65_536
_STARTED = b"environment "
_WAITS_TO_REPEAT = b": sent again in "


class SoakError(Exception):
    """A promise was broken."""


class Ended(NamedTuple):
    """How an invocation ended. ``document``: of ``--json``, None if nothing was printed."""

    exit_code: int
    stdout: str
    stderr: str
    document: Mapping[str, Any] | None


class Invocation:
    """rjcli while it runs, in a session of its own."""

    def __init__(self, process: asyncio.subprocess.Process, content: bytes | None) -> None:
        self._process = process
        self._stdout = asyncio.create_task(self._read(process.stdout))
        self._err = bytearray()
        self._stderr = asyncio.create_task(self._read(process.stderr, self._err))
        self._feed = asyncio.create_task(self._write(content))

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.returncode is not None

    @property
    def has_started(self) -> bool:
        """Whether it has come as far as to push."""
        return _STARTED in self._err

    @property
    def waits_to_repeat(self) -> bool:
        """Whether it has sent everything, and waits to send some records again."""
        return _WAITS_TO_REPEAT in self._err

    def signal(self, number: signal.Signals, *, to_all: bool = False) -> None:
        """Send it a signal; ``to_all``: to all its processes, as a terminal does."""
        with contextlib.suppress(ProcessLookupError):
            if to_all:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def limit_files(self, size: int) -> None:
        """Let none of its files grow past a size in bytes, as on a full disk."""
        if CAN_FILL_DISKS and not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (size, size))

    async def end(self) -> Ended:
        """Wait until it has ended. Raises SoakError if it does not, or leaves processes."""
        try:
            async with asyncio.timeout(_LONGEST_SECONDS):
                exit_code = await self._process.wait()
                await self._check_family()
                stdout, _ = await asyncio.gather(self._stdout, self._stderr)
        except TimeoutError:
            raise SoakError(
                f"it did not end within {_LONGEST_SECONDS:.0f} s: {bytes(self._err)!r}"
            ) from None
        self._feed.cancel()
        text = stdout.decode()
        return Ended(exit_code, text, self._err.decode(), json.loads(text) if text else None)

    async def _check_family(self) -> None:
        for _ in range(100):
            if not [*_session(self._process.pid)]:
                return
            await asyncio.sleep(0.05)
        raise SoakError(f"processes are left over: {[*_session(self._process.pid)]}")

    async def _read(
        self, stream: asyncio.StreamReader | None, into: bytearray | None = None
    ) -> bytes:
        data = bytearray() if into is None else into
        assert stream  # noqa: S101 - all streams are pipes
        while part := await stream.read(_FEED_BYTES):
            data += part
        return bytes(data)

    async def _write(self, content: bytes | None) -> None:
        stdin = self._process.stdin
        if content is None or stdin is None:
            return
        with contextlib.suppress(OSError):
            for start in range(0, len(content), _FEED_BYTES):
                stdin.write(content[start : start + _FEED_BYTES])
                await stdin.drain()
        stdin.close()


@contextlib.asynccontextmanager
async def run(
    arguments: Sequence[str], home: Path, api_key: str, client_id: int, content: bytes | None
) -> AsyncIterator[Invocation]:
    """Run rjcli in a home directory of its own. ``content``: what it reads from a pipe."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "rjcli",
        *arguments,
        stdin=asyncio.subprocess.DEVNULL if content is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=home,
        env=_environment(home, api_key, client_id),
        start_new_session=True,
    )
    try:
        yield Invocation(process, content)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _environment(home: Path, api_key: str, client_id: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    spools = home / "spools"
    spools.mkdir(exist_ok=True)
    return kept | {
        "HOME": str(home),
        "TMPDIR": str(spools),
        "PYTHONPATH": str(ROOT),
        "RJCLI_CLIENT_ID": str(client_id),
        "RJCLI_API_KEY": api_key,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "error",
    }


def _session(leader: int) -> Iterator[int]:
    """The processes of a session that have not ended, as far as the system says (/proc)."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
            if int(session) == leader and state not in {"Z", "X"}:
                yield int(path.parent.name)
