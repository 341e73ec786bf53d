"""``rjcli push``."""

import asyncio
import os
import secrets
import shlex
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rjcli.api.base_url import Endpoint
from rjcli.commands.connection import LOCAL_ENDPOINT, Connection, connect, talk
from rjcli.commands.signals import stopping_on_signals
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.credentials.config_file import Profile
from rjcli.delivery.limits import Limits
from rjcli.engine.table_push import Route, TablePush
from rjcli.errors import RjcliError
from rjcli.events import Finished, RunDescription, Status, Summary
from rjcli.producer.process import Produce, open_producer
from rjcli.reading import Source
from rjcli.report import Report, summary_document
from rjcli.run import Run, RunRequest, identify, open_run
from rjcli.settings.commands import AccessSettings
from rjcli.settings.values import PushSettings

if TYPE_CHECKING:
    from rjcli.http.transport import Transport


def push(
    access: AccessSettings, settings: PushSettings, report: Report, profile: Profile | None
) -> int:
    """Load files into a table."""
    sources = [Source(file) for file in settings.input.files]
    with open_producer(sources, secrets=[API_KEY_VARIABLE]) as produce:
        if settings.dry_run:
            endpoint = access.target.endpoint or LOCAL_ENDPOINT
            description = _describe(access, settings, endpoint, client_id=None)
            table_push = TablePush(settings, description, produce, None, report.handle)
            summary = asyncio.run(_run(table_push))
        else:
            with connect(access, profile) as connection:
                summary = _deliver(access, settings, connection, produce, report)
    report.handle(Finished(summary))
    if access.target.is_local and summary.counts.accepted:
        report.command("to look at the data", _show_command(access.database, settings.table))
    return summary.exit_code


def _deliver(
    access: AccessSettings,
    settings: PushSettings,
    connection: Connection,
    produce: Produce,
    report: Report,
) -> Summary:
    """Load what a producer reads, in a run of its own."""
    credentials = connection.credentials()
    description = _describe(access, settings, connection.endpoint, credentials.client_id)
    # The local Import API has another address each time: what stays is where it keeps its data.
    is_local = access.target.is_local
    address = str(Path(access.database).absolute()) if is_local else description.base_url
    request = RunRequest(
        settings.run,
        identify(settings, address, credentials.client_id),
        address,
        credentials.client_id,
        settings.table,
        settings.delivery.settle,
        description.name,
        description.environment,
        os.environ,
        report.note,
    )
    with open_run(request) as run:

        async def load(transport: "Transport") -> Summary:
            upsert = partial(transport.upsert, credentials, settings.table)
            limits = Limits(settings.delivery.jobs, settings.delivery.rate_limit)
            route = Route(upsert, limits, run)
            named = replace(description, name=run.name)
            return await _run(TablePush(settings, named, produce, route, report.handle))

        summary = talk(access, connection, load, settings.delivery.jobs)
        return _conclude(run, summary)


async def _run(table_push: TablePush) -> Summary:
    with stopping_on_signals(table_push.stop):
        return await table_push.run()


def _conclude(run: Run, summary: Summary) -> Summary:
    """Write the summary into the run's directory; where that fails, the summary says so."""
    try:
        run.conclude(summary_document(summary))
    except RjcliError as error:
        if summary.message is None:
            return replace(
                summary, status=Status.FAILED, exit_code=error.exit_code, message=error.message
            )
    return summary


def _describe(
    access: AccessSettings, settings: PushSettings, endpoint: Endpoint, client_id: int | None
) -> RunDescription:
    return RunDescription(
        name=name_run(settings.table, datetime.now().astimezone()),
        environment=access.target.environment,
        base_url=endpoint.base_url,
        host=endpoint.host,
        client_id=client_id,
        table=settings.table,
        keys=settings.keys,
        inputs=settings.input.files,
        dry_run=settings.dry_run,
    )


def name_run(table: str, now: datetime) -> str:
    """Name a run so that names sort by time and no two are the same."""
    return f"{now:%Y%m%d-%H%M%S}-{table}-{secrets.token_hex(2)}"


def _show_command(database: str, table: str) -> str:
    """A command to copy that shows a table, from whatever directory it is started in."""
    # -P: what the directory holds, such as a csv.py, is not taken for a module.
    look = [sys.executable, "-P", "-m", "rjcli.local"]
    return shlex.join([*look, os.path.abspath(database), table])  # noqa: PTH100 - resolves no links
