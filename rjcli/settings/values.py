"""What a command is to do, as frozen values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from rjcli.api.base_url import Endpoint
from rjcli.api.protocol import MAX_BATCH_RECORDS
from rjcli.errors import UsageError

STDIN = "-"

_RECORDS_TO_JUDGE_BY = 100
DEFAULT_ENCODING = "utf-8"


class Format(StrEnum):
    """What an input is written in."""

    AUTO = "auto"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    TSV = "tsv"


class Compression(StrEnum):
    """How an input is compressed."""

    AUTO = "auto"
    NONE = "none"
    GZIP = "gzip"
    BZ2 = "bz2"
    XZ = "xz"
    ZSTD = "zstd"


class ColumnType(StrEnum):
    """What the cells of a CSV's column become."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """How a CSV or TSV is read.

    ``types``: of the columns that are pinned. ``columns``: which the header must have.
    """

    encoding: str = DEFAULT_ENCODING
    delimiter: str | None = None  # None: found from the header
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    detect_types: bool = True
    null_string: str | None = None
    empty_null: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """An environment by name, and its address. The local one has none until it is started."""

    environment: str
    endpoint: Endpoint | None

    @property
    def is_local(self) -> bool:
        """Whether the push brings its own Import API."""
        return self.endpoint is None


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Which Import API to talk to, and where its credentials are. ``timeout`` in seconds."""

    target: Target
    client_id: str | None = None
    api_key_file: str | None = None
    profile: str | None = None
    ca_file: str | None = None
    timeout: float = 30.0
    database: str = "rjcli-local.db"  # of the local environment


@dataclass(frozen=True, slots=True)
class InputSettings:
    """Which inputs to read, and how."""

    files: tuple[str, ...]
    format: Format = Format.AUTO
    compression: Compression = Compression.AUTO
    csv: CsvSettings = CsvSettings()
    max_record_bytes: int = 16 * 2**20
    skip: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class ShapeSettings:
    """Which fields records keep, under which names, and which constant ones they get.

    ``constants``: the exact JSON text of each. ``select`` None: all fields.
    """

    select: tuple[str, ...] | None = None
    rename: Mapping[str, str] = field(default_factory=dict)
    constants: Mapping[str, bytes] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.select or self.rename or self.constants)

    def columns(self, keys: Sequence[str]) -> tuple[str, ...]:
        """The fields that an input must have for these keys and this shape.

        Raises UsageError if the shape leaves a key field out.
        """
        old_names = {new: old for old, new in self.rename.items()}
        sources = [old_names.get(name, name) for name in keys if name not in self.constants]
        for name in sources:
            if self.select and name not in self.select:
                raise UsageError(
                    f"--select leaves out {name!r}, which the key needs",
                    hint=f"select it too, as in --select {','.join([name, *self.select])}",
                )
        return tuple(dict.fromkeys([*sources, *(self.select or ()), *self.rename]))


@dataclass(frozen=True, slots=True)
class MaxRejects:
    """How many records may be rejected: so many, or so many in a hundred of those read."""

    number: float
    is_percentage: bool

    def are_passed(self, rejected: int, read: int) -> bool:
        """Whether that is too many. A percentage is judged from 100 records on."""
        if self.is_percentage:
            return read >= _RECORDS_TO_JUDGE_BY and rejected * 100 > self.number * read
        return rejected > self.number


@dataclass(frozen=True, slots=True)
class DeliverySettings:
    """How batches are cut and sent. Times in seconds, rates in requests a second."""

    batch_size: int = MAX_BATCH_RECORDS
    max_batch_bytes: int = 4 * 2**20
    flush_after: float = 5.0  # a part-filled batch waits so long for a slow input
    jobs: int = 8  # requests in flight at most
    rate_limit: float | None = None
    retry_for: float = 900.0
    settle: float = (
        120.0  # until a request without answer cannot be applied any more; 0: never wait
    )


@dataclass(frozen=True, slots=True)
class RunSettings:
    """Where a push leaves its account, and whether it goes on with an earlier one.

    ``directory`` None: one of its own in the user's state directory.
    ``command``: the arguments it was started with, to be started again with.
    """

    directory: str | None = None
    resume: bool = False
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PushSettings:
    """What to load, and how."""

    table: str
    keys: tuple[str, ...]  # empty: every record brings its own
    input: InputSettings
    shape: ShapeSettings = ShapeSettings()
    delivery: DeliverySettings = DeliverySettings()
    allow_empty_keys: bool = False
    min_records: int = 0
    strict: bool = False
    max_rejects: MaxRejects | None = None
    dry_run: bool = False
    run: RunSettings = RunSettings()


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """A local Import API: where it listens and keeps its data, whom it knows, what goes wrong.

    Times in seconds; rates are shares of all upserts, from 0 to 1.
    """

    port: int
    database: str
    client_id: str | None = None
    api_key_file: str | None = None
    latency: float = 0.0
    fail: float = 0.0
    fail_status: int = 503
    drop: float = 0.0
    drop_after_apply: float = 0.0
    retry_after: int | None = None
    seed: int | None = None
    host: str = "127.0.0.1"
    allow_remote: bool = False


class KeyStore(StrEnum):
    """Where ``login`` puts an API key; ``auto``: the system keyring, else a file."""

    AUTO = "auto"
    KEYRING = "keyring"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """The profile to store, and where its key goes. ``timeout`` of the check in seconds."""

    profile: str
    target: Target
    client_id: int | None = None  # None: to be asked for
    table: str | None = None
    keys: tuple[str, ...] = ()
    store: KeyStore = KeyStore.AUTO
    check: bool = True
    ca_file: str | None = None
    timeout: float = 30.0


class ProgressMode(StrEnum):
    """How a push shows how far it is."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class OutputSettings:
    """What is shown, and how."""

    progress: ProgressMode = ProgressMode.AUTO
    json: bool = False
    quiet: bool = False
    verbose: bool = False
