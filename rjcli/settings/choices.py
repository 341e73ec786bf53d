"""The words that options offer to choose from."""

from enum import StrEnum


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


class Dialect(StrEnum):
    """Which program's CSV it is: how cells are separated, quoted and escaped, and what is null."""

    MYSQL = "mysql"  # mysql --batch, SELECT … INTO OUTFILE
    POSTGRES = "postgres"  # COPY in its text format
    EXCEL = "excel"
    RFC4180 = "rfc4180"


class HeaderEmpty(StrEnum):
    """What becomes of a CSV's columns without a name.

    ``drop``: they are left out, if they hold at most an index; else it is an error.
    """

    DROP = "drop"
    ERROR = "error"
    NAME = "name"  # column_N, N being the position


class Resume(StrEnum):
    """Whether a push continues an earlier run; ``auto``: if there is one."""

    OFF = "off"
    ON = "on"
    AUTO = "auto"

    def __bool__(self) -> bool:
        return self is not Resume.OFF


class KeyStore(StrEnum):
    """Where ``login`` puts an API key; ``auto``: the system keyring, else a file."""

    AUTO = "auto"
    KEYRING = "keyring"
    FILE = "file"


class RunStatus(StrEnum):
    """How a run ended, or that it has not."""

    COMPLETE = "complete"
    REJECTS = "rejects"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    KILLED = "killed"  # it could not say how it ended
    RUNNING = "running"


class Keyless(StrEnum):
    """What becomes of a Singer stream without keys; ``hash``: a record's hash is its key."""

    REFUSE = "refuse"
    HASH = "hash"


class ProgressMode(StrEnum):
    """How a push shows how far it is."""

    AUTO = "auto"
    BAR = "bar"
    PLAIN = "plain"
    NONE = "none"


class LogFormat(StrEnum):
    """How the lines of a log file are written."""

    TEXT = "text"
    JSON = "json"
