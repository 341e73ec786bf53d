"""``rjcli push``, and what other commands share that push."""

import os
import shlex
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from types import MappingProxyType
from typing import Any

from msgspec.structs import replace

from rjcli.commands.connection import connect, note_stray_variables
from rjcli.commands.signals import interruption, run_async, stopping_on_signals
from rjcli.crash_report import error_from, trace
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.credentials.config_file import Profile
from rjcli.engine.connection import LOCAL_ENDPOINT, client_id_of
from rjcli.engine.description import KEPT, describe, request_run, with_client
from rjcli.engine.route import Storage
from rjcli.engine.summary import summarise_failure
from rjcli.engine.table_push import TablePush
from rjcli.errors import RjcliError, UsageError
from rjcli.events import Finished, RunDescription, Summary
from rjcli.producer.process import Produce, open_producer
from rjcli.reading import Source
from rjcli.report import Report
from rjcli.run import Run, open_run, open_table_types
from rjcli.settings.commands import AccessSettings
from rjcli.settings.sources import Options
from rjcli.settings.stored import store
from rjcli.settings.values import PushSettings


def push(
    settings: PushSettings,
    access: AccessSettings,
    report: Report,
    profile: Profile | None,
    given: Options,
) -> int:
    """Load files into a table. ``given``: all options, to resume the run with."""
    summary = load_files(settings, access, report, profile, store(KEPT, given))
    if access.target.is_local and summary.counts.accepted:
        report.command("to look at the data", look_command(access.database, settings.table))
    return report.exit_code(summary.exit_code)


def load_files(
    settings: PushSettings,
    access: AccessSettings,
    report: Report,
    profile: Profile | None,
    options: Mapping[str, Any],
    origin: Mapping[str, Any] = MappingProxyType({}),
) -> Summary:
    """Push files, and return how it went. Raises UsageError if it could not begin.

    ``options``: for the run to keep; ``origin``: its ``retries``, the run whose rejects the
    files are, or its ``load``, the run of the load that it is a part of.
    """
    sources = [Source(file) for file in settings.input.files]
    with open_producer(sources, secrets=[API_KEY_VARIABLE]) as produce:
        if settings.dry_run:
            return _dry_run(settings, access, produce, report, profile)
        note_stray_variables(access, profile, report)
        with connect(access, profile) as connection:
            client_id = connection.credentials().client_id
            description = describe(access, settings, connection.endpoint, client_id)
            request = request_run(access, settings, description, options, os.environ, report.note)
            types = open_table_types(request)
            with open_run(request._replace(**origin)) as run:
                named = replace(description, name=run.name)

                async def run_push() -> Summary:
                    # This import takes a while, in which the process that reads starts.
                    from rjcli.engine.engine import Engine

                    async with Engine(access, connection, settings.delivery) as engine:
                        with stopping_on_signals(engine.stop):
                            return await engine.push(
                                settings, named, produce, report.handle, storage
                            )

                storage = Storage(run, run.in_doubt, types)
                return _accounted(partial(run_async, run_push), named, run, report)


def _accounted(
    load: Callable[[], Summary], description: RunDescription, run: Run, report: Report
) -> Summary:
    """Load, and sum up what kept it from beginning. An error after its end is raised."""
    try:
        return load()
    except (Exception, KeyboardInterrupt) as error:
        if report.has_finished:
            raise
        failure = interruption(error) if isinstance(error, KeyboardInterrupt) else error_from(error)
        if not isinstance(error, RjcliError | KeyboardInterrupt):
            for line in trace(error, os.environ):
                report.note(line)
        summary = summarise_failure(description, run, failure)
        report.handle(Finished(summary))
        return summary


def _dry_run(
    settings: PushSettings,
    access: AccessSettings,
    produce: Produce,
    report: Report,
    profile: Profile | None,
) -> Summary:
    endpoint = access.target.endpoint or LOCAL_ENDPOINT
    description = describe(access, settings, endpoint, client_id=None)
    request = request_run(access, settings, description, {}, os.environ, report.note)
    types = open_table_types(with_client(request, client_id_of(access, profile)))

    async def run() -> Summary:
        table_push = TablePush(settings, description, produce, report.handle, storage)
        with stopping_on_signals(table_push.stop):
            return await table_push.run()

    storage = Storage(types=types)
    with ExitStack() as stack:
        # Without a place to keep its errors it works as well, unless one is named.
        with suppress(*([] if settings.run.directory else [UsageError])):
            storage = Storage(stack.enter_context(open_run(request)), types=types)
        return run_async(run)


def look_command(database: str, *tables: str) -> str:
    """A command to copy that shows a table, or all, from whatever directory it is started in."""
    # -P: what the directory holds, such as a csv.py, is not taken for a module.
    look = [sys.executable, "-P", "-m", "rjcli.local"]
    return shlex.join([*look, os.path.abspath(database), *tables])  # noqa: PTH100 - resolves no links
