"""``target-rjmetrics``: its command line, and how it begins and ends."""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from rjcli import __version__
from rjcli.commands.output_filter import install_output_filter
from rjcli.commands.signals import interruption, listen
from rjcli.errors import RjcliError, UsageError
from rjcli.settings.option_kinds import STDIN
from rjcli.singer import config, log
from rjcli.singer.about import NAME, about_json, about_markdown, about_text
from rjcli.singer.config import configure
from rjcli.singer.loading import load

_ABOUT = {None: about_text, "text": about_text, "json": about_json, "markdown": about_markdown}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{NAME} --help")


def main() -> NoReturn:
    """Run the target and exit. The one place where an error becomes a message and an exit code."""
    install_output_filter(os.environ)
    listen()
    try:
        sys.exit(run(sys.argv[1:]))
    except RjcliError as error:
        failure = error
    except KeyboardInterrupt as error:
        failure = interruption(error)
    except Exception as error:  # noqa: BLE001 - nothing a user does may end in a traceback
        failure = log.crash(error)
    log.failure(failure)
    sys.exit(failure.exit_code)


def run(arguments: Sequence[str]) -> int:
    """Do what the command line asks for; return the exit code."""
    options = _parse(arguments)
    if options.version:
        return _print(f"{NAME} {__version__}")
    if options.about:
        return _print(_ABOUT[options.format]())
    configuration = configure(options.config, os.environ)
    for warning in configuration.warnings:
        log.warning(warning)
    with _states_alone() as state_fd:
        return load(configuration, options.input, state_fd)


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _Parser(
        prog=NAME,
        description="Load what a Singer tap writes. States that are earned go to stdout.",
        epilog="tap-x --config tap.json | target-rjmetrics --config target.json > state.jsonl",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--config",
        action="append",
        default=[],
        metavar="FILE",
        help=f"configuration (JSON); {config.ENV}: variables {config.VARIABLE_PREFIX}…; repeatable",
    )
    parser.add_argument("--input", default=STDIN, metavar="FILE", help="read a file, not stdin")
    parser.add_argument("--about", action="store_true", help="show the settings")
    parser.add_argument(
        "--format", choices=["text", "json", "markdown"], help="how --about shows them"
    )
    parser.add_argument("--version", action="store_true", help="show the version")
    return parser.parse_args(arguments)


def _print(text: str) -> int:
    print(text)  # noqa: T201 - a command's output
    return 0


@contextmanager
def _states_alone() -> Iterator[int]:
    """Yield a descriptor for states; whatever else writes to stdout then goes to stderr."""
    try:
        fd = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        raise UsageError(
            "stdout or stderr is closed", hint=f"{NAME} writes states to stdout: > state.jsonl"
        ) from None
    try:
        yield fd
    finally:
        os.close(fd)
