"""Events of a run: what its report shows while it goes on, and its summary at the end."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from rjcli.model import Noted, Rejection


class Counts(Struct, frozen=True):
    """How many records had which outcome so far."""

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

    name: str
    environment: str
    base_url: str
    host: str
    client_id: int | None  # a dry run needs none
    table: str
    keys: tuple[str, ...]
    inputs: tuple[str, ...]
    dry_run: bool


class Started(Struct, frozen=True):
    """Event: the run begins; nothing has been sent yet."""

    run: RunDescription


class Activity(StrEnum):
    """What a push is doing."""

    FINDING_TYPES = "finding column types"
    PASSING_LOADED = "reading what was loaded before"
    SENDING = "sending"
    WAITING_FOR_STDIN = "waiting for stdin"
    WAITING_FOR_INPUT = "waiting for input"
    WAITING_FOR_KILLED_PUSH = "waiting for a killed push's requests"
    WAITING_FOR_LATE_WRITES = "waiting for late writes"
    STOPPING = "stopping"
    INTERRUPTED = "stopping on Ctrl-C"


class Outage(Struct, frozen=True):
    """The API cannot be reached, or does not answer as it should. Seconds from now.

    ``status``: of its last answer, None if none came; ``reason``: the same in words.
    ``attempt``: the number of the next request, or of the one that is under way
    (``retry_in`` None).
    """

    status: int | None
    reason: str
    attempt: int
    retry_in: float | None
    give_up_in: float


class Progressed(Struct, frozen=True):
    """Event: where the push is. ``bytes_total`` is None for an endless input.

    ``bytes_read``: of the pass that finds column types, while that goes on.
    ``settled_before``: records, by the run that is resumed. ``activity_ends_in``:
    seconds, where a wait has an end.
    """

    counts: Counts
    bytes_read: int
    bytes_total: int | None
    in_flight: int
    settled_before: int = 0
    activity: Activity = Activity.SENDING
    activity_ends_in: float | None = None
    outage: Outage | None = None


class Retried(Struct, frozen=True):
    """Event: a request failed, and is made again.

    ``attempt``: the number of the one that failed; ``seconds``: until the next one.
    """

    reason: str
    attempt: int
    records: int
    seconds: float


class Split(Struct, frozen=True):
    """Event: a request was refused, and its records are sent in two halves."""

    reason: str
    records: int


class LimitChanged(Struct, frozen=True):
    """Event: how many requests may be in flight has changed, with how quickly the API answers."""

    in_flight: int


class Rejected(Struct, frozen=True):
    """Event: a record was rejected."""

    rejection: Rejection


class Summary(Struct, frozen=True):
    """How a run went: the numbers of the final report.

    A dry run's batches, requests and bytes are those that a push would send.
    The counts of records are those of the whole run, all others those of this
    invocation: they differ when a run is resumed. ``column_types``: of CSVs, by
    name. ``first_body``: of a dry run's first request.
    """

    run: RunDescription
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
    error: str | None = None  # a stable word for what went wrong
    column_types: Mapping[str, str] = field(default_factory=dict)
    first_body: bytes | None = None
    artifacts: "RunArtifacts | None" = None
    settled_before: int = 0  # records, by the run that is resumed


class LoadDescription(Struct, frozen=True):
    """What a load of several tables is about. ``bytes_total``: of all their files."""

    name: str
    file: str
    environment: str
    base_url: str
    host: str
    client_id: int | None  # a dry run needs none
    tables: tuple[str, ...]
    skipped: tuple[str, ...]  # tables without files, which may be missing
    dry_run: bool
    bytes_total: int


class LoadSummary(Struct, frozen=True):
    """How a load of several tables went.

    ``tables``: how the push of each went, by name; ``finished_before``: the summary documents
    of those that had nothing left to do. ``directory``: of the load's run; ``resume``: the
    command that continues the load, if that can help.
    """

    load: LoadDescription
    status: Status
    exit_code: int
    tables: Mapping[str, Summary]
    finished_before: Mapping[str, Mapping[str, Any]]
    seconds: float
    message: str | None = None
    hint: str | None = None
    error: str | None = None
    directory: str | None = None
    resume: str | None = None


class RunArtifacts(Struct, frozen=True):
    """What a run leaves on disk: paths, and commands.

    ``resume``: continues the run, if that can help; ``retry``: pushes its fixed rejects.
    """

    directory: str
    rejects: tuple[str, ...] = ()
    errors: str | None = None
    resume: str | None = None
    retry: str | None = None


class Finished(Struct, frozen=True):
    """Event: the run is over."""

    summary: Summary


Detail = Retried | Split | LimitChanged
"""What only who looks closely wants to see."""

Event = Noted | Started | Progressed | Rejected | Detail | Finished
