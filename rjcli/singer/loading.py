"""From a configuration to a target that runs: what it needs is opened, and closed again."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from pathlib import Path

from rjcli.commands.connection import connect
from rjcli.commands.signals import run_async, stopping_on_signals
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.engine.connection import Connection
from rjcli.engine.description import name_run
from rjcli.engine.engine import Engine
from rjcli.producer.process import open_reader
from rjcli.reading import Source
from rjcli.run import KeysInDoubt, RunRequest, open_in_doubt, state_directory
from rjcli.settings.values import RunSettings
from rjcli.singer import config, log
from rjcli.singer.config import Configuration
from rjcli.singer.reader import Reader, SingerTask
from rjcli.singer.rejects import RejectedMessages
from rjcli.singer.target import Target

_SECRETS = (API_KEY_VARIABLE, config.API_KEY_VARIABLE)


def load(configuration: Configuration, path: str, state_fd: int) -> int:
    """Load a tap's output; return the exit code. ``path``: a file, or ``-`` for stdin.

    Raises RjcliError where it cannot begin.
    """
    settings, access, profile, _ = configuration
    with ExitStack() as stack:
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

        return run_async(load)


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
