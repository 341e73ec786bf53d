"""Rejected records, kept as messages that can be fed to the target again."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rjcli.errors import DiskError
from rjcli.model import Rejection
from rjcli.private_file import make_directory
from rjcli.run.rejects import GrowingFile

REJECTS = "rejects.jsonl"
ERRORS = "errors.ndjson"
_APPEND = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class RejectedMessages:
    """Files of rejected messages, and of what is wrong with each; made with the first one.

    ``find_directory`` is called then. A record's SCHEMA comes before it. The methods raise
    DiskError where the disk fails, UsageError where there is no place.
    """

    def __init__(self, find_directory: Callable[[], Path]) -> None:
        self._find_directory = find_directory
        self._directory = Path()
        self._files: tuple[GrowingFile, GrowingFile] | None = None
        self._schemas: dict[str, bytes] = {}  # by stream, as they were written last
        self._has_news = False

    @property
    def path(self) -> Path:
        """Where the messages are."""
        return self._directory / REJECTS

    def write(self, stream: str, schema: bytes, rejection: Rejection) -> None:
        """Write a message down, and what is wrong with it."""
        document: dict[str, Any] = {
            "stream": stream,
            "file": rejection.file,
            "line": rejection.line,
            "record": rejection.number,
            "stage": rejection.stage,
            "status": rejection.status,
            "reasons": rejection.reasons,
        }
        try:
            messages, errors = self._files = self._files or self._open()
            if self._schemas.get(stream) != schema:
                messages.append(schema + b"\n")
                self._schemas[stream] = schema
            messages.append(rejection.raw + b"\n")
            errors.append(json.dumps(document).encode() + b"\n")
        except OSError as error:
            raise self._failed(error) from None
        self._has_news = True

    def sync(self) -> None:
        """Have everything on the disk."""
        if not (self._files and self._has_news):
            return
        try:
            for file in self._files:
                file.sync()
        except OSError as error:
            raise self._failed(error) from None
        self._has_news = False

    def close(self) -> None:
        """Close the files."""
        for file in self._files or ():
            file.close()
        self._files = None

    def _open(self) -> tuple[GrowingFile, GrowingFile]:
        self._directory = self._find_directory()
        make_directory(self._directory)
        errors = self._directory / ERRORS
        return GrowingFile(_open(self.path)), GrowingFile(_open(errors))

    def _failed(self, error: OSError) -> DiskError:
        return DiskError(
            f"cannot write rejected records in {self._directory}: {error.strerror}",
            hint="make room there and run the pipeline again",
        )


def _open(path: Path) -> int:
    return os.open(path, _APPEND, 0o600)
