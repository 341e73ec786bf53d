"""Keys in doubt: a request for them may be applied late, also after its process was killed."""

import json
import os
from collections.abc import Hashable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rjcli.errors import UsageError

_NAME = "doubts.ndjson"
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC


class KeysInDoubt:
    """A file of keys that only grows, until nothing is in doubt any more. Raises OSError."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _NAME

    def add(self, keys: Iterable[Hashable]) -> None:
        """Remember keys; they are on the disk when it returns."""
        lines = "".join(f"{json.dumps(key)}\n" for key in keys)
        if not lines:
            return
        with os.fdopen(os.open(self._path, _APPEND, 0o600), "w") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> set[Hashable]:
        """All keys. A last line that was not written to its end was not needed yet."""
        if not self._path.exists():
            return set()
        whole = self._path.read_text().rpartition("\n")[0]
        try:
            return {_key(json.loads(line)) for line in whole.splitlines() if line}
        except ValueError:
            raise UsageError(
                f"{self._path} is damaged",
                hint="push again without --resume: what was loaded is replaced by itself",
            ) from None

    def clear(self) -> None:
        """Forget all keys."""
        with suppress(FileNotFoundError):
            self._path.unlink()


def _key(value: Any) -> Hashable:
    return tuple(value) if isinstance(value, list) else value
