"""The streams of a tap, and the tables that they go to."""

import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rjcli.api.upsert import KEYS_FIELD
from rjcli.errors import InputError, show_name
from rjcli.settings.choices import Keyless
from rjcli.settings.singer import SingerSettings
from rjcli.singer.additions import HASH_KEY
from rjcli.singer.messages import BatchRead
from rjcli.singer.stream import Stream

_NOT_IN_TABLES = re.compile(r"[^A-Za-z0-9_]")


class Catalog:
    """Streams by their names. Each has a table of its own."""

    def __init__(self, settings: SingerSettings) -> None:
        self._settings = settings
        self._by_name: dict[str, Stream] = {}
        self._by_table: dict[str, str] = {}  # names of streams, by those of tables in lower case

    @property
    def streams(self) -> Iterable[Stream]:
        """All streams, in the order in which they were declared."""
        return self._by_name.values()

    def find(self, name: str) -> Stream | None:
        """Find a stream that was declared."""
        return self._by_name.get(name)

    def check(self, schema: Mapping[str, Any], where: str) -> tuple[Stream, tuple[str, ...]]:
        """Check a SCHEMA message; return its stream, and keys. Raises InputError with a hint."""
        name = schema.get("stream")
        if not isinstance(name, str) or not name:
            raise InputError(f"{where} is a SCHEMA without a stream")
        what = f"the SCHEMA of {show_name(name)} ({where})"
        body = schema.get("schema")
        properties = body.get("properties") if isinstance(body, dict) else None
        if not isinstance(properties, dict):
            raise InputError(f"{what} has no properties")
        keys = self._keys_of(schema, what)
        if KEYS_FIELD in properties or KEYS_FIELD in keys:
            raise InputError(
                f"{what} has a property {KEYS_FIELD!r}, where the API expects the key's names",
                hint="rename it before it gets here, as with a stream map of the tap",
            )
        if not keys and HASH_KEY in properties:
            raise InputError(
                f"{what} has a property {HASH_KEY!r}, which is where the hash would be",
                hint="name it as a key of the stream, or leave it out",
            )
        stream = self._by_name.get(name)
        if stream is None:
            stream = self._by_name[name] = Stream(name, self._table(name, what), self._settings)
        return stream, keys

    def open_positions(self) -> list[int]:
        """The positions of records that are not sent yet: of each stream the first."""
        waiting = [
            stream.lines.positions[0] if stream.lines.positions else None for stream in self.streams
        ]
        pending = [stream.first_position for stream in self.streams]
        return [position for position in (*waiting, *pending) if position is not None]

    def flush_due(self) -> Iterator[BatchRead]:
        """Yield the part-filled batches that have waited long enough."""
        now = time.monotonic()
        for stream in self.streams:
            yield from stream.flush_if_due(now)

    def seconds_to_wait(self) -> float | None:
        """How long the part-filled batches may wait for more; None: as long as it takes."""
        moments = [stream.flush_at for stream in self.streams if stream.flush_at is not None]
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _keys_of(self, schema: Mapping[str, Any], what: str) -> tuple[str, ...]:
        keys = schema.get("key_properties") or ()
        if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
            raise InputError(f"{what} has key_properties that are no list of names")
        if len({*keys}) < len(keys):
            raise InputError(f"{what} names a key twice")
        if not keys and self._settings.keyless is Keyless.REFUSE:
            raise InputError(
                f"{what} has no key_properties, and the API needs a key to tell records apart",
                hint="name the keys in the tap, or its catalog (table-key-properties); or use a"
                f' hash of each record as its key, {HASH_KEY}: "keyless": "hash"',
            )
        return tuple(keys)

    def _table(self, name: str, what: str) -> str:
        table = self._settings.table_prefix + _NOT_IN_TABLES.sub("_", name)
        # A warehouse may take names that differ in case for one.
        other = self._by_table.setdefault(table.lower(), name)
        if other != name:
            raise InputError(
                f"{what} would share the table {table} with the stream {show_name(other)}",
                hint="give one of them another name, as with a stream map of the tap",
            )
        return table
