"""The command line: options become settings, errors become a message and an exit code.

Nothing heavy is imported before a command needs it, so that ``--help`` and
``--version`` answer at once.
"""

import inspect
import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, Self, TypeVar, get_type_hints

import typer

from rjcli import __version__
from rjcli.api import MAX_BATCH_RECORDS, Environment
from rjcli.errors import DefectError, RjcliError, UsageError
from rjcli.options import LoginOptions, fill_in
from rjcli.options import option as _option
from rjcli.settings import (
    AccessSettings,
    Format,
    InputSettings,
    OutputSettings,
    ProgressMode,
    PushSettings,
    ServeSettings,
    parse_delimiter,
    parse_files,
    parse_keys,
    parse_table,
    parse_target,
)

if TYPE_CHECKING:
    from rjcli.report import Report

app = typer.Typer(
    help="Load JSON, NDJSON and CSV files into the RJMetrics / Magento BI Data Import API.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,  # their frames show local variables
)

Options = TypeVar("Options")


def command(name: str) -> Callable[[Callable[[Options], int]], Callable[[Options], int]]:
    """Make a command of a function that takes its options as one dataclass.

    The dataclass's fields are the options; each can also come from the
    environment, as RJCLI_ and the field's name.
    """

    def register(run: Callable[[Options], int]) -> Callable[[Options], int]:
        options_class = get_type_hints(run)["options"]

        def call(**values: Any) -> int:
            return run(options_class(**values))

        call.__doc__ = run.__doc__
        call.__annotations__ = get_type_hints(options_class, include_extras=True)
        call.__signature__ = inspect.signature(options_class)  # type: ignore[attr-defined]
        app.command(
            name,
            context_settings={"auto_envvar_prefix": "RJCLI"},
            epilog="Every option can also come from the environment: --table from RJCLI_TABLE.",
        )(call)
        return run

    return register


@dataclass(frozen=True, kw_only=True)
class AccessOptions:
    """Options of every command that talks to an Import API."""

    env: Annotated[
        Environment | None, _option(help="Where to push.", show_default="production")
    ] = None
    base_url: Annotated[
        str | None, _option(metavar="URL", help="Address of another Import API.")
    ] = None
    client_id: Annotated[str | None, _option(metavar="ID", help="Client id.")] = None
    api_key_file: Annotated[
        str | None,
        _option(
            metavar="FILE",
            help="File that holds the API key; else RJCLI_API_KEY.",
        ),
    ] = None
    profile: Annotated[
        str | None,
        _option(metavar="NAME", help="Stored by login: takes the place of what is not given."),
    ] = None
    db: Annotated[str, _option(metavar="FILE", help="With --env local: keep the records here.")] = (
        "rjcli-local.db"
    )
    timeout: Annotated[
        float, _option(min=0.001, metavar="SECONDS", help="Longest wait for one answer.")
    ] = 30.0
    json: Annotated[bool, _option("--json", help="Print one JSON object on stdout.")] = False

    def filled_in(self) -> Self:
        """Take what was not given from the profile."""
        from rjcli.profiles import load_profile

        return fill_in(self, load_profile(self.profile, os.environ))

    def access(self) -> AccessSettings:
        """Check them."""
        return AccessSettings(
            target=parse_target(self.env, self.base_url),
            client_id=self.client_id,
            api_key_file=self.api_key_file,
            profile=self.profile,
            timeout=self.timeout,
            database=self.db,
        )


