"""``rjcli push``."""

import asyncio
import os
import shlex
import shutil
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from rjcli.api.base_url import Endpoint
from rjcli.commands.connection import (
    LOCAL_ENDPOINT,
    connect,
    talk,
)
from rjcli.engine.push import Push, Route, name_run
from rjcli.errors import RjcliError
from rjcli.model import Finished, RunDescription, Status, Summary
from rjcli.producer.process import Produce, open_producer
from rjcli.reading import Source
from rjcli.report import Report, summary_document
from rjcli.run import Run, RunRequest, identify, open_run
from rjcli.settings.values import AccessSettings, PushSettings

if TYPE_CHECKING:
    from rjcli.http.transport import Transport


def push(access: AccessSettings, settings: PushSettings, report: Report) -> int:
    """Load files into a table."""
    sources = [Source(file) for file in settings.input.files]
    with open_producer(sources) as produce:
        if settings.dry_run:
            endpoint = access.target.endpoint or LOCAL_ENDPOINT
            job = _describe_job(access, settings, endpoint, client_id=None)
            summary = asyncio.run(Push(settings, job, produce, None, report.handle).run())
        else:
            summary = _deliver(access, settings, produce, report)
    report.handle(Finished(summary))
    if access.target.is_local and summary.counts.accepted:
        report.note(f"to look at the data: {_show_command(access.database, settings.table)}")
    return summary.exit_code


def _deliver(
    access: AccessSettings, settings: PushSettings, produce: Produce, report: Report
) -> Summary:
    """Load what an intake takes in, in a run of its own."""
    with connect(access) as connection:
        credentials = connection.credentials()
        job = _describe_job(access, settings, connection.endpoint, credentials.client_id)
        with open_run(_describe_run(access, settings, job, report)) as run:
            job = replace(job, run=run.name)

            async def load(transport: "Transport") -> Summary:
                route = Route(partial(transport.upsert, credentials, settings.table), run)
                return await Push(settings, job, produce, route, report.handle).run()

            summary = talk(access, connection, load, settings.delivery.jobs)
            return _conclude(run, summary)


def _describe_run(
    access: AccessSettings, settings: PushSettings, job: RunDescription, report: Report
) -> RunRequest:
    # The local Import API has another address each time: what stays is where it keeps its data.
    address = str(Path(access.database).absolute()) if access.target.is_local else job.base_url
    assert job.client_id  # noqa: S101 - dry runs alone need none
    return RunRequest(
        settings.run,
        identify(settings, address, job.client_id),
        job.run,
        job.environment,
        os.environ,
        report.note,
    )


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


def _describe_job(
    access: AccessSettings, settings: PushSettings, endpoint: Endpoint, client_id: int | None
) -> RunDescription:
    return RunDescription(
        run=name_run(settings.table, datetime.now().astimezone()),
        environment=access.target.environment,
        base_url=endpoint.base_url,
        host=endpoint.host,
        client_id=client_id,
        table=settings.table,
        keys=settings.keys,
        inputs=settings.input.files,
        dry_run=settings.dry_run,
    )


def _show_command(database: str, table: str) -> str:
    """A command to copy that shows a table, with what this machine has."""
    if shutil.which("sqlite3"):
        return shlex.join(["sqlite3", database, f"select * from {table}"])  # noqa: S608 - a checked name
    return shlex.join([sys.executable, "-m", "rjcli.local", database, table])
