"""Keys in doubt: what late requests may still overwrite belongs to a table, and outlives the run.

Each run has a file in the directory of its table. Its first line says until
when the process was alive, and is written over; the others are the doubts, of which
the last one of a key counts. A run takes over the files of runs that have
ended. Times are moments of this start of the machine; those of another one
count as if they were now.
"""

import fcntl
import json
import os
from collections.abc import Hashable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, Self

from rjcli.errors import DiskError, UsageError
from rjcli.model import Doubt, Record
from rjcli.private_file import Directory
from rjcli.run.lock import is_held
from rjcli.run.moment import boot, is_this_boot

_VERSION = 1
_HEADER_BYTES = 256
_ALIVE_SECONDS = 5.0  # between two notes that the process is alive
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL
_SUFFIX = ".ndjson"


class _Contents(NamedTuple):
    """What a file says. ``unknown_until``: until then, requests for any keys may be under way."""

    opened: float
    doubts: dict[Hashable, Doubt]
    unknown_until: float


class InDoubt(Protocol):
    """What a table has in doubt, wherever that is kept.

    ``doubts``: what earlier runs of the table left in doubt. ``unknown_until``:
    until then, requests for any keys of the table may be under way, from runs
    that were killed; ``own_unknown_until``: from the run that is resumed.
    """

    doubts: dict[Hashable, Doubt]
    unknown_until: float
    own_unknown_until: float

    def save(self, changes: Mapping[Hashable, Doubt | None]) -> None:
        """Keep doubts that changed; None for those that are over."""

    def keep_alive(self, now: float) -> None:
        """Note that requests may be made until now."""

    def end(self, now: float) -> None:
        """Note that no request was left without being accounted for."""


class CollectedDoubts:
    """What a push has in doubt at its end, for its caller to keep.

    ``doubts``: what earlier runs of the table left in doubt. ``changes``: since then.
    """

    def __init__(self, doubts: Mapping[Hashable, Doubt] = MappingProxyType({})) -> None:
        self.doubts = dict(doubts)
        self.unknown_until = self.own_unknown_until = 0.0
        self.changes: dict[Hashable, Doubt | None] = {}

    def save(self, changes: Mapping[Hashable, Doubt | None]) -> None:
        """Collect doubts that changed; None for those that are over."""
        self.changes.update(changes)

    def keep_alive(self, now: float) -> None:
        """Nothing outlives the push."""

    def end(self, now: float) -> None:
        """Nothing outlives the push."""


class KeysInDoubt:
    """The file of one run.

    Making it raises OSError; its methods raise DiskError where the disk fails.

    ``doubts``: what earlier runs of the table left in doubt. ``unknown_until``:
    until then, requests for any keys of the table may be under way, from runs
    that were killed; ``own_unknown_until``: from the run that is resumed, which
    may have left requests ``in_flight``.
    """

    def __init__(
        self, directory: Path, run: str, settle: float, now: float, *, in_flight: bool
    ) -> None:
        self._name = f"{run}{_SUFFIX}"
        self._settle = settle
        self._opened = now
        self.doubts: dict[Hashable, Doubt] = {}
        self.unknown_until = self.own_unknown_until = 0.0
        self._directory = Directory(directory, make=True)
        try:
            with self._directory.locked():
                earlier = self._ended()
                self._take_over(earlier)
                if in_flight and self._name not in earlier:
                    self.own_unknown_until = now + settle
                self._create()
                for name in earlier:
                    if name != self._name:
                        self._directory.remove(name)
        except BaseException:
            self._directory.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)
        self._directory.close()

    def save(self, changes: Mapping[Hashable, Doubt | None]) -> None:
        """Write down changes of doubts; they are on the disk when it returns."""
        lines = b"".join(encode_doubt(key, doubt) for key, doubt in changes.items())
        if not lines:
            return
        size = os.lseek(self._fd, 0, os.SEEK_END)
        try:
            _write(self._fd, lines)
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, size)  # no part of a line may stay before the next one
            raise self._failure(error) from None

    def keep_alive(self, now: float) -> None:
        """Note every few seconds that requests may be made until now."""
        if now - self._alive >= _ALIVE_SECONDS:
            self._write_header(now, is_ended=False)

    def end(self, now: float) -> None:
        """Note that no request was left without being accounted for; a file of no use goes."""
        contents = self._read(self._name, now)
        is_of_use = any(doubt.until > now or doubt.newest for doubt in contents.doubts.values())
        if is_of_use or self._kept_until() > now:
            self._write_header(now, is_ended=True)
        else:
            self._directory.remove(self._name)

    def _ended(self) -> list[str]:
        """The names of the files whose processes have ended."""
        names = [name for name in self._directory.names() if name.endswith(_SUFFIX)]
        return [name for name in names if not is_held(self._directory.path / name)]

    def _read(self, name: str, now: float) -> _Contents:
        content = self._directory.read(name, "the file of keys in doubt") or b""
        return _decode_file(content, self._directory.path / name, self._settle, now)

    def _take_over(self, names: list[str]) -> None:
        found = [(name, self._read(name, self._opened)) for name in names]
        for name, contents in sorted(found, key=lambda each: (each[1].opened, each[0])):
            for key, doubt in contents.doubts.items():
                if doubt.until > self._opened or doubt.newest:
                    self.doubts[key] = _merge(self.doubts.get(key), doubt)
            if contents.unknown_until > self._opened:
                until = "own_unknown_until" if name == self._name else "unknown_until"
                setattr(self, until, max(getattr(self, until), contents.unknown_until))

    def _create(self) -> None:
        """Write the file anew beside an old one, and put it in its place."""
        temporary = f"{self._name}.new"
        self._directory.remove(temporary)
        self._fd = self._directory.open(temporary, "the file of keys in doubt", _CREATE)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)  # for as long as the process lives
            self._write_header(self._opened, is_ended=False)
            self.save(self.doubts)
            self._directory.rename(temporary, self._name)
        except BaseException:
            os.close(self._fd)
            self._directory.remove(temporary)
            raise

    def _kept_until(self) -> float:
        return max(self.unknown_until, self.own_unknown_until)

    def _write_header(self, now: float, *, is_ended: bool) -> None:
        self._alive = now
        header = {
            "version": _VERSION,
            "boot": boot(),
            "opened": self._opened,
            "alive": now,
            "ended": is_ended,
            "unknown_until": self._kept_until(),
        }
        line = json.dumps(header).encode().ljust(_HEADER_BYTES - 1) + b"\n"
        try:
            os.pwrite(self._fd, line, 0)
        except OSError as error:
            raise self._failure(error) from None

    def _failure(self, error: OSError) -> DiskError:
        path = self._directory.path / self._name
        return DiskError(
            f"cannot write {path}: {error.strerror}", hint="make room there and resume"
        )


