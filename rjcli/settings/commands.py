"""What commands do beside loading records, as frozen values. Each option is declared here."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from msgspec import Struct

from rjcli.api.base_url import Environment
from rjcli.settings.choices import KeyStore, LogFormat, ProgressMode
from rjcli.settings.given import Given
from rjcli.settings.kinds import choice, duration, number, path, text, whole
from rjcli.settings.option import Group, Option
from rjcli.settings.option_kinds import BASE_URL, CLIENT_ID
from rjcli.settings.target import Target, resolve_target
from rjcli.settings.values import TARGET, Keys, Table

_OUTPUT = Group("Output", "What is shown: results on stdout, everything else on stderr.")
_FILE = path("FILE")
_SHARE = number(0, 1, "SHARE")
_PROFILE = text("the name of a profile", "NAME")


class TargetSettings(Struct, frozen=True, kw_only=True):
    """Which Import API to talk to, and how. ``timeout`` in seconds."""

    group: ClassVar = TARGET

    env: Annotated[
        Given | None,
        Option(
            "Which API to talk to.",
            choice(Environment),
            shown="production",
            keeps_source=True,
        ),
    ] = None
    base_url: Annotated[
        Given | None, Option("Address of another Import API.", BASE_URL, keeps_source=True)
    ] = None
    client_id: Annotated[
        Given | None, Option("Client id of the Import API.", CLIENT_ID, keeps_source=True)
    ] = None
    ca_file: Annotated[
        str | None, Option("Also trust the certificate authorities in this PEM file.", _FILE)
    ] = None
    timeout: Annotated[float, Option("Maximum wait for an answer.", duration(0.001))] = 30.0

    @property
    def target(self) -> Target:
        """Where to push."""
        return resolve_target(self.env, self.base_url)

    def checked(self, _: Mapping[str, Given]) -> Self:
        """The same. Raises UsageError if there is no telling where to push."""
        resolve_target(self.env, self.base_url)
        return self


class AccessSettings(TargetSettings, frozen=True, kw_only=True):
    """Which Import API to talk to, and where its credentials are. ``database``: the local one's."""

    profile: Annotated[
        str | None, Option("Profile to use for what is not given; rjcli login stores it.", _PROFILE)
    ] = None
    api_key_file: Annotated[
        Given | None,
        Option("File that holds the API key; otherwise RJCLI_API_KEY.", _FILE, keeps_source=True),
    ] = None
    database: Annotated[str, Option("Database file of --env local.", _FILE, key="db")] = (
        "rjcli-local.db"
    )


class LoginSettings(TargetSettings, frozen=True, kw_only=True):
    """The profile to store, and where its key goes."""

    profile: Annotated[
        str, Option("Name of the profile; the one named default needs no --profile.", _PROFILE)
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
    delete: Annotated[bool, Option("Delete the profile and its key.")] = False


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


class RunsSettings(Struct, frozen=True):
    """Which run to show; None: a list of all."""

    group: ClassVar = Group("Runs", "Which runs are shown.")

    run: Annotated[
        str | None,
        Option("Run to show: its name or directory.", path("RUN"), is_positional=True),
    ] = None


class JsonSettings(Struct, frozen=True, kw_only=True):
    """Whether the result is one JSON object."""

    group: ClassVar = _OUTPUT

    json: Annotated[bool, Option("Print one JSON object on stdout.")] = False


class LogSettings(Struct, frozen=True):
    """Where a push writes its log; ``file`` None: nowhere."""

    group: ClassVar = Group("Log", "A file with all messages, whatever the terminal shows.")

    file: Annotated[
        str | None, Option("File to write a log to.", _FILE, key="log_file", hidden=True)
    ] = None
    format: Annotated[
        LogFormat,
        Option("Form of its lines.", choice(LogFormat), key="log_format", hidden=True),
    ] = LogFormat.TEXT


class OutputSettings(JsonSettings, frozen=True, kw_only=True):
    """What a push shows, and how."""

    progress: Annotated[ProgressMode, Option("How progress is shown.", choice(ProgressMode))] = (
        ProgressMode.AUTO
    )
    quiet: Annotated[bool, Option("Print nothing if all went well.", short="-q")] = False
    verbose: Annotated[bool, Option("Show every reject.", short="-v")] = False
    log: LogSettings = LogSettings()
