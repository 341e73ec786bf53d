"""The options of each command: how they are written, what the help says of them, their defaults."""

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Self, TypeVar

import typer

from rjcli.api.base_url import Environment
from rjcli.api.protocol import MAX_BATCH_RECORDS
from rjcli.cli.declare import option
from rjcli.settings.parsers import parse_client_id, parse_keys, parse_table, parse_target
from rjcli.settings.values import (
    DEFAULT_ENCODING,
    AccessSettings,
    Compression,
    Format,
    KeyStore,
    LoginSettings,
    ProgressMode,
)

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from rjcli.credentials.config_file import Profile

Options = TypeVar("Options", bound="DataclassInstance")


def fill_in(options: Options, profile: "Profile | None") -> Options:
    """Take what was not given from a profile."""
    if profile is None:
        return options
    return replace(options, **profile.defaults(vars(options)))


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Options of every command that talks to an Import API."""

    env: Annotated[Environment | None, option(help="Where to push.", show_default="production")] = (
        None
    )
    base_url: Annotated[
        str | None, option(metavar="URL", help="Address of another Import API.")
    ] = None
    client_id: Annotated[str | None, option(metavar="ID", help="Client id.")] = None
    api_key_file: Annotated[
        str | None,
        option(
            metavar="FILE",
            help="File that holds the API key; else RJCLI_API_KEY.",
        ),
    ] = None
    profile: Annotated[
        str | None,
        option(metavar="NAME", help="Stored by login: takes the place of what is not given."),
    ] = None
    db: Annotated[str, option(metavar="FILE", help="With --env local: keep the records here.")] = (
        "rjcli-local.db"
    )
    ca_file: Annotated[
        str | None,
        option(metavar="FILE", help="Trust the certificate authorities in it, too (PEM)."),
    ] = None
    timeout: Annotated[
        float, option(min=0.001, metavar="SECONDS", help="Longest wait for one answer.")
    ] = 30.0
    json: Annotated[bool, option("--json", help="Print one JSON object on stdout.")] = False

    def filled_in(self) -> Self:
        """Take what was not given from the profile."""
        from rjcli.credentials.profiles import load_profile

        return fill_in(self, load_profile(self.profile, os.environ))

    def access(self) -> AccessSettings:
        """Check them."""
        return AccessSettings(
            target=parse_target(self.env, self.base_url),
            client_id=self.client_id,
            api_key_file=self.api_key_file,
            profile=self.profile,
            ca_file=self.ca_file,
            timeout=self.timeout,
            database=self.db,
        )


@dataclass(frozen=True, kw_only=True)
class PushOptions(AccessOptions):
    """Options of ``push``."""

    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files to load; - is stdin.")]
    table: Annotated[
        str | None, option("-t", "--table", metavar="TABLE", help="Table to load them into.")
    ] = None
    keys: Annotated[
        list[str] | None,
        option("-k", "--keys", metavar="KEYS", help="Names of the key fields: id,sku."),
    ] = None
    format: Annotated[Format, option(help="What the files are written in.")] = Format.AUTO
    compression: Annotated[Compression, option(help="How they are compressed.")] = Compression.AUTO
    encoding: Annotated[str, option(metavar="NAME", help="Of CSV: utf-16, latin-1, …")] = (
        DEFAULT_ENCODING
    )
    delimiter: Annotated[
        str | None,
        option(metavar="CHARACTER", help="Of CSV.", show_default="found from the header"),
    ] = None
    skip: Annotated[int, option(min=0, metavar="N", help="Pass over the first N records.")] = 0
    limit: Annotated[int | None, option(min=1, metavar="N", help="Stop after N records.")] = None
    max_record_bytes: Annotated[
        int, option(min=1, metavar="BYTES", help="Reject longer records.")
    ] = 16 * 2**20
    select: Annotated[
        list[str] | None, option(metavar="FIELDS", help="Keep these fields only: a,b.")
    ] = None
    rename: Annotated[
        list[str] | None, option(metavar="OLD=NEW", help="Give a field another name.")
    ] = None
    set: Annotated[
        list[str] | None, option(metavar="NAME=JSON", help="Give each record this field.")
    ] = None
    type: Annotated[
        list[str] | None,
        option(
            metavar="COLUMN=TYPE",
            help="Of a CSV's column: string, integer, number, boolean or json.",
        ),
    ] = None
    no_detect_types: Annotated[
        bool, option("--no-detect-types", help="All other columns are strings.")
    ] = False
    null_string: Annotated[
        str | None, option(metavar="TEXT", help="Cells that read so are null.")
    ] = None
    empty_null: Annotated[
        bool, option("--empty-null", help="Empty cells of string columns are null, too.")
    ] = False
    batch_size: Annotated[
        int, option(min=1, max=MAX_BATCH_RECORDS, help="Most records in a request.")
    ] = MAX_BATCH_RECORDS
    max_batch_bytes: Annotated[
        int, option(min=2, metavar="BYTES", help="Most bytes in a request of several records.")
    ] = 4 * 2**20
    jobs: Annotated[
        int, option("-j", "--jobs", min=1, max=256, metavar="N", help="Most requests in flight.")
    ] = 8
    rate_limit: Annotated[
        float | None, option(min=0.001, metavar="RATE", help="Most requests a second.")
    ] = None
    retry_for: Annotated[
        float, option(min=0, metavar="SECONDS", help="Longest time that one batch is retried.")
    ] = 900.0
    settle: Annotated[
        float,
        option(
            min=0,
            metavar="SECONDS",
            help="How late a request without answer may still be applied; 0: do not wait for it.",
        ),
    ] = 120.0
    max_rejects: Annotated[
        str | None, option(metavar="N|N%", help="Stop when more records are rejected.")
    ] = None
    flush_after: Annotated[
        float,
        option(
            min=0, metavar="SECONDS", help="Longest wait of a part-filled batch for a slow stdin."
        ),
    ] = 5.0
    dry_run: Annotated[
        bool, option("--dry-run", help="Do everything but send: report what would be.")
    ] = False
    run_dir: Annotated[
        str | None,
        option(
            metavar="DIR",
            help="Keep checkpoint, rejects and summary here.",
            show_default="in the user's state directory",
        ),
    ] = None
    resume: Annotated[
        bool, option("--resume", help="Go on where the last run of this push came to.")
    ] = False
    progress: Annotated[ProgressMode, option(help="How to show progress.")] = ProgressMode.AUTO
    quiet: Annotated[bool, option("-q", "--quiet", help="Show errors only.")] = False
    verbose: Annotated[bool, option("-v", "--verbose", help="Show every reject.")] = False


@dataclass(frozen=True, kw_only=True)
class RunsOptions:
    """Options of ``runs``."""

    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Show this one; a name or a directory.")
    ] = None
    json: Annotated[bool, option("--json", help="Print one JSON object on stdout.")] = False


@dataclass(frozen=True, kw_only=True)
class LoginOptions:
    """Options of ``login``. What is not given stays as it is in the profile, if there is one."""

    profile: Annotated[
        str, option(metavar="NAME", help="What to call it; default is used on its own.")
    ] = "default"
    env: Annotated[
        Environment | None, option(help="Where it pushes.", show_default="production")
    ] = None
    base_url: Annotated[
        str | None, option(metavar="URL", help="Address of another Import API.")
    ] = None
    client_id: Annotated[
        str | None, option(metavar="ID", help="Client id; else asked for on a terminal.")
    ] = None
    table: Annotated[
        str | None, option("-t", "--table", metavar="TABLE", help="Table of its pushes.")
    ] = None
    keys: Annotated[
        list[str] | None,
        option("-k", "--keys", metavar="KEYS", help="Names of the key fields: id,sku."),
    ] = None
    store: Annotated[
        KeyStore,
        option(help="Where to keep the API key; auto: in the system keyring, if there is one."),
    ] = KeyStore.AUTO
    no_check: Annotated[
        bool, option("--no-check", help="Do not ask the API whether it takes the credentials.")
    ] = False
    ca_file: Annotated[
        str | None,
        option(metavar="FILE", help="Trust the certificate authorities in it, too (PEM)."),
    ] = None
    timeout: Annotated[
        float, option(min=0.001, metavar="SECONDS", help="Longest wait for the API's answer.")
    ] = 30.0
    delete: Annotated[bool, option("--delete", help="Delete the profile instead.")] = False
    json: Annotated[bool, option("--json", help="Print one JSON object on stdout.")] = False

    def settings(self) -> LoginSettings:
        """Check them."""
        return LoginSettings(
            profile=self.profile,
            target=parse_target(self.env, self.base_url),
            client_id=parse_client_id(self.client_id) if self.client_id else None,
            table=parse_table(self.table) if self.table else None,
            keys=parse_keys(self.keys or ()),
            store=self.store,
            check=not self.no_check,
            ca_file=self.ca_file,
            timeout=self.timeout,
        )


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Options of ``serve``."""

    host: Annotated[str, option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1"
    allow_remote: Annotated[
        bool, option("--allow-remote", help="Let it be an address that others can reach.")
    ] = False
    port: Annotated[int, option(min=0, max=65535, help="0 takes a free one.")] = 8080
    db: Annotated[str, option(metavar="FILE", help="Keep the records here.")] = "rjcli-local.db"
    client_id: Annotated[
        str | None, option(metavar="ID", help="The client it knows.", show_default="1")
    ] = None
    api_key_file: Annotated[
        str | None,
        option(
            metavar="FILE",
            help="File that holds the API key it knows; else RJCLI_API_KEY, else local-key.",
        ),
    ] = None
    latency: Annotated[float, option(metavar="SECONDS", help="Wait before each answer.")] = 0.0
    fail: Annotated[float, option(metavar="RATE", help="Share of upserts that fail.")] = 0.0
    fail_status: Annotated[int, option(metavar="STATUS", help="How they fail.")] = 503
    drop: Annotated[
        float, option(metavar="RATE", help="Share of upserts dropped, not applied.")
    ] = 0.0
    drop_after_apply: Annotated[
        float, option(metavar="RATE", help="Share of upserts applied, then dropped.")
    ] = 0.0
    retry_after: Annotated[
        int | None, option(metavar="SECONDS", help="Retry-After of failing answers.")
    ] = None
    seed: Annotated[int | None, option(help="The same faults again.")] = None