def _merge(older: Doubt | None, newer: Doubt) -> Doubt:
    if older is None:
        return newer
    version = older.version if older.version == newer.version else None
    newest = {**older.newest, **newer.newest}
    return Doubt(max(older.until, newer.until), version, newest)


def _decode_file(content: bytes, path: Path, settle: float, now: float) -> _Contents:
    """Decode a file. A last line that was not written to its end was not needed yet."""
    if not content:  # made by a process that was killed before it wrote anything
        return _Contents(0.0, {}, 0.0)
    try:
        header = json.loads(content[:_HEADER_BYTES])
        lines = content[_HEADER_BYTES:].rpartition(b"\n")[0].splitlines()
        is_same_boot = is_this_boot(header["boot"])
        latest = now + settle  # for all moments that say nothing here
        doubts: dict[Hashable, Doubt] = {}
        for line in lines:
            key, doubt = decode_doubt(json.loads(line))
            doubts.pop(key, None)
            if doubt:
                doubt.until = doubt.until if is_same_boot else latest
                doubts[key] = doubt
        unknown_until = float(header["unknown_until"])
        if not header["ended"]:
            unknown_until = max(unknown_until, header["alive"] + _ALIVE_SECONDS + settle)
        if unknown_until and not is_same_boot:
            unknown_until = latest
        opened = float(header["opened"]) if is_same_boot else 0.0
        return _Contents(opened, doubts, unknown_until)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UsageError(
            f"{path} is damaged: it has the keys that a late request may overwrite",
            hint=f"remove it once no request of an earlier push can be under way any more:"
            f" rm {path}",
        ) from None


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


def encode_doubt(key: Hashable, doubt: Doubt | None) -> bytes:
    """Write a doubt, None for one that is over, as a line of JSON."""
    document: dict[str, Any] = {"key": key, "until": None}
    if doubt:
        newest = [
            [exact, record.opening.decode(), record.json.decode()]
            for exact, record in doubt.newest.items()
        ]
        version = doubt.version.hex() if doubt.version else None
        document |= {"until": doubt.until, "version": version, "newest": newest}
    return json.dumps(document).encode() + b"\n"


def decode_doubt(document: Any) -> tuple[Hashable, Doubt | None]:
    """Read what ``encode_doubt`` writes, once it is parsed."""
    key = _key(document["key"])
    if document["until"] is None:
        return key, None
    version = bytes.fromhex(document["version"]) if document["version"] else None
    newest = {
        _key(exact): Record(text.encode(), opening.encode(), key, text.encode(), "", 0, 0)
        for exact, opening, text in document["newest"]
    }
    return key, Doubt(float(document["until"]), version, newest)


def _key(value: Any) -> Hashable:
    return tuple(map(_key, value)) if isinstance(value, list) else value
