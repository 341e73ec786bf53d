"""The command line: what each command takes and runs, and how errors become exit codes.

Nothing heavy is imported before a command needs it, so that it starts at once.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rjcli import __version__
from rjcli.cli.command import command
from rjcli.commands.output_filter import install_output_filter
from rjcli.commands.signals import interruption, listen, no_more_to_stop
from rjcli.crash_report import error_from, trace
from rjcli.errors import RjcliError
from rjcli.settings.commands import (
    AccessSettings,
    CheckOutputSettings,
    JsonSettings,
    LoginSettings,
    LogoutSettings,
    OutputSettings,
    ResumeSettings,
    RetrySettings,
    RouteSettings,
    RunsSettings,
    ServeSettings,
)
from rjcli.settings.sources import Options
from rjcli.settings.values import DeliverySettings, PushSettings

if TYPE_CHECKING:
    from rjcli.credentials.config_file import Profile
    from rjcli.report import Report

_opened: "list[Report]" = []  # of the command that runs, with its log


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

    del delivery, route  # they are among those given
    return run(settings.run, _report(output), given, last=settings.last)


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


@command("status", ("Before a nightly load", "rjcli status && rjcli push orders.csv"))
def status(access: AccessSettings, output: JsonSettings, profile: "Profile | None") -> int:
    """Is the API operational?"""
    from rjcli.commands import check

    return check.status(access, _report(output), profile)


@command(
    "auth-check",
    ("Is the sandbox's key right?", "rjcli auth-check --env sandbox"),
    ("Which key is it?", "rjcli auth-check --profile shop -v"),
)
def auth_check(
    access: AccessSettings, output: CheckOutputSettings, profile: "Profile | None"
) -> int:
    """May this client id and API key push, in that environment?"""
    from rjcli.commands import check

    return check.auth_check(access, _report(output), profile, is_verbose=output.verbose)


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

    return command.login(settings, previous, _report(output))


@command("logout", ("Of another profile than the default one", "rjcli logout --profile shop"))
def logout(settings: LogoutSettings, output: JsonSettings, previous: "Profile | None") -> int:
    """Delete a profile that login stored, and its API key."""
    from rjcli.commands import login as command

    return command.logout(settings.profile, previous, _report(output))


@command("profiles", ("What login stored", "rjcli profiles"))
def profiles(output: JsonSettings) -> int:
    """Stored profiles: client, environment, and where the API key is; never the key."""
    from rjcli.commands.profiles import profiles as run

    return run(_report(output))


@command(
    "runs",
    ("What became of the last pushes", "rjcli runs"),
    ("One of them, and how to go on with it", "rjcli runs 20261121-160305"),
    ("Which of a table were killed", "rjcli runs --table orders --status killed"),
    ("Delete one", "rjcli runs rm 20261121-160305"),
    ("Delete all of last month and before", "rjcli runs rm --older-than 30d"),
)
def runs(settings: RunsSettings, output: JsonSettings, given: Options) -> int:
    """Past pushes: what each read, accepted and rejected, and how to resume it.

    rjcli runs rm deletes some. One that is under way stays, and so does one with work
    left to do, unless --force is given.
    """
    from rjcli.commands import runs as command

    return command.runs(settings, _report(output), given, as_json=output.json)


@command(
    "serve",
    ("On a free port", "rjcli serve --port 0"),
    ("One in ten upserts fails, as networks do", "rjcli serve --fail 0.05 --drop 0.05 --seed 1"),
)
def serve(settings: ServeSettings) -> int:
    """Run a local Import API to develop and test against."""
    from rjcli.commands.serve import serve as run

    return run(settings, _report(JsonSettings()))


@command("demo", ("Without an account", "rjcli demo"))
def demo() -> int:
    """Show a push, its reject, the fix and the retry, against a local Import API, in seconds.

    Everything happens in a directory of its own, which is deleted at the end.
    """
    from rjcli.commands.demo import demo as run

    return run(_report(JsonSettings()))


_reports: "list[Report]" = []  # of the command that runs


def _report(settings: JsonSettings) -> "Report":
    from rjcli.commands.log_file import open_log
    from rjcli.report import Report

    if isinstance(settings, OutputSettings):
        report = Report(settings, open_log(settings.log))
    else:
        report = Report(OutputSettings(json=settings.json))
    _reports.append(report)
    return report


def _run(words: list[str], begin: Callable[[], object]) -> int:
    from rjcli.cli.help import print_commands
    from rjcli.cli.words import VARIABLE, make_app, parse

    if VARIABLE in os.environ:
        from rjcli.cli.completion import complete

        complete(make_app)
        return 0
    match words:
        case ["help", name, *_]:
            return parse(name, ["--help"])()
        case [] | ["help" | "-h" | "--help", *_]:
            print_commands()
        case ["-V" | "--version", *_]:
            _report(JsonSettings()).line(f"rjcli {__version__}")
        case ["--show-completion" | "--install-completion" as option, *rest]:
            from rjcli.cli.completion import show_completion

            shell = rest[0] if rest else Path(os.environ.get("SHELL", "")).name
            show_completion(shell, install=option == "--install-completion")
        case [name, *rest]:
            work = parse(name, rest)
            begin()
            return work()
    return 0


def main(
    run: Callable[[list[str], Callable[[], object]], int] = _run, *, listens: bool = False
) -> NoReturn:
    """Run rjcli and exit. The one place where an error becomes a message and an exit code.

    ``run``: what to do with the words of the command line, and what to call before it
    works; returns the exit code. ``listens``: to signals, which are held back until then.
    """
    _reports.clear()
    try:
        install_output_filter(os.environ)
        exit_code = run(sys.argv[1:], listen if listens else lambda: None)
    except RjcliError as error:
        exit_code = _fail(error)
    except KeyboardInterrupt as error:
        exit_code = _fail(interruption(error))
    except Exception as error:  # noqa: BLE001 - nothing a user does may end in a traceback
        exit_code = _fail(error_from(error))
        report = _reports[0] if _reports else _report(JsonSettings())
        for line in trace(error, os.environ):
            report.note(line)
    no_more_to_stop()
    sys.exit(exit_code)


def _fail(error: RjcliError) -> int:
    # The options may be what is wrong, so that they cannot be asked.
    wants_json = "--json" in sys.argv or os.environ.get("RJCLI_JSON", "") not in {"", "0", "false"}
    report = _reports[0] if _reports else _report(JsonSettings(json=wants_json))
    report.failure(error)
    return error.exit_code
