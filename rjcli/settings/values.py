"""What a push is to do, as frozen values. Each option is declared here, by its field.

Structs, and not dataclasses, which take ten times as long to define.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from msgspec import Struct, field
from msgspec.structs import replace

from rjcli.api.protocol import MAX_BATCH_RECORDS
from rjcli.errors import UsageError
from rjcli.settings.choices import ColumnType, Compression, Dialect, Format, HeaderEmpty, Resume
from rjcli.settings.given import Given
from rjcli.settings.kinds import choice, duration, number, path, size, whole
from rjcli.settings.lists import join_names, names, texts
from rjcli.settings.option import NOT_IDENTITY, Group, Option
from rjcli.settings.option_kinds import (
    CHARACTER,
    CONSTANTS,
    DELIMITER,
    ENCODING,
    FILES,
    KEYS,
    MAX_REJECTS,
    RENAMED,
    RESUME,
    TABLE,
    TYPES,
    MaxRejects,
)

DEFAULT_ENCODING = "utf-8"

_POSITION = re.compile("[1-9][0-9]{0,5}")  # of a column, in the place of its name

TARGET = Group("Target", "Where the records go, and who sends them.")
_TOLERANCE = Group("Tolerance", "How much may go wrong.", identity=False)
_GUARDS = Group("Guards", "What counts as a mistake.")

Table = Annotated[str, Option("Table to load records into.", TABLE, "-t")]
Keys = Annotated[tuple[str, ...], Option("Primary-key fields: id,sku.", KEYS, "-k")]

MaximumRejects = Annotated[
    MaxRejects | None,
    Option("Stop when more records than this are rejected.", MAX_REJECTS, group=_TOLERANCE),
]


class CsvSettings(Struct, frozen=True):
    """How CSV and TSV are read. ``quote`` and ``escape`` None: there is none.

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


@dataclass(frozen=True, slots=True)
class CsvSettings:
    """How a CSV or TSV is read.

    ``dialect`` None: delimiter from the header, doubled quotes, no escapes.
    MySQL's and PostgreSQL's fix ``quote`` and ``escape``. ``null_strings``:
    cells that are null, besides the dialect's own.

    ``header``: whether the first row names the columns. ``column_names``: used
    instead, or for a file without a header; if empty, column_1 and so on.
    ``renamed_positions``: new names by 1-based position. They apply before
    ``types``, keys and the shape; one whose number is a column's name does not.
    ``required_columns``: which the header must have.

    A quoted cell that goes on for more than ``max_field_lines`` lines or
    ``max_field_bytes`` bytes was opened by a stray quote.
    """

    encoding: str = DEFAULT_ENCODING
    delimiter: str | None = None  # None: the dialect's, or found from the header
    dialect: Dialect | None = None
    quote: str | None = '"'  # None: quotes are text
    escape: str | None = None
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    detect_types: bool = True
    null_strings: tuple[str, ...] = ()
    empty_null: bool = False
    header: bool = True
    column_names: tuple[str, ...] = ()
    header_empty: HeaderEmpty = HeaderEmpty.DROP
    renamed_positions: Mapping[int, str] = field(default_factory=dict)
    required_columns: tuple[str, ...] = ()
    max_field_lines: int = 1000
    max_field_bytes: int = 4 * 2**20


class InputSettings(Struct, frozen=True):
    """Which inputs to read, and how. Sizes in bytes.

    ``hold_back_unterminated``: whether to leave a last line without a line end for
    a later run; it follows from other settings.
    """

    group: ClassVar = Group("Input", "Which files are read, and how.")


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
    """Which inputs to read, and how.

    ``max_expansion``: how many bytes one byte of a compressed input may become,
    on average. ``max_spool``: bytes of a pipe that may be copied to disk; None:
    half of what is free in the directory for temporary files.
    ``hold_back_unterminated``: do not read a last line without a line end, for
    whoever writes the file may not be done with it.
    """

    files: tuple[str, ...]
    format: Format = Format.AUTO
    compression: Compression = Compression.AUTO
    csv: CsvSettings = CsvSettings()
    max_record_bytes: int = 16 * 2**20
    skip: int = 0
    limit: int | None = None
    max_expansion: int = 250
    max_spool: int | None = None
    hold_back_unterminated: bool = False


