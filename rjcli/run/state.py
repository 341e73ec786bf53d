"""The user's state directory: where runs, locks, and what is known of tables are kept."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from rjcli.private_file import make_directory, os_errors_as_ours, user_directory
from rjcli.run.lock import locked

_MOST_LINES = 1000  # of an index, before those of deleted runs are left out
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where runs are kept. Raises UsageError where there is no home directory."""
    return user_directory(environ, "XDG_STATE_HOME", ".local/state") / "rjcli"


class State:
    """The state directory, made if it is not there. Raises UsageError if it cannot be used."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.runs = directory / "runs"
        self.locks = directory / "locks"
        self._tables = directory / "tables"
        self._index = directory / "index"
        for path in (self.runs, self.locks, self._tables, self._index):
            with os_errors_as_ours(f"cannot make {path}"):
                make_directory(path)

    def table(self, target: tuple[str, int | None, str]) -> Path:
        """The directory of what is known of a table, whichever run found it out."""
        return self._tables / _hash(target)

    def remember(self, series: Any, run: Path) -> None:
        """Note that a run is the last one of a series: those that differ in their inputs only."""
        path = self._index / _hash(series)
        with os_errors_as_ours(f"cannot write {path}"), locked(path, _APPEND) as fd:
            lines = os.pread(fd, os.fstat(fd).st_size, 0).decode().splitlines()
            if len(lines) >= _MOST_LINES:
                kept = [line for line in lines if Path(json.loads(line)).exists()]
                os.ftruncate(fd, 0)
                os.write(fd, "".join(f"{line}\n" for line in kept).encode())
            # A last line that a full disk has cut off is none.
            start = "\n" if lines and not _is_whole(lines[-1]) else ""
            os.write(fd, f"{start}{json.dumps(str(run))}\n".encode())

    def recall(self, series: Any) -> Iterator[Path]:
        """The runs of a series, the newest first, whatever the clock said then."""
        with suppress(FileNotFoundError):
            lines = (self._index / _hash(series)).read_text().splitlines()
            for line in reversed(lines):
                if _is_whole(line):
                    yield Path(json.loads(line))


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _is_whole(line: str) -> bool:
    with suppress(ValueError):
        return isinstance(json.loads(line), str)
    return False
