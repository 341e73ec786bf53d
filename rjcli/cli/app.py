"""The command line: options become settings, errors become a message and an exit code.

Nothing heavy is imported before a command needs it, so that ``--help`` and
``--version`` answer at once.
"""

import os
import sys
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from rjcli import __version__
from rjcli.cli.declare import app, command, option
from rjcli.cli.options import (
    AccessOptions,
    LoginOptions,
    PushOptions,
    RunsOptions,
    ServeOptions,
    fill_in,
)
from rjcli.crash_report import crash_error, trace
from rjcli.errors import RjcliError, UsageError
from rjcli.settings.parsers import (
    parse_delimiter,
    parse_encoding,
    parse_files,
    parse_keys,
    parse_max_rejects,
    parse_shape,
    parse_table,
    parse_types,
)
from rjcli.settings.values import (
    CsvSettings,
    DeliverySettings,
    InputSettings,
    OutputSettings,
    PushSettings,
    RunSettings,
    ServeSettings,
)

if TYPE_CHECKING:
    from rjcli.report import Report


@command("push")
def push(options: PushOptions) -> int:
    """Load files into a table."""
    options = options.filled_in()
    if options.dry_run and options.resume:
        raise UsageError(
            "--dry-run and --resume exclude each other", hint="a dry run leaves nothing to resume"
        )
    keys = parse_keys(options.keys or ())
    shape = parse_shape(options.select or (), options.rename or (), options.set or ())
    types = parse_types(options.type or ())
    settings = PushSettings(
        table=parse_table(options.table),
        keys=keys,
        input=InputSettings(
            files=parse_files(options.files),
            format=options.format,
            compression=options.compression,
            csv=CsvSettings(
                encoding=parse_encoding(options.encoding),
                delimiter=parse_delimiter(options.delimiter),
                types=types,
                detect_types=not options.no_detect_types,
                null_string=options.null_string,
                empty_null=options.empty_null,
                columns=tuple(dict.fromkeys([*shape.columns(keys), *types])),
            ),
            max_record_bytes=options.max_record_bytes,
            skip=options.skip,
            limit=options.limit,
        ),
        shape=shape,
        delivery=DeliverySettings(
            batch_size=options.batch_size,
            max_batch_bytes=options.max_batch_bytes,
            flush_after=options.flush_after,
            jobs=options.jobs,
            rate_limit=options.rate_limit,
            retry_for=options.retry_for,
            settle=options.settle,
        ),
        max_rejects=parse_max_rejects(options.max_rejects),
        dry_run=options.dry_run,
        run=RunSettings(options.run_dir, options.resume, tuple(sys.argv[1:])),
    )
    output = OutputSettings(options.progress, options.json, options.quiet, options.verbose)
    access = options.access()

    from rjcli.commands.push import push as run

    return run(access, settings, _report(output))


@command("status")
def status(options: AccessOptions) -> int:
    """Is the API operational?"""
    from rjcli.commands import check

    return check.status(options.filled_in().access(), _report(OutputSettings(json=options.json)))


@command("auth-check")
def auth_check(options: AccessOptions) -> int:
    """May this client id and API key push, in that environment?"""
    from rjcli.commands import check

    return check.auth_check(
        options.filled_in().access(), _report(OutputSettings(json=options.json))
    )


@command("login")
def login(options: LoginOptions) -> int:
    """Store credentials, and defaults, for a profile; the API key is asked for or read from stdin.

    The one command that asks anything.
    """
    from rjcli.commands import login as command
    from rjcli.credentials.profiles import find_profile

    previous = find_profile(options.profile, os.environ)
    report = _report(OutputSettings(json=options.json))
    if options.delete:
        return command.logout(options.profile, previous, report)
    return command.login(fill_in(options, previous).settings(), previous, report)


@command("runs")
def runs(options: RunsOptions) -> int:
    """Past pushes: what each read, accepted and rejected, and how to resume it."""
    from rjcli.commands import runs as command

    return command.runs(options.run, _report(OutputSettings(json=options.json)))


@command("serve")
def serve(options: ServeOptions) -> int:
    """Run a local Import API to develop and test against."""
    from rjcli.commands.serve import serve as run

    values = vars(options)
    settings = ServeSettings(database=values.pop("db"), **values)
    return run(settings, _report(OutputSettings()))


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
        bool, option("--version", callback=_show_version, is_eager=True, help="Show it.")
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
        exit_code = _fail(crash_error(error))
        for line in trace(error, os.environ):
            _report(OutputSettings()).note(line)
    sys.exit(exit_code)


def _fail(error: RjcliError) -> int:
    # The options may be what is wrong, so that they cannot be asked.
    wants_json = "--json" in sys.argv or os.environ.get("RJCLI_JSON", "") not in {"", "0", "false"}
    _report(OutputSettings(json=wants_json)).failure(error)
    return error.exit_code
