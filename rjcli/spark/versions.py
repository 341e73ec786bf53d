"""Versions: passes over the Arrow batches of a partition that find each key's newest one."""

import json
from collections.abc import Hashable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Any, NamedTuple

import pyarrow as pa

from rjcli.model import Records, Rejection, Stage
from rjcli.preparing.preparer import Preparer
from rjcli.preparing.python_values import make_block
from rjcli.settings.shape import ShapeSettings

RECORD, REJECT, COUNT, CONFLICT, IN_DOUBT = "record", "reject", "count", "conflict", "in doubt"
"""The kinds of rows that ``NewestPass`` yields."""

_CONFLICTS = 3  # yielded, before the others are only counted
_ROWS = 1000  # at a time
_BYTES = 8 * 2**20  # at a time


def read_bytes(column: Any) -> list[bytes]:
    """The texts of an Arrow column, as UTF-8."""
    return list(column.cast(pa.large_binary()).to_pylist())


def write_texts(rows: Sequence[Sequence[str | bytes | None]], *names: str) -> Any:
    """An Arrow batch of rows of texts."""
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, [*names])


def key_text(key: Hashable) -> str:
    """The text of a normalized key; equal keys have equal texts."""
    return repr(key + 0.0 if isinstance(key, float) else key)  # -0.0 is 0.0


class KeyPass:
    """Adds ``key``, the text of the normalized key, and ``reason`` to rows with ``json``.

    Rows that cannot be loaded have a reason, as JSON: the stage, and the reasons.
    ``bad`` names a field that holds NaN or an infinity.
    """

    def __init__(self, keys: tuple[str, ...], *, allow_empty_keys: bool) -> None:
        self.keys = keys
        self._allow_empty = allow_empty_keys

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches with two more columns."""
        preparer = Preparer(self.keys, ShapeSettings(), allow_empty_keys=self._allow_empty)
        for batch in batches:
            keys, reasons = _prepare(preparer, read_bytes(batch.column("json")))
            for index, name in enumerate(batch.column("bad").to_pylist()):
                if name is not None:
                    text = f"the field {name!r} holds NaN or an infinity, which JSON cannot hold"
                    keys[index], reasons[index] = None, _reason(Stage.READ, [text])
            columns = [*batch.columns, _spread(keys, batch), pa.array(reasons, pa.string())]
            yield pa.RecordBatch.from_arrays(columns, [*batch.schema.names, "key", "reason"])


def _prepare(
    preparer: Preparer, texts: Sequence[bytes]
) -> tuple[list[str | None], list[str | None]]:
    """The key of each record, or the reason why it has none."""
    keys: list[str | None] = []
    reasons: list[str | None] = []
    for prepared in preparer.prepare(make_block(texts, 1), 1):
        if isinstance(prepared, Records):
            keys += map(key_text, prepared.column("key"))
            reasons += [None] * len(prepared)
        elif isinstance(prepared, Rejection):
            keys.append(None)
            reasons.append(_reason(prepared.stage, prepared.reasons))
    return keys, reasons


def _reason(stage: Stage, reasons: Iterable[str]) -> str:
    return json.dumps([stage, [*reasons]])


def _spread(keys: Sequence[str | None], batch: Any) -> Any:
    """A column of keys; rows without one get a text that spreads them over the partitions."""
    if None in keys:
        texts = read_bytes(batch.column("json"))
        keys = [
            f"!{blake2b(text, digest_size=8).hexdigest()}" if key is None else key
            for key, text in zip(keys, texts, strict=True)
        ]
    return pa.array(keys, pa.string())


class _Version(NamedTuple):
    """A version of an exact key. ``is_ambiguous``: a different one is as new."""

    order: str
    json: str
    is_ambiguous: bool


class NewestPass:
    """Keeps the newest version of each exact key, of rows sorted by normalized key and age.

    Yields rows of ``kind``, ``json`` and ``reason``: records to send; rejects, at most
    ``most_rejects`` and about ``most_reject_bytes`` of them; one count, an object of the rows
    ``read``, ``superseded`` and ``rejected``, and of ``conflicts``; the first exact keys in
    conflict, of which two different versions are the newest; and whether any of the normalized
    keys ``in_doubt`` is there.

    Two attempts at a partition yield the same: so whatever is sent twice is not older.
    """

    def __init__(
        self, in_doubt: AbstractSet[str], most_rejects: int, most_reject_bytes: int
    ) -> None:
        self._in_doubt = in_doubt
        self._most_rejects = most_rejects
        self._most_bytes = most_reject_bytes

    def __call__(self, batches: Iterable[Any]) -> Iterator[Any]:
        """Yield the batches of what is kept."""
        rows: list[tuple[str, str, str | None]] = []
        size = 0
        for row in self._rows(batches):
            rows.append(row)
            size += len(row[1])
            if len(rows) >= _ROWS or size >= _BYTES:
                yield write_texts(rows, "kind", "json", "reason")
                rows, size = [], 0
        if rows:
            yield write_texts(rows, "kind", "json", "reason")

    def _rows(self, batches: Iterable[Any]) -> Iterator[tuple[str, str, str | None]]:
        read = superseded = rejected = conflicts = size = 0
        current: str | None = None
        versions: dict[str, _Version] = {}
        is_in_doubt = False
        for text, exact, order, key, reason in _unzip(batches):
            read += 1
            if reason is not None:
                rejected += 1
                size += len(text)
                if rejected <= self._most_rejects and size <= self._most_bytes:
                    yield REJECT, text, reason
                continue
            if key != current:
                yield from _newest(versions, conflicts)
                conflicts += _count_conflicts(versions)
                versions, current = {}, key
                is_in_doubt = is_in_doubt or key in self._in_doubt
            earlier = versions.pop(exact, None)  # so that the newest one is the last
            if earlier:
                superseded += 1
            is_ambiguous = (
                earlier is not None
                and earlier.order == order
                and (earlier.is_ambiguous or earlier.json != text)
            )
            versions[exact] = _Version(order, text, is_ambiguous)
        yield from _newest(versions, conflicts)
        conflicts += _count_conflicts(versions)
        if is_in_doubt:
            yield IN_DOUBT, "", None
        if read:
            counts = {"read": read, "superseded": superseded, "rejected": rejected}
            yield COUNT, json.dumps({**counts, "conflicts": conflicts}), None


def _unzip(batches: Iterable[Any]) -> Iterator[tuple[str, str, str, str, str | None]]:
    for batch in batches:
        columns = ("json", "exact", "order", "key", "reason")
        yield from zip(*[batch.column(name).to_pylist() for name in columns], strict=True)


def _newest(
    versions: dict[str, _Version], conflicts_before: int
) -> Iterator[tuple[str, str, str | None]]:
    for exact, version in versions.items():
        if version.is_ambiguous and conflicts_before < _CONFLICTS:
            yield CONFLICT, exact, None
        yield RECORD, version.json, None


def _count_conflicts(versions: dict[str, _Version]) -> int:
    return sum(version.is_ambiguous for version in versions.values())
