"""The command line: what each command takes and runs, and how errors become exit codes.

Nothing heavy is imported before a command needs it, so that it starts at once.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rjcli import __version__
from rjcli.cli.command import command
from rjcli.commands.output_filter import install_output_filter
from rjcli.crash_report import crash_error, trace
from rjcli.errors import RjcliError
from rjcli.settings.commands import (
    AccessSettings,
    JsonSettings,
    LoginSettings,
    OutputSettings,
    ResumeSettings,
    RetrySettings,
    RouteSettings,
    RunsSettings,
    ServeSettings,
)
from rjcli.settings.load import InitSettings, LoadSettings
from rjcli.settings.sources import Options
from rjcli.settings.values import DeliverySettings, InputSettings, PushSettings

if TYPE_CHECKING:
    from rjcli.credentials.config_file import Profile
    from rjcli.report import Report


@command(
    "push",
    ("Try it in the sandbox first", "rjcli push orders.csv -t orders -k id --env sandbox"),
    (
        "Several files, and a key of two fields",
        "rjcli push lines-*.ndjson.gz -t lines -k order_id,line",
    ),
    (
        "See what would be sent, without an account",
        "rjcli push users.json -t users -k id --dry-run",
    ),
    ("From a pipe", "zcat users.gz | rjcli push - -t users -k id --format csv"),
    ("Continue what was interrupted", "rjcli push orders.csv -t orders -k id --resume"),
)
def push(
    settings: PushSettings,
    access: AccessSettings,
    output: OutputSettings,
    profile: "Profile | None",
    given: Options,
) -> int:
    """Load files into a table."""
    from rjcli.commands.push import push as run

    return run(settings, access, _report(output), profile, given)


@command(
    "load",
    ("Every table that the file names", "rjcli load shop.toml"),
    ("Each night: only what is new", "rjcli load shop.toml --resume=auto -q"),
    ("One of them, without sending anything", "rjcli load shop.toml customers --dry-run"),
)
def load(
    settings: LoadSettings,
    access: AccessSettings,
    delivery: DeliverySettings,
    output: OutputSettings,
    given: Options,
) -> int:
    """Load many tables at once, as a file says."""
    from rjcli.commands.load import load as run
    from rjcli.report import LoadReport

    del access, delivery  # they are among those given
    return run(settings, LoadReport(output), given)


@command(
    "init",
    ("Propose tables, keys and types for a folder", "rjcli init exports -o shop.toml"),
)
def init(settings: InitSettings, output: JsonSettings) -> int:
    """Look at a folder, and write a load file for it.

    Reads all of each file; comments say why files, keys and types are proposed.
    """
    from rjcli.commands.inspect import init as run

    return run(settings, _report(output))


@command(
    "check",
    ("What is in it, and how to push it", "rjcli check orders.csv"),
)
def check(settings: InputSettings, output: JsonSettings) -> int:
    """Say what is in files, and which commands push them.

    Reads all of each file; finds format, types, keys, and what would be rejected.
    """
    from rjcli.commands.inspect import check as run

    return run(settings, _report(output))


@command(
    "resume",
    ("The run that was interrupted last", "rjcli resume --last"),
    ("A certain one, more gently", "rjcli resume 20261121-160305 --jobs 2"),
)
def resume(
    settings: ResumeSettings,
    delivery: DeliverySettings,
    route: RouteSettings,
    output: OutputSettings,
    given: Options,
) -> int:
    """Continue a run, with its own target, files, keys and types."""
    from rjcli.commands.resume import resume as run
    from rjcli.report import LoadReport

    del delivery, route  # they are among those given
    return run(settings.run, LoadReport(output), given, last=settings.last)


@command("retry", ("Once its rejects are fixed", "rjcli retry 20261121-160305"))
def retry(
    settings: RetrySettings,
    delivery: DeliverySettings,
    route: RouteSettings,
    output: OutputSettings,
    given: Options,
) -> int:
    """Push the fixed rejects of a run, with its own target, keys, types and shape."""
    from rjcli.commands.resume import retry as run

    del delivery, route  # they are among those given
    return run(settings.run, _report(output), given)


@command("status", ("Before a nightly load", "rjcli status && rjcli push …"))
def status(access: AccessSettings, output: JsonSettings, profile: "Profile | None") -> int:
    """Is the API operational?"""
    from rjcli.commands import status as command

    return command.status(access, _report(output), profile)


@command("auth-check", ("Is the sandbox's key right?", "rjcli auth-check --env sandbox"))
def auth_check(access: AccessSettings, output: JsonSettings, profile: "Profile | None") -> int:
    """May this client id and API key push, in that environment?"""
    from rjcli.commands import status as command

    return command.auth_check(access, _report(output), profile)


@command(
    "login",
    ("Asks for client id and key", "rjcli login --env sandbox -t orders -k id"),
    ("From a password manager", "pass show rj | rjcli login --profile shop --client-id 12"),
)
def login(settings: LoginSettings, output: JsonSettings, previous: "Profile | None") -> int:
    """Store credentials, and defaults, for a profile; the API key is asked for or read from stdin.

    The one command that asks anything.
    """
    from rjcli.commands import login as command

    if settings.delete:
        return command.logout(settings.profile, previous, _report(output))
    return command.login(settings, previous, _report(output))


@command("runs", ("What became of the last pushes", "rjcli runs"))
def runs(settings: RunsSettings, output: JsonSettings) -> int:
    """Past pushes: what each read, accepted and rejected, and how to resume it."""
    from rjcli.commands import runs as command

    return command.runs(settings.run, _report(output))


@command(
    "serve",
    ("On a free port", "rjcli serve --port 0"),
    ("One in ten upserts fails, as networks do", "rjcli serve --fail 0.05 --drop 0.05 --seed 1"),
)
def serve(settings: ServeSettings) -> int:
    """Run a local Import API to develop and test against."""
    from rjcli.commands.serve import serve as run

    return run(settings, _report(JsonSettings()))


def _report(settings: JsonSettings) -> "Report":
    from rjcli.report import Report

    output = (
        settings if isinstance(settings, OutputSettings) else OutputSettings(json=settings.json)
    )
    return Report(output)


def _run(words: list[str]) -> int:
    from rjcli.cli.help import print_commands
    from rjcli.cli.words import complete, run, show_completion

    if complete():
        return 0
    match words:
        case ["help", name, *_]:
            return run(name, ["--help"])
        case [] | ["help" | "-h" | "--help", *_]:
            print_commands()
        case ["-V" | "--version", *_]:
            _report(JsonSettings()).line(f"rjcli {__version__}")
        case ["--show-completion" | "--install-completion" as option, *rest]:
            shell = rest[0] if rest else Path(os.environ.get("SHELL", "")).name
            show_completion(shell, install=option == "--install-completion")
        case [name, *rest]:
            return run(name, rest)
    return 0


def main() -> NoReturn:
    """Run rjcli and exit. The one place where an error becomes a message and an exit code."""
    install_output_filter(os.environ)
    try:
        exit_code = _run(sys.argv[1:])
    except RjcliError as error:
        exit_code = _fail(error)
    except Exception as error:  # noqa: BLE001 - nothing a user does may end in a traceback
        exit_code = _fail(crash_error(error))
        for line in trace(error, os.environ):
            _report(JsonSettings()).note(line)
    sys.exit(exit_code)


def _fail(error: RjcliError) -> int:
    # The options may be what is wrong, so that they cannot be asked.
    wants_json = "--json" in sys.argv or os.environ.get("RJCLI_JSON", "") not in {"", "0", "false"}
    _report(JsonSettings(json=wants_json)).failure(error)
    return error.exit_code
