"""What commands do beside loading records, as frozen values. Each option is declared here."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from msgspec import Struct
from msgspec.structs import replace

from rjcli.api.base_url import Environment
from rjcli.settings.choices import KeyStore, LogFormat, ProgressMode, RunStatus
from rjcli.settings.given import Given
from rjcli.settings.kinds import Complete, choice, duration, number, path, text, whole
from rjcli.settings.option import Group, Option
from rjcli.settings.option_kinds import BASE_URL, CLIENT_ID, RUNS, TABLE
from rjcli.settings.target import Target, resolve_target
from rjcli.settings.values import TARGET, Keys, MaximumRejects, Table

_OUTPUT = Group("Output", "What is shown: results on stdout, everything else on stderr.")
_FILE = path("FILE")
_RESUMABLE = replace(path("RUN"), complete=Complete.RESUMABLE)
_REJECTED = replace(path("RUN"), complete=Complete.REJECTED)
_SHARE = number(0, 1, "SHARE")
_PROFILE = text("the name of a profile", "NAME", complete=Complete.PROFILES)


Env = Annotated[
    Given | None,
    Option(
        "Which API to talk to.",
        choice(Environment),
        shown="production",
        keeps_source=True,
    ),
]
BaseUrl = Annotated[
    Given | None, Option("Address of another Import API.", BASE_URL, keeps_source=True)
]
ClientId = Annotated[
    Given | None, Option("Client id of the Import API.", CLIENT_ID, keeps_source=True)
]
CaFile = Annotated[
    str | None, Option("Also trust the certificate authorities in this PEM file.", _FILE)
]
Timeout = Annotated[float, Option("Maximum wait for an answer.", duration(0.001))]


class _Addressed:
    """Settings that say where to push."""

    __slots__ = ()
    env: Given | None
    base_url: Given | None

    @property
    def target(self) -> Target:
        """Where to push."""
        return resolve_target(self.env, self.base_url)

    def checked(self, _: Mapping[str, Given]) -> Self:
        """The same. Raises UsageError if there is no telling where to push."""
        resolve_target(self.env, self.base_url)
        return self


class RouteSettings(Struct, frozen=True, kw_only=True):
    """How to get to an Import API, and where the API key is. ``timeout`` in seconds."""

    group: ClassVar = TARGET

    ca_file: CaFile = None
    timeout: Timeout = 30.0
    profile: Annotated[
        str | None,
        Option(
            "Profile to use for what is not given; rjcli login stores it.",
            _PROFILE,
        ),
    ] = None
    api_key_file: Annotated[
        Given | None,
        Option("File that holds the API key; otherwise RJCLI_API_KEY.", _FILE, keeps_source=True),
    ] = None


class AccessSettings(_Addressed, RouteSettings, frozen=True, kw_only=True):
    """Which Import API to talk to, and how. ``database``: of the local one."""

    env: Env = None
    base_url: BaseUrl = None
    client_id: ClientId = None
    database: Annotated[str, Option("Database file of --env local.", _FILE, key="db")] = (
        "rjcli-local.db"
    )


class LoginSettings(_Addressed, Struct, frozen=True, kw_only=True):
    """The profile to store, and where its key goes."""

    group: ClassVar = TARGET

    env: Env = None
    base_url: BaseUrl = None
    client_id: ClientId = None
    ca_file: CaFile = None
    timeout: Timeout = 30.0
    profile: Annotated[
        str,
        Option(
            "Name of the profile; the one named default needs no --profile.",
            _PROFILE,
        ),
    ] = "default"
    table: Table | None = None
    keys: Keys = ()
    store: Annotated[
        KeyStore,
        Option(
            "Where to store the API key; auto: in the system keyring, if any.", choice(KeyStore)
        ),
    ] = KeyStore.AUTO
    check: Annotated[bool, Option("Store the credentials without trying them.")] = True


class LogoutSettings(Struct, frozen=True, kw_only=True):
    """Which profile to delete."""

    group: ClassVar = Group("Profile", "What is deleted.")

    profile: Annotated[str, Option("Name of the profile.", _PROFILE)] = "default"


class ServeSettings(Struct, frozen=True, kw_only=True):
    """A local Import API: where it listens and keeps its data, whom it knows, what goes wrong.

    Times in seconds; rates are shares of all upserts, from 0 to 1.
    """

    group: ClassVar = Group("Server", "Where it listens, and which faults it makes on purpose.")

    host: Annotated[str, Option("Address to listen on.", text("an address", "ADDRESS"))] = (
        "127.0.0.1"
    )
    allow_remote: Annotated[bool, Option("Allow an address that other machines can reach.")] = False
    port: Annotated[int, Option("Port to listen on; 0: a free one.", whole(0, 65535))] = 8080
    database: Annotated[str, Option("Database file for the records.", _FILE, key="db")] = (
        "rjcli-local.db"
    )
    client_id: Annotated[int | None, Option("Client id to accept.", CLIENT_ID, shown="1")] = None
    api_key_file: Annotated[
        str | None,
        Option("File that holds the API key to accept; otherwise RJCLI_API_KEY.", _FILE),
    ] = None
    latency: Annotated[float, Option("Wait before each answer.", duration())] = 0.0
    fail: Annotated[float, Option("Share of upserts to answer with an error.", _SHARE)] = 0.0
    fail_status: Annotated[int, Option("Status of these errors.", whole(400, 599))] = 503
    drop: Annotated[
        float, Option("Share of connections to drop before an upsert is applied.", _SHARE)
    ] = 0.0
    drop_after_apply: Annotated[float, Option("Share of connections to drop after it.", _SHARE)] = (
        0.0
    )
    retry_after: Annotated[
        int | None, Option("Retry-After of these errors, in seconds.", whole(0))
    ] = None
    seed: Annotated[int | None, Option("Seed: the same one makes the same faults.", whole(0))] = (
        None
    )
    verbose: Annotated[
        bool, Option("Log each request, as on a terminal.", short="-v", group=_OUTPUT)
    ] = False


class RunsSettings(Struct, frozen=True):
    """Which runs to list, show or, where the first of ``runs`` is ``rm``, to delete.

    ``older_than`` in seconds. ``limit`` None: as many as a list shows by itself.
    """

    group: ClassVar = Group("Runs", "Which runs are listed, shown or, after rm, deleted.")

    runs: Annotated[
        tuple[str, ...],
        Option(
            "Run to show: its name, how it begins, or its directory; rm RUN deletes it.",
            RUNS,
            is_positional=True,
        ),
    ] = ()
    limit: Annotated[
        int | None, Option("Show the newest N.", whole(1), shown="20; all with --json")
    ] = None
    status: Annotated[RunStatus | None, Option("Only those that ended so.", choice(RunStatus))] = (
        None
    )
    table: Annotated[str | None, Option("Only those of this table.", TABLE, short="-t")] = None
    older_than: Annotated[
        float | None,
        Option("Only those that started longer ago than this, such as 30d.", duration()),
    ] = None
    force: Annotated[bool, Option("Delete runs with work that is left to do as well.")] = False


class ResumeSettings(Struct, frozen=True, kw_only=True):
    """Which run to resume; None: the last one, which has to be asked for."""

    group: ClassVar = Group("Run", "Which run is resumed; its own options hold for it.")

    run: Annotated[
        str | None,
        Option(
            "Run to resume: its name, how it begins, or its directory.",
            _RESUMABLE,
            is_positional=True,
        ),
    ] = None
    last: Annotated[bool, Option("Resume the last run that can be.")] = False
    max_rejects: MaximumRejects = None


class RetrySettings(Struct, frozen=True, kw_only=True):
    """Whose rejects to push again."""

    group: ClassVar = Group("Run", "Whose rejects are pushed; its own options hold for them.")

    run: Annotated[
        str,
        Option(
            "Run whose rejects were fixed: its name, how it begins, or its directory.",
            _REJECTED,
            is_positional=True,
        ),
    ]
    max_rejects: MaximumRejects = None


class JsonSettings(Struct, frozen=True, kw_only=True):
    """Whether the result is one JSON object."""

    group: ClassVar = _OUTPUT

    json: Annotated[bool, Option("Print one JSON object on stdout.")] = False


class CheckOutputSettings(JsonSettings, frozen=True, kw_only=True):
    """What ``auth-check`` shows."""

    verbose: Annotated[
        bool, Option("Show where address and credentials come from.", short="-v")
    ] = False


class LogSettings(Struct, frozen=True):
    """Where a push writes its log; ``file`` None: nowhere, or as JSON on stderr."""

    group: ClassVar = Group("Log", "A file with all messages, whatever the terminal shows.")

    file: Annotated[
        str | None, Option("Add all messages to this file, with times.", _FILE, key="log_file")
    ] = None
    format: Annotated[
        LogFormat,
        Option(
            "Form of its lines; json alone: on stderr.",
            choice(LogFormat),
            key="log_format",
        ),
    ] = LogFormat.TEXT


class OutputSettings(JsonSettings, frozen=True, kw_only=True):
    """What a push shows, and how."""

    progress: Annotated[ProgressMode, Option("How progress is shown.", choice(ProgressMode))] = (
        ProgressMode.AUTO
    )
    quiet: Annotated[bool, Option("Print nothing if all went well.", short="-q")] = False
    verbose: Annotated[bool, Option("Show every reject and retry.", short="-v")] = False
    log: LogSettings = LogSettings()
