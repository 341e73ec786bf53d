"""The values that pass between the stages of a push: records, rejections, batches.

Structs, and not dataclasses: they take a third of the time to make, and a tenth to define.
"""

from collections.abc import Hashable, Mapping, Sequence
from enum import Enum, StrEnum
from itertools import repeat
from operator import contains
from typing import Any, NamedTuple, Self

from msgspec import Struct

from rjcli.columns import Columns
from rjcli.json_text import parse_value


class RawRecord(Struct, frozen=True):
    """A record as a reader found it."""

    raw: bytes  # as it stands in the input, without its line ending
    json: bytes  # the exact text of one JSON object
    fields: Mapping[str, Any]  # json, parsed: to look at, never to send
    file: str
    line: int  # 1-based line in the file on which it begins
    number: int  # 1-based number in the file


class Record(Struct, frozen=True):
    """A record that is ready to be sent."""

    json: bytes  # the exact text of one JSON object
    opening: bytes  # is sent in the place of its brace: that brace, and the keys it does not bring
    key: Hashable  # normalized: equal for all keys that the API might take for the same
    raw: bytes
    file: str
    line: int
    number: int
    position: int = 0  # 1-based number in all inputs; 0: of an earlier run


class RawRecords(Columns[RawRecord]):
    """Consecutive raw records, as columns."""

    row = RawRecord
    _names: Sequence[str] | None = None  # of the fields that all of them have, and no other
    _values: Mapping[str, Sequence[Any]] = {}  # of fields, as far as they are known

    @classmethod
    def alike(cls, values: Mapping[str, Sequence[Any]], **known: Sequence[Any]) -> Self:
        """Records that all have the same fields, each of which has a column of values."""
        records = cls.later(lambda: {"fields": zip_fields(values)}, **known)
        records._names, records._values = [*values], values  # noqa: SLF001 - of its own kind
        return records

    @classmethod
    def uniform(
        cls, names: Sequence[str], values: Mapping[str, Sequence[Any]], **known: Sequence[Any]
    ) -> Self:
        """Records that all have fields of these names, of which some have a column of values."""
        records = cls.later(lambda: {"fields": [*map(parse_value, known["json"])]}, **known)
        records._names, records._values = names, values  # noqa: SLF001 - of its own kind
        return records

    def has(self, name: str) -> bool:
        """Whether any of the records has a field."""
        if self._names is not None:
            return name in self._names
        return any(map(contains, self.column("fields"), repeat(name)))

    def values(self, name: str) -> Sequence[Any]:
        """The values of a field, None where a record does not have it."""
        if name in self._values:
            return self._values[name]
        if self._names is not None and name not in self._names:
            return [None] * len(self)
        return [fields.get(name) for fields in self.column("fields")]


def zip_fields(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The fields of records that all have the same, from a column of values for each."""
    return [*map(dict, map(zip, repeat([*values]), zip(*values.values(), strict=True)))]


class Records(Columns[Record]):
    """Consecutive records, as columns."""

    row = Record


Block = Sequence["RawRecord | Rejection"]
"""Consecutive records of an input; an empty one lets others go on."""


class InputForm(NamedTuple):
    """How the records of an input are written down again, should they be rejected.

    ``header``: the bytes before the first record, its line end included.
    ``flatten``: JSON that may go over several lines.
    """

    suffix: str = "ndjson"
    header: bytes = b""
    line_end: bytes = b"\n"
    flatten: bool = False


class Stage(StrEnum):
    """Where a record was rejected."""

    READ = "read"
    PREPARE = "prepare"
    API = "api"


class Rejection(Struct, frozen=True):
    """A record that cannot be loaded as it is, and why."""

    stage: Stage
    file: str
    line: int
    number: int
    raw: bytes
    reasons: tuple[str, ...]
    status: int | None = None  # of the API's answer
    position: int = 0  # 1-based number in all inputs, where it is known

    def facts(self) -> dict[str, Any]:
        """What is known of it, for JSON: all but the record itself."""
        return {
            "file": self.file,
            "line": self.line,
            "record": self.number,
            "stage": self.stage,
            "status": self.status,
            "reasons": self.reasons,
        }


class Batch(Struct, frozen=True, eq=False):
    """The records of one request, and its body. Each is different from all others."""

    records: Records
    body: bytes

    @property
    def keys(self) -> Sequence[Hashable]:
        """The normalized keys of its records; one may be there twice."""
        return self.records.column("key")


class Doubt(Struct):
    """A normalized key that a late request may overwrite.

    ``until``: when that can no longer happen, on the clock of the delivery.
    ``version``: a digest of the record in the request; None if there are several.
    ``newest``: by exact key, the records to send again, the oldest first.
    ``is_repeating``: these are on their way, and stay until they are acknowledged.
    """

    until: float
    version: bytes | None
    newest: dict[Hashable, Record]
    is_repeating: bool = False


class RecordOutcome(Enum):
    """What became of records that were read; rejected ones are Rejections."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"  # sent, and may or may not have been applied
    UNSENT = "unsent"


class Settlement(Struct, frozen=True):
    """The outcome of the records of one request."""

    outcome: RecordOutcome
    records: Sequence[Record]


class Noted(Struct, frozen=True):
    """Something that people should know."""

    text: str
