"""The user's state directory: where runs, locks, and what is known of tables are kept."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

from rjcli.ownership import check_ancestors
from rjcli.private_file import (
    Directory,
    os_errors_as_ours,
    user_directory,
)
from rjcli.run.identity import hash_identity

RUNS = "runs"  # the directory for those that have no other
_INDEX = "the list of runs"
_MOST_LINES = 1000  # of an index, before those of deleted runs are left out
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND


def state_directory(environ: Mapping[str, str]) -> Path:
    """Where runs are kept. Raises UsageError where there is no home directory."""
    return user_directory(environ, "XDG_STATE_HOME", ".local/state") / "rjcli"


class State:
    """The state directory, made if it is not there, and held open. A context manager.

    Raises UsageError if it cannot be used, or if others could change it or what is above it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.runs = directory / RUNS
        self._tables = directory / "tables"
        self._open = ExitStack()
        with ExitStack() as stack, os_errors_as_ours(f"cannot use {directory}"):
            check_ancestors(directory.parent, Path.home())
            for path in (directory, self.runs, self._tables):
                Directory(path, make=True).close()
            self.locks, self._index = (
                stack.enter_context(Directory(directory / name, make=True))
                for name in ("locks", "index")
            )
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def table(self, target: tuple[str, int | None, str]) -> Path:
        """The directory of what is known of a table, whichever run found it out."""
        return self._tables / hash_identity(target)

    def remember(self, series: Any, run: Path) -> None:
        """Note that a run is the last one of a series: those that differ in their inputs only."""
        name = hash_identity(series)
        with os_errors_as_ours(f"cannot write {self._index.path}"), self._index.locked():
            lines = self._lines(name)
            if len(lines) >= _MOST_LINES:
                lines = [line for line in lines if (path := _path(line)) and path.exists()]
                self._index.replace(name, "".join(f"{line}\n" for line in lines).encode())
            # A last line that a full disk has cut off is none.
            start = "\n" if lines and not _path(lines[-1]) else ""
            fd = self._index.open(name, _INDEX, _APPEND)
            try:
                os.write(fd, f"{start}{json.dumps(str(run))}\n".encode())
            finally:
                os.close(fd)

    def recall(self, series: Any) -> Iterator[Path]:
        """The runs of a series, the newest first, whatever the clock said then."""
        with os_errors_as_ours(f"cannot read {self._index.path}"):
            lines = self._lines(hash_identity(series))
        yield from filter(None, map(_path, reversed(lines)))

    def _lines(self, name: str) -> list[str]:
        return (self._index.read(name, _INDEX) or b"").decode(errors="replace").splitlines()


def _path(line: str) -> Path | None:
    """The path on a line; None if the line is damaged."""
    with suppress(ValueError):
        path = json.loads(line)
        return Path(path) if isinstance(path, str) else None
    return None
