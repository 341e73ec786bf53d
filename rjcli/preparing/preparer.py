"""Preparing: a raw record gets its ``keys`` and is checked to have the fields they name."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from msgspec.structs import replace

from rjcli.api.upsert import KEYS_FIELD
from rjcli.columns import Repeated
from rjcli.errors import show_name, show_names
from rjcli.model import Block, RawRecord, RawRecords, Record, Records, Rejection, Stage
from rjcli.preparing.key_normalization import combine, normalize_value, normalize_values
from rjcli.preparing.shaper import Shaper, UnshapeableError
from rjcli.settings.shape import ShapeSettings

_BRACE = b"{"
NO_KEYS = f"the record has no {KEYS_FIELD!r} field, and no --keys was given"


class Preparer:
    """Makes records ready to be sent.

    ``keys``: the names of the key fields; empty if every record brings its own.
    ``keyless``: how many records had no keys at all; ``missing``: how many lacked
    a key field, by its name; ``field_names``: those of the last record that did.
    """

    def __init__(
        self, keys: tuple[str, ...], shape: ShapeSettings, *, allow_empty_keys: bool = False
    ) -> None:
        self._keys = keys
        self._shaper = Shaper(shape) if shape else None
        self._allow_empty = allow_empty_keys
        self._opening = _BRACE + orjson.dumps(KEYS_FIELD) + b":" + orjson.dumps(keys) + b","
        self.keyless = 0
        self.missing: Counter[str] = Counter()
        self.field_names: tuple[str, ...] = ()

    @property
    def unused_names(self) -> list[str]:
        """Names of fields to select or to rename that no record has had."""
        return self._shaper.unused_names if self._shaper else []

    def prepare(self, block: Block, first_position: int) -> Iterator[Records | Rejection]:
        """Yield all of a block in order: records with their keys, and rejections with reasons.

        ``first_position``: of the block's first record in all inputs, from 1.
        """
        if isinstance(block, RawRecords) and (together := self._prepare_all(block, first_position)):
            yield together
            return
        yield from gather(
            self._prepare(item, position)
            if isinstance(item, RawRecord)
            else replace(item, position=position)
            for position, item in enumerate(block, first_position)
        )

    def _prepare_all(self, block: RawRecords, first_position: int) -> Records | None:
        """Prepare records together, which is far quicker, if nothing is special about any."""
        if self._shaper or not self._keys or block.has(KEYS_FIELD):
            return None
        keys = self._normalized_keys(self._keys, block.values)
        if None in keys:
            return None
        openings = Repeated(self._opening, len(block))
        rest = map(block.column, ("raw", "file", "line", "number"))
        positions = range(first_position, first_position + len(block))
        return Records(block.column("json"), openings, keys, *rest, positions)

    def _prepare(self, raw: RawRecord, position: int) -> Record | Rejection:
        if self._shaper:
            try:
                raw = self._shaper.shape(raw)
            except UnshapeableError as error:
                return reject(raw, position, str(error))
        opening, keys, fields = self._opening, self._keys, raw.fields
        if KEYS_FIELD in fields:
            keys, reason = self._own_keys(fields[KEYS_FIELD])
            if reason:
                return reject(raw, position, reason)
            opening = _BRACE
        elif not keys:
            self.keyless += 1
            return reject(raw, position, NO_KEYS)
        [key] = self._normalized_keys(keys, lambda name: [fields.get(name)])
        if key is None:
            return reject(raw, position, *self._faults(keys, fields))
        return Record(raw.json, opening, key, raw.raw, raw.file, raw.line, raw.number, position)

    def _normalized_keys(
        self, names: Sequence[str], values: Callable[[str], Sequence[Any]]
    ) -> list[Hashable | None]:
        """The normalized key of each of some records, its parts in the order of their names.

        ``values``: of a field, by its name. A key is None where a part of it is
        missing, is empty or is no single value.
        """
        columns = [values(name) for name in sorted(names)]
        parts = [normalize_values(column, allow_empty=self._allow_empty) for column in columns]
        return parts[0] if len(parts) == 1 else combine(parts)

    def _faults(self, keys: Iterable[str], fields: Mapping[str, Any]) -> tuple[str, ...]:
        """What is wrong with a key, of which each part must be there and a single value."""
        faults = []
        for name in keys:
            value = fields.get(name)
            if name not in fields:
                self.missing[name] += 1
                self.field_names = tuple(fields)
                faults.append(f"the key field {show_name(name)} is missing")
            elif value is None:
                faults.append(f"the key field {show_name(name)} is null")
            elif value == "" and not self._allow_empty:
                faults.append(f"the key field {show_name(name)} is empty (see --allow-empty-keys)")
            elif normalize_value(value) is None:
                faults.append(f"the key field {show_name(name)} holds more than a single value")
        return tuple(faults)

    def _own_keys(self, own: Any) -> tuple[tuple[str, ...], str | None]:
        """The keys that a record brings, and what is wrong with them."""
        if not isinstance(own, list) or not own or not all(isinstance(name, str) for name in own):
            return (), f"its {KEYS_FIELD!r} field is not an array of field names"
        if len(set(own)) < len(own):
            return (), f"its {KEYS_FIELD!r} field names a field twice"
        if self._keys and set(own) != set(self._keys):
            return (), (
                f"its own {KEYS_FIELD!r} field says {show_names(own)},"
                f" and --keys says {show_names(self._keys)}"
            )
        return tuple(own), None


def gather(items: Iterable[Record | Rejection]) -> Iterator[Records | Rejection]:
    """Put consecutive records together; rejections stay where they are."""
    records: list[Record] = []
    for item in items:
        if isinstance(item, Record):
            records.append(item)
            continue
        if records:
            yield Records.of(records)
            records = []
        yield item
    if records:
        yield Records.of(records)


def reject(raw: RawRecord, position: int, *reasons: str) -> Rejection:
    """Reject a record that was read. ``position``: in all inputs, 0 if that is not known."""
    return Rejection(
        Stage.PREPARE, raw.file, raw.line, raw.number, raw.raw, reasons, position=position
    )