class ShapeSettings(Struct, frozen=True):
    """Which fields records keep, under which names, and which constant ones they get.

    ``constants``: the exact JSON text of each. ``select`` None: all fields.
    """

    group: ClassVar = Group("Shape", "Which fields are sent, and under which names.")

    select: Annotated[
        tuple[str, ...] | None, Option("Send only these fields: a,b.", names("FIELDS"))
    ] = None
    rename: Annotated[Mapping[str, str], Option("Send a field under another name.", RENAMED)] = (
        field(default_factory=dict)
    )
    constants: Annotated[
        Mapping[str, bytes],
        Option("Add a constant field: 'source=\"web\"'.", CONSTANTS, key="set"),
    ] = field(default_factory=dict)

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
                    hint=f"select it too, as in --select {join_names([name, *self.select])}",
                )
        return tuple(dict.fromkeys([*sources, *(self.select or ()), *self.rename]))


class DeliverySettings(Struct, frozen=True):
    """How batches are cut and sent. Times in seconds, rates in requests a second.

    ``settle``: how long a request without an answer may still be applied.
    """

    group: ClassVar = Group("Delivery", "How batches are cut, sent and retried.", identity=False)

    batch_size: Annotated[
        int, Option("Maximum records per request.", whole(1, MAX_BATCH_RECORDS))
    ] = MAX_BATCH_RECORDS
    max_batch_bytes: Annotated[int, Option("Maximum request of several records.", size(2))] = (
        4 * 2**20
    )
    flush_after: Annotated[
        float, Option("Maximum wait of a part-filled batch for stdin.", duration())
    ] = 5.0
    jobs: Annotated[int, Option("Maximum requests in flight.", whole(1, 256), "-j")] = 8
    rate_limit: Annotated[
        float | None, Option("Maximum requests per second.", number(0.001, metavar="RATE"))
    ] = None
    retry_for: Annotated[float, Option("How long one batch is retried.", duration())] = 900.0
    settle: Annotated[
        float,
        Option("How long a request without an answer may still be applied.", duration()),
    ] = 120.0


class RunSettings(Struct, frozen=True):
    """Where a push leaves its account, and whether it continues an earlier one.

    ``directory`` None: one of its own in the user's state directory.
    """

    group: ClassVar = Group("Run", "Where a push keeps its account.", identity=False)

    directory: Annotated[
        str | None,
        Option(
            "Directory for checkpoint, rejects and summary.",
            path("DIR"),
            key="run_dir",
            shown="in the user's state directory",
        ),
    ] = None
    resume: Annotated[
        Resume,
        Option("Continue the last run of this push; auto: or start a new one.", RESUME, bare="on"),
    ] = Resume.OFF


class PushSettings(Struct, frozen=True, kw_only=True):
    """What to load, and how. ``keys`` empty: every record brings its own."""

    group: ClassVar = TARGET

    table: Table
    keys: Keys = ()
    input: InputSettings
    shape: ShapeSettings = ShapeSettings()
    delivery: DeliverySettings = DeliverySettings()
    max_rejects: MaximumRejects = None
    dry_run: Annotated[
        bool, Option("Do everything but send, and report what would be sent.", group=_TOLERANCE)
    ] = False
    min_records: Annotated[
        int, Option("Fail if fewer records are read.", whole(0), group=_GUARDS, identity=False)
    ] = 0
    strict: Annotated[
        bool,
        Option(
            "Fail if a field named in an option is in no record.", group=_GUARDS, identity=False
        ),
    ] = False
    allow_empty_keys: Annotated[
        bool, Option("Accept empty strings in key fields.", group=_GUARDS)
    ] = False
    run: RunSettings = RunSettings()

    def checked(self, given: Mapping[str, Given]) -> Self:
        """The same, with what follows from other settings. Raises UsageError for contradictions."""
        if self.dry_run and self.run.resume:
            raise UsageError(
                f"{given['dry_run'].name} and {given['resume'].name} exclude each other",
                hint="a dry run leaves nothing to resume",
            )
        csv, format_ = self.input.csv, self.input.format
        if csv.types and format_ in {Format.JSON, Format.NDJSON}:
            raise UsageError(
                f"{given['type'].name} is for CSV and TSV, not for {format_}",
                hint="JSON has types of its own, and is sent as it is",
            )
        required = dict.fromkeys([*self.shape.columns(self.keys), *csv.types])
        positions = {old: new for old, new in self.shape.rename.items() if _POSITION.fullmatch(old)}
        csv = replace(
            csv,
            required_columns=tuple(required),
            renamed_positions={int(old): new for old, new in positions.items()},
        )
        hold_back = self.run.resume is Resume.AUTO
        return replace(self, input=replace(self.input, csv=csv, hold_back_unterminated=hold_back))
