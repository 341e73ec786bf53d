"""Where things are measured: input files, servers, and clients that are checked to have done it."""

import compileall
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.data import BATCH_RECORDS, DataFiles, Format
from bench.fake_server import StandIn
from bench.processes import ROOT, BenchError, Usage, environment, measure

PYTHON = sys.executable
_CLIENT_ENV = {"RJCLI_CLIENT_ID": "1", "RJCLI_API_KEY": "bench-key"}
_LEAST_RECORD_BYTES = 150
QUIET = ("--progress", "none", "--quiet")


@dataclass(frozen=True)
class Sizes:
    """How much is measured: numbers of records, megabytes, rounds."""

    peers_records: int  # in the file that all peers send
    curl_records: int  # curl is too slow for all of it
    formats_records: int
    progress_records: int
    memory_megabytes: tuple[int, int]
    cpu_records: tuple[int, int]
    cpu_pushes: int  # of the smaller file in one process
    one_job_records: tuple[int, int]
    many_jobs_records: tuple[int, int]
    rounds: int  # for what takes seconds
    close_rounds: int  # for what takes seconds, and where a few per cent matter
    short_rounds: int  # for what takes less than a second


FULL = Sizes(
    peers_records=2_000_000,
    curl_records=50_000,
    formats_records=2_000_000,
    progress_records=1_000_000,
    memory_megabytes=(100, 1000),
    cpu_records=(10_000, 10_000_000),
    cpu_pushes=50,
    one_job_records=(2_000, 22_000),
    many_jobs_records=(160_000, 800_000),
    rounds=3,
    close_rounds=11,
    short_rounds=20,
)
QUICK = Sizes(
    peers_records=1_000_000,
    curl_records=5_000,
    formats_records=1_000_000,
    progress_records=200_000,
    memory_megabytes=(10, 100),
    cpu_records=(10_000, 300_000),
    cpu_pushes=10,
    one_job_records=(1_000, 9_000),
    many_jobs_records=(64_000, 224_000),
    rounds=3,
    close_rounds=5,
    short_rounds=10,
)


class Harness:
    """Holds what the measurements share. A context manager: its servers end with it.

    ``workdir``: where the input files are kept from one time to the next.
    """

    def __init__(self, workdir: Path, sizes: Sizes) -> None:
        self.sizes = sizes
        self.data = DataFiles(workdir)
        self._stack = ExitStack()
        self._servers: dict[float, StandIn] = {}

    def __enter__(self) -> Self:
        self.scratch = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        compileall.compile_dir(ROOT / "rjcli", quiet=1)  # as installing it does
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def server(self, latency: float = 0.0) -> StandIn:
        """Give the server with a latency in seconds."""
        if latency not in self._servers:
            self._servers[latency] = self._stack.enter_context(StandIn(latency))
        return self._servers[latency]

    def push(
        self,
        records: int,
        form: Format = Format.NDJSON,
        *,
        latency: float = 0.0,
        options: Sequence[str] = QUIET,
        terminal: bool = False,
        times: int = 1,
    ) -> Usage:
        """Push a file of so many records with rjcli, so many times, in one process."""
        server, file = self.server(latency), self.data.file(form, records)
        module = ("rjcli",) if times == 1 else ("bench.repeat", str(times))
        command = [
            *(PYTHON, "-m", *module, "push", str(file), "-t", "bench", "-k", "id"),
            *("--base-url", server.base_url, *options),
        ]
        return self.checked(command, server, records, terminal=terminal, times=times)

    def peer(self, name: str, records: int) -> Usage:
        """Have a peer send so many records, as one process."""
        data, server = self.data, self.server()
        source = data.bodies(records) if name == "curl" else data.file(Format.NDJSON, records)
        command = [PYTHON, "-m", "bench.peers", name, str(source), "--url", server.url]
        return self.checked(command, server, records)

    def run(self, *command: str) -> Usage:
        """Run anything else."""
        return measure(command, environment(self.scratch, {}))

    def checked(
        self,
        command: Sequence[str],
        server: StandIn,
        records: int,
        *,
        terminal: bool = False,
        times: int = 1,
    ) -> Usage:
        """Measure a client, and see that all arrived in as few requests as it takes.

        It finds no state of an earlier client, and leaves none.
        """
        before = server.arrived()
        with tempfile.TemporaryDirectory(dir=self.scratch) as state:
            usage = measure(command, environment(Path(state), _CLIENT_ENV), terminal=terminal)
        after = server.arrived()
        requests, wanted = after.requests - before.requests, -(-records // BATCH_RECORDS) * times
        name = " ".join(command[1:4])
        if requests != wanted:
            raise BenchError(f"{name} made {requests} requests and not {wanted}")
        if after.body_bytes - before.body_bytes < records * times * _LEAST_RECORD_BYTES:
            raise BenchError(f"{name} did not send all records")
        return usage
