"""The values that pass between the stages of a push.

Structs, and not dataclasses: they take a third of the time to make, and a tenth to define.
"""

from collections.abc import Hashable, Mapping, Sequence
from enum import Enum, StrEnum
from itertools import repeat
from operator import contains
from typing import Any, Self

from msgspec import Struct, field

from rjcli.columns import Columns


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
    key: Hashable  # coarse: equal for all keys that the API might take for the same
    raw: bytes
    file: str
    line: int
    number: int


class RawRecords(Columns[RawRecord]):
    """Consecutive raw records, as columns."""

    row = RawRecord
    _values: Mapping[str, Sequence[Any]] | None = None  # by the names of the fields

    @classmethod
    def alike(cls, values: Mapping[str, Sequence[Any]], **known: list[Any]) -> Self:
        """Records that all have the same fields, each of which has a column of values."""
        records = cls.later(lambda: {"fields": zip_fields(values)}, **known)
        records._values = values  # noqa: SLF001 - of its own kind
        return records

    def has(self, name: str) -> bool:
        """Whether any of the records has a field."""
        if self._values is not None:
            return name in self._values
        return any(map(contains, self.column("fields"), repeat(name)))

    def values(self, name: str) -> Sequence[Any]:
        """The values of a field, None where a record does not have it."""
        if self._values is not None:
            return self._values.get(name) or [None] * len(self)
        return [fields.get(name) for fields in self.column("fields")]


def zip_fields(values: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The fields of records that all have the same, from a column of values for each."""
    return [*map(dict, map(zip, repeat([*values]), zip(*values.values(), strict=True)))]


class Records(Columns[Record]):
    """Consecutive records, as columns."""

    row = Record


Block = Sequence["RawRecord | Rejection"]
"""What stands one after the other in an input; an empty one lets others go on."""


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


class Batch(Struct, frozen=True, eq=False):
    """The records of one request, and its body. Each is different from all others."""

    records: Records
    body: bytes

    @property
    def keys(self) -> Sequence[Hashable]:
        """The coarse keys of its records, some of them twice perhaps."""
        return self.records.column("key")


class Outcome(Enum):
    """What became of records that were read; rejected ones are told as Rejections."""

    ACCEPTED = "accepted"
    UNKNOWN = "unknown"  # sent, and may or may not have been applied
    UNSENT = "unsent"


class Settlement(Struct, frozen=True):
    """The fate of the records of one request."""

    outcome: Outcome
    records: Sequence[Record]


class Counts(Struct, frozen=True):
    """How many records met which fate so far."""

    read: int = 0
    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    unsent: int = 0


class Status(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    REJECTS = "rejects"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


class RunDescription(Struct, frozen=True):
    """What a run is about: where the records go, and where they come from."""

    run: str
    environment: str
    base_url: str
    host: str
    client_id: int | None  # a dry run needs none
    table: str
    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    dry_run: bool


class Noted(Struct, frozen=True):
    """Event: something that people should know."""

    text: str


class Started(Struct, frozen=True):
    """Event: the run begins; nothing has been sent yet."""

    job: RunDescription


class Progressed(Struct, frozen=True):
    """Event: something was read or settled. ``bytes_total`` is None for an endless input.

    ``settled_before``: records, by the run that is resumed.
    """

    counts: Counts
    bytes_read: int
    bytes_total: int | None
    in_flight: int
    settled_before: int = 0


class Rejected(Struct, frozen=True):
    """Event: a record was rejected."""

    rejection: Rejection


class Summary(Struct, frozen=True):
    """How a run went: the numbers of the final report.

    A dry run's batches, requests and bytes are those that a push would send.
    The counts of records are those of the whole job, all others those of this
    invocation: they differ when a run is resumed. ``column_types``: of CSVs, by
    name. ``first_body``: of a dry run's first request.
    """

    job: RunDescription
    status: Status
    exit_code: int
    counts: Counts
    batches_accepted: int = 0
    batches_retried: int = 0
    batches_split: int = 0
    requests: int = 0
    bytes_read: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    concurrency: int = 0  # how many requests were found to be good in flight
    message: str | None = None
    hint: str | None = None
    column_types: Mapping[str, str] = field(default_factory=dict)
    first_body: bytes | None = None
    artifacts: "RunArtifacts | None" = None  # a dry run leaves none
    settled_before: int = 0  # records, by the run that is resumed


class RunArtifacts(Struct, frozen=True):
    """What a run leaves behind. Paths; ``resume``: the command that goes on, if one can."""

    directory: str
    rejects: tuple[str, ...] = ()
    errors: str | None = None
    resume: str | None = None


class Finished(Struct, frozen=True):
    """Event: the run is over."""

    summary: Summary


Event = Noted | Started | Progressed | Rejected | Finished