@dataclass(frozen=True, kw_only=True)
class PushOptions(AccessOptions):
    """Options of ``push``."""

    files: Annotated[list[str], typer.Argument(metavar="FILE", help="Files to load; - is stdin.")]
    table: Annotated[
        str | None, _option("-t", "--table", metavar="TABLE", help="Table to load them into.")
    ] = None
    keys: Annotated[
        list[str] | None,
        _option("-k", "--keys", metavar="KEYS", help="Names of the key fields: id,sku."),
    ] = None
    format: Annotated[Format, _option(help="What the files are written in.")] = Format.AUTO
    delimiter: Annotated[
        str | None, _option(metavar="CHARACTER", help="What separates the cells of a CSV.")
    ] = None
    batch_size: Annotated[
        int, _option(min=1, max=MAX_BATCH_RECORDS, help="Most records in a request.")
    ] = MAX_BATCH_RECORDS
    progress: Annotated[ProgressMode, _option(help="How to show progress.")] = ProgressMode.AUTO
    quiet: Annotated[bool, _option("-q", "--quiet", help="Show errors only.")] = False
    verbose: Annotated[bool, _option("-v", "--verbose", help="Show every reject.")] = False


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """Options of ``serve``."""

    port: Annotated[int, _option(min=0, max=65535, help="0 takes a free one.")] = 8080
    db: Annotated[str, _option(metavar="FILE", help="Keep the records here.")] = "rjcli-local.db"
    client_id: Annotated[
        str | None, _option(metavar="ID", help="The client it knows.", show_default="1")
    ] = None
    api_key_file: Annotated[
        str | None,
        _option(
            metavar="FILE",
            help="File that holds the API key it knows; else RJCLI_API_KEY, else local-key.",
        ),
    ] = None
    latency: Annotated[float, _option(metavar="SECONDS", help="Wait before each answer.")] = 0.0
    fail: Annotated[float, _option(metavar="RATE", help="Share of upserts that fail.")] = 0.0
    fail_status: Annotated[int, _option(metavar="STATUS", help="How they fail.")] = 503
    drop: Annotated[
        float, _option(metavar="RATE", help="Share of upserts dropped, not applied.")
    ] = 0.0
    drop_after_apply: Annotated[
        float, _option(metavar="RATE", help="Share of upserts applied, then dropped.")
    ] = 0.0
    retry_after: Annotated[
        int | None, _option(metavar="SECONDS", help="Retry-After of failing answers.")
    ] = None
    seed: Annotated[int | None, _option(help="The same faults again.")] = None


@command("push")
def push(options: PushOptions) -> int:
    """Load files into a table."""
    options = options.filled_in()
    settings = PushSettings(
        table=parse_table(options.table),
        keys=parse_keys(options.keys or ()),
        input=InputSettings(
            files=parse_files(options.files),
            format=options.format,
            delimiter=parse_delimiter(options.delimiter),
        ),
        batch_size=options.batch_size,
    )
    output = OutputSettings(options.progress, options.json, options.quiet, options.verbose)
    access = options.access()

    from rjcli import commands

    return commands.push(access, settings, _report(output))


@command("status")
def status(options: AccessOptions) -> int:
    """Is the API operational?"""
    from rjcli import commands

    return commands.status(options.filled_in().access(), _report(OutputSettings(json=options.json)))


@command("auth-check")
def auth_check(options: AccessOptions) -> int:
    """May this client id and API key push, in that environment?"""
    from rjcli import commands

    return commands.auth_check(
        options.filled_in().access(), _report(OutputSettings(json=options.json))
    )


@command("login")
def login(options: LoginOptions) -> int:
    """Store credentials, and defaults, for a profile; the API key is asked for or read from stdin.

    The one command that asks anything.
    """
    from rjcli import login as command
    from rjcli.profiles import find_profile

    previous = find_profile(options.profile, os.environ)
    report = _report(OutputSettings(json=options.json))
    if options.delete:
        return command.logout(options.profile, previous, report)
    return command.login(fill_in(options, previous).settings(), previous, report)


@command("serve")
def serve(options: ServeOptions) -> int:
    """Run a local Import API to develop and test against."""
    from rjcli import commands

    values = vars(options)
    settings = ServeSettings(database=values.pop("db"), **values)
    return commands.serve(settings, _report(OutputSettings()))


def _report(settings: OutputSettings) -> "Report":
    from rjcli.report import Report

    return Report(settings)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"rjcli {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, _option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


def main() -> NoReturn:
    """Run rjcli and exit. The one place where an error becomes a message and an exit code."""
    try:
        exit_code = typer.main.get_command(app)(
            sys.argv[1:] or ["--help"], prog_name="rjcli", standalone_mode=False
        )
    except RjcliError as error:
        exit_code = _fail(error)
    except typer.TyperException as error:
        exit_code = _fail(UsageError(error.format_message(), hint="rjcli --help"))
    except Exception as error:  # noqa: BLE001 - nothing a user does may end in a traceback
        exit_code = _fail(_defect(error))
    sys.exit(exit_code)


def _fail(error: RjcliError) -> int:
    # The options may be what is wrong, so that they cannot be asked.
    wants_json = "--json" in sys.argv or os.environ.get("RJCLI_JSON", "") not in {"", "0", "false"}
    _report(OutputSettings(json=wants_json)).failure(error)
    return error.exit_code


def _defect(error: Exception) -> DefectError:
    """Say where an unforeseen error happened, but none of its text: that may hold anything."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(frame.filename).name}, line {frame.lineno}"
    return DefectError(
        f"a defect in rjcli: {type(error).__name__} in {where}",
        hint="please report it, with the command and the version that rjcli --version shows",
    )
