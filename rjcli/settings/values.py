"""What a push is to do, as frozen values. Each option is declared here, by its field.

Structs, and not dataclasses, which take ten times as long to define.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from msgspec import Struct, field
from msgspec.structs import replace

from rjcli.api.upsert import MAX_BATCH_RECORDS
from rjcli.errors import UsageError
from rjcli.settings.choices import ColumnType, Compression, Dialect, Format, HeaderEmpty, Resume
from rjcli.settings.given import Given
from rjcli.settings.kinds import choice, duration, number, path, size, whole
from rjcli.settings.lists import names, texts
from rjcli.settings.option import NOT_IDENTITY, Group, Option
from rjcli.settings.option_kinds import (
    CHARACTER,
    DELIMITER,
    ENCODING,
    FILES,
    KEYS,
    MAX_REJECTS,
    NO_TYPES,
    RESUME,
    TABLE,
    TYPES,
    TYPES_FROM,
    MaxRejects,
)
from rjcli.settings.shape import ShapeSettings

DEFAULT_ENCODING = "utf-8"

TARGET = Group("Target", "Where the records go, and who sends them.")
_TOLERANCE = Group("Tolerance", "How much may go wrong.", identity=False)
_GUARDS = Group("Guards", "What counts as a mistake.")

Table = Annotated[str, Option("Table to load records into.", TABLE, "-t")]
Keys = Annotated[tuple[str, ...], Option("Primary-key fields: id,sku.", KEYS, "-k")]

MaximumRejects = Annotated[
    MaxRejects | None,
    Option("Stop when more records than this are rejected.", MAX_REJECTS, group=_TOLERANCE),
]
DryRun = Annotated[
    bool, Option("Do everything but send, and report what would be sent.", group=_TOLERANCE)
]


class CsvSettings(Struct, frozen=True):
    """How CSV and TSV are read. ``quote`` and ``escape`` None: there is none.

    ``column_names``: instead of those in the header, or for a file without one; if
    empty there, column_1 and so on. A quoted value that goes on for more than
    ``max_field_lines`` lines or ``max_field_bytes`` bytes was opened by a stray quote.

    ``renamed_positions``: new names by 1-based position, given before anything else
    is done with the columns; not where a column has that number for a name.
    ``required_columns``: which the header must have. Both follow from other settings.
    """

    group: ClassVar = Group("CSV", "How CSV and TSV files are written, and what values become.")

    encoding: Annotated[str, Option("Text encoding.", ENCODING)] = DEFAULT_ENCODING
    delimiter: Annotated[
        str | None,
        Option(r"Character between values; \t is a tab.", DELIMITER, shown="found from the header"),
    ] = None
    dialect: Annotated[
        Dialect | None,
        Option("Rules of quoting, escaping and null.", choice(Dialect)),
    ] = None
    quote: Annotated[str | None, Option("Character around values.", CHARACTER)] = '"'
    escape: Annotated[str | None, Option("Character before a literal one.", CHARACTER)] = None
    header: Annotated[bool, Option("The first row is data, not a header.")] = True
    column_names: Annotated[
        tuple[str, ...],
        Option("Column names: a,b.", names("NAMES"), key="columns"),
    ] = ()
    header_empty: Annotated[
        HeaderEmpty,
        Option("What to do with a column without a name.", choice(HeaderEmpty)),
    ] = HeaderEmpty.DROP
    types: Annotated[
        Mapping[str, ColumnType],
        Option("Type of a column: string, integer, number, boolean or json.", TYPES, key="type"),
    ] = field(default_factory=dict)
    detect_types: Annotated[bool, Option("Treat columns without --type as strings.")] = True
    types_from: Annotated[
        str | None,
        Option(
            "Where columns have their types from; none: from this push alone.",
            TYPES_FROM,
            shown="earlier pushes of the table",
        ),
    ] = None
    types_to: Annotated[
        str | None,
        Option("File to write the column types to.", path("FILE"), identity=False),
    ] = None
    null_strings: Annotated[
        tuple[str, ...], Option("Text that means null.", texts("TEXT"), key="null_string")
    ] = ()
    empty_null: Annotated[bool, Option("Empty values of string columns are null as well.")] = False
    max_field_lines: Annotated[int, Option("Most lines of a quoted value.", whole(1))] = 1000
    max_field_bytes: Annotated[
        int, Option("Most bytes of a quoted value of several lines.", size())
    ] = 4 * 2**20
    renamed_positions: Annotated[Mapping[int, str], NOT_IDENTITY] = field(default_factory=dict)
    required_columns: Annotated[tuple[str, ...], NOT_IDENTITY] = ()

    @property
    def options_of_types(self) -> list[str]:
        """The keys of the options given that say what types columns have."""
        types_from = self.types_from if self.types_from != NO_TYPES else None
        given = {"type": self.types, "types_from": types_from, "types_to": self.types_to}
        return [key for key, value in given.items() if value]


class InputSettings(Struct, frozen=True):
    """Which inputs to read, and how. Sizes in bytes.

    ``max_expansion``: how many times as big a compressed input may become, past
    64 MiB. ``max_spool`` None: half of what is free in the directory for temporary files.

    ``hold_back_unterminated``: whether to leave a last line without a line end for
    a later run; it follows from other settings.
    """

    group: ClassVar = Group("Input", "Which files are read, and how.")

    files: Annotated[
        tuple[str, ...],
        Option("Files to load, in this order; - is stdin.", FILES, is_positional=True),
    ]
    format: Annotated[Format, Option("File format.", choice(Format))] = Format.AUTO
    compression: Annotated[
        Compression, Option("Compression of the files.", choice(Compression))
    ] = Compression.AUTO
    csv: CsvSettings = CsvSettings()
    skip: Annotated[int, Option("Skip the first N records.", whole(0))] = 0
    limit: Annotated[int | None, Option("Stop after N records.", whole(1))] = None
    max_record_bytes: Annotated[int, Option("Reject records longer than this.", size())] = (
        16 * 2**20
    )
    max_spool: Annotated[
        int | None, Option("Maximum copy of stdin on disk.", size(), identity=False)
    ] = None
    max_expansion: Annotated[
        int,
        Option("Maximum growth on decompression.", whole(1), key="max_ratio", identity=False),
    ] = 250
    hold_back_unterminated: Annotated[bool, NOT_IDENTITY] = False


class DeliverySettings(Struct, frozen=True):
    """How batches are cut and sent. Times in seconds, rates in requests a second.

    ``connect_for``: how long a batch is retried as long as the API was never reached.
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
    connect_for: Annotated[
        float,
        Option("How long an API is tried that cannot be reached at first.", duration()),
    ] = 60.0
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
    dry_run: DryRun = False
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
        if csv.options_of_types and format_ in {Format.JSON, Format.NDJSON}:
            raise UsageError(
                f"{given[csv.options_of_types[0]].name} is for CSV and TSV, not for {format_}",
                hint="JSON has types of its own, and is sent as it is",
            )
        if csv.dialect in {Dialect.MYSQL, Dialect.POSTGRES} and (csv.quote != '"' or csv.escape):
            raise UsageError(
                f"--dialect {csv.dialect} says how values are quoted and escaped",
                hint="leave out --quote and --escape, or --dialect",
            )
        required = dict.fromkeys([*self.shape.columns(self.keys), *csv.types])
        csv = replace(
            csv,
            required_columns=tuple(required),
            renamed_positions={int(old): new for old, new in self.shape.positions.items()},
        )
        hold_back = self.run.resume is Resume.AUTO
        return replace(self, input=replace(self.input, csv=csv, hold_back_unterminated=hold_back))
