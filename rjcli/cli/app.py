"""Runs a command line, and makes an exit code of every error."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import rjcli.cli.declarations  # noqa: F401 - it declares the commands
from rjcli import __version__
from rjcli.cli.command import VARIABLE
from rjcli.cli.reports import opened, report_on
from rjcli.commands.output_filter import install_output_filter
from rjcli.commands.signals import interruption, listen, no_more_to_stop
from rjcli.crash_report import error_from, trace
from rjcli.errors import RjcliError
from rjcli.settings.commands import JsonSettings


def _run(words: list[str], begin: Callable[[], object]) -> int:
    from rjcli.cli.help import print_commands
    from rjcli.cli.words import make_app, parse

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
            report_on(JsonSettings()).line(f"rjcli {__version__}")
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
    opened.clear()
    try:
        install_output_filter(os.environ)
        exit_code = run(sys.argv[1:], listen if listens else lambda: None)
    except RjcliError as error:
        exit_code = _fail(error)
    except KeyboardInterrupt as error:
        exit_code = _fail(interruption(error))
    except Exception as error:  # noqa: BLE001 - nothing a user does may end in a traceback
        exit_code = _fail(error_from(error))
        report = opened[0] if opened else report_on(JsonSettings())
        for line in trace(error, os.environ):
            report.note(line)
    no_more_to_stop()
    sys.exit(exit_code)


def _fail(error: RjcliError) -> int:
    # The options may be what is wrong, so that they cannot be asked.
    wants_json = "--json" in sys.argv or os.environ.get("RJCLI_JSON", "") not in {"", "0", "false"}
    report = opened[0] if opened else report_on(JsonSettings(json=wants_json))
    report.failure(error)
    return error.exit_code
