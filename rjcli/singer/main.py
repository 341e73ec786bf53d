"""``target-rjmetrics``: its command line, and how it begins and ends."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

from rjcli import __version__
from rjcli.commands.connection import connect
from rjcli.commands.output_filter import install_output_filter
from rjcli.commands.signals import stopping_on_signals
from rjcli.crash_report import crash_error, trace
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.engine.connection import Connection
from rjcli.engine.description import name_run
from rjcli.engine.engine import Engine
from rjcli.errors import RjcliError, UsageError
from rjcli.producer.process import open_reader
from rjcli.reading import Source
from rjcli.run import KeysInDoubt, RunRequest, open_in_doubt, state_directory
from rjcli.settings.option_kinds import STDIN
from rjcli.settings.values import RunSettings
from rjcli.singer import config, log
from rjcli.singer.about import NAME, about_json, about_markdown, about_text
from rjcli.singer.config import Configuration, configure
from rjcli.singer.reader import Reader, SingerTask
from rjcli.singer.rejects import RejectedMessages
from rjcli.singer.target import Target

_ABOUT = {None: about_text, "text": about_text, "json": about_json, "markdown": about_markdown}
_SECRETS = (API_KEY_VARIABLE, config.API_KEY_VARIABLE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"{NAME} --help")


def main() -> NoReturn:
    """Run the target and exit. The one place where an error becomes a message and an exit code."""
    install_output_filter(os.environ)
    try:
        exit_code = run(sys.argv[1:])
    except RjcliError as error:
        log.failure(error)
        exit_code = error.exit_code
    except KeyboardInterrupt:
        exit_code = 130
    except Exception as error:  # noqa: BLE001 - nothing a user does may end in a traceback
        for line in trace(error, os.environ):
            log.warning(line)
        failure = crash_error(error)
        log.failure(failure)
        exit_code = failure.exit_code
    sys.exit(exit_code)


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
    with ExitStack() as stack:
        return _load(configuration, options.input, stack)


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


def _load(configuration: Configuration, path: str, stack: ExitStack) -> int:
    settings, access, profile, _ = configuration
    state_fd = _take_stdout(stack)
    source = Source(path)
    # It starts while the rest is made ready.
    begin = partial(Reader, source=source)
    produce = stack.enter_context(open_reader("rjcli.singer.worker", begin, [source], _SECRETS))
    connection = stack.enter_context(connect(access, profile))
    engine = Engine(access, connection, settings.delivery)
    name = name_run("singer", datetime.now().astimezone())
    rejects = RejectedMessages(partial(_rejects_directory, settings.directory, name))
    stack.callback(rejects.close)
    log.info(
        f"loading into {access.target.environment} at {connection.endpoint.host}"
        f" as client {engine.client_id}"
    )
    open_table = _opener(configuration, connection, engine.client_id, name, stack)
    messages = produce(SingerTask(path, settings))

    async def load() -> int:
        async with engine:
            target = Target(settings, engine.route, open_table, rejects, state_fd)
            with stopping_on_signals(target.stop):
                return await target.run(messages)

    return asyncio.run(load())


def _take_stdout(stack: ExitStack) -> int:
    """Return a descriptor for states; whatever else writes to stdout goes to stderr from now on."""
    try:
        fd = os.dup(1)
        os.dup2(2, 1)
    except OSError:
        raise UsageError(
            "stdout or stderr is closed", hint=f"{NAME} writes states to stdout: > state.jsonl"
        ) from None
    stack.callback(os.close, fd)
    return fd


def _rejects_directory(directory: str | None, name: str) -> Path:
    if directory:
        return Path(directory).absolute()
    return state_directory(os.environ) / "singer" / name


def _opener(
    configuration: Configuration,
    connection: Connection,
    client_id: int,
    name: str,
    stack: ExitStack,
) -> Callable[[str], KeysInDoubt | None]:
    """Return what opens, by its name, what a table has in doubt."""
    access = configuration.access
    is_local = access.target.is_local
    address = str(Path(access.database).absolute()) if is_local else connection.endpoint.base_url

    def open_table(table: str) -> KeysInDoubt | None:
        request = RunRequest(
            settings=RunSettings(),
            job={},
            target=(address, client_id, table),
            settle=configuration.settings.delivery.settle,
            name=name,
            environment=access.target.environment,
            options={},
            environ=os.environ,
            note=log.warning,
        )
        return stack.enter_context(open_in_doubt(request))

    return open_table
