"""Options and environment, checked and made into one frozen value. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from rjcli.api import BASE_URLS, KEYS_FIELD, MAX_BATCH_RECORDS, Endpoint, Environment, is_table_name
from rjcli.errors import UsageError

STDIN = "-"


class Format(StrEnum):
    """What an input is written in."""

    AUTO = "auto"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"
    TSV = "tsv"


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
    timeout: float = 30.0
    database: str = "rjcli-local.db"  # of the local environment


@dataclass(frozen=True, slots=True)
class InputSettings:
    """Which inputs to read, and how."""

    files: tuple[str, ...]
    format: Format = Format.AUTO
    delimiter: str | None = None


@dataclass(frozen=True, slots=True)
class PushSettings:
    """What to load, and how."""

    table: str
    keys: tuple[str, ...]  # empty: every record brings its own
    input: InputSettings
    batch_size: int = MAX_BATCH_RECORDS


def parse_target(environment: Environment | None, base_url: str | None) -> Target:
    """Find the address to talk to. A base URL on its own is an environment named "custom"."""
    if base_url is None:
        environment = environment or Environment.PRODUCTION
        address = BASE_URLS.get(environment)
        return Target(environment, Endpoint.parse(address) if address else None)
    if environment is Environment.LOCAL:
        raise UsageError(
            "--base-url and --env local exclude each other",
            hint="--env local starts an Import API of its own; leave one of the two out",
        )
    try:
        return Target(environment or "custom", Endpoint.parse(base_url))
    except ValueError as error:
        raise UsageError(f"--base-url is no usable address: {error}") from None


def parse_client_id(text: str) -> int:
    """Read a client id. The error does not echo it: an API key may stand in its place."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):  # noqa: PLR2004 - 64 bits
        raise UsageError("the client id must be a positive whole number")
    return int(text)


def parse_table(name: str | None) -> str:
    """Check a table name; None if neither an option nor a profile gave one."""
    if name is None:
        raise UsageError(
            "no table given", hint="give --table, set RJCLI_TABLE, or store it in a profile"
        )
    if not is_table_name(name):
        raise UsageError(
            f"bad table name: {name!r}",
            hint="table names are letters, digits and underscores",
        )
    return name


def parse_keys(values: Sequence[str]) -> tuple[str, ...]:
    """Read the names of the key fields from ``-k id,sku`` or ``-k id -k sku``."""
    keys = [name.strip() for value in values for name in value.split(",")]
    if "" in keys:
        raise UsageError("--keys has an empty name in it", hint="write --keys id or --keys id,sku")
    if len(set(keys)) < len(keys):
        raise UsageError(f"--keys names a field twice: {', '.join(keys)}")
    if KEYS_FIELD in keys:
        raise UsageError(f"the field {KEYS_FIELD!r} names the key fields and cannot be one")
    return tuple(keys)


def parse_files(files: Sequence[str]) -> tuple[str, ...]:
    """Check a list of inputs: at least one, and stdin at most once."""
    if not files:
        raise UsageError("no input given", hint="name one or more files, or - for stdin")
    if files.count(STDIN) > 1:
        raise UsageError("stdin (-) can be read only once")
    return tuple(files)


def parse_delimiter(text: str | None) -> str | None:
    r"""Check a CSV delimiter: one character, or the two characters ``\t`` for a tab."""
    if text is None:
        return None
    delimiter = "\t" if text == r"\t" else text
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UsageError(f"--delimiter must be a single character, not {text!r}")
    return delimiter


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
