"""What each command does, once its options are settings. Each returns an exit code."""

import asyncio
import os
import shlex
import shutil
import sys
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from rjcli.address import is_loopback
from rjcli.api import Endpoint, Judgement, Verdict, error_of, judge_authenticate, judge_status
from rjcli.credentials import API_KEY_VARIABLE, find_credentials
from rjcli.environment import (
    LOCAL_API_KEY,
    LOCAL_CLIENT_ID,
    LOCAL_ENDPOINT,
    Connection,
    connect,
    extra_local,
)
from rjcli.errors import RjcliError, UsageError
from rjcli.intake.process import TakeIn, open_intake
from rjcli.model import Finished, Job, Status, Summary
from rjcli.push import Push, Route, name_run
from rjcli.reading import Source
from rjcli.report import Report, summary_document
from rjcli.run import Opening, Run, identify, open_run
from rjcli.settings import AccessSettings, PushSettings, ServeSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rjcli.transport import Transport

T = TypeVar("T")


def push(access: AccessSettings, settings: PushSettings, report: Report) -> int:
    """Load files into a table."""
    sources = [Source(file) for file in settings.input.files]
    with open_intake(sources) as take_in:
        if settings.dry_run:
            endpoint = access.target.endpoint or LOCAL_ENDPOINT
            job = _describe_job(access, settings, endpoint, client_id=None)
            summary = asyncio.run(Push(settings, job, take_in, None, report.handle).run())
        else:
            summary = _deliver(access, settings, take_in, report)
    report.handle(Finished(summary))
    if access.target.is_local and summary.counts.accepted:
        report.note(f"to look at the data: {_show_command(access.database, settings.table)}")
    return summary.exit_code


def _deliver(
    access: AccessSettings, settings: PushSettings, take_in: TakeIn, report: Report
) -> Summary:
    """Load what an intake takes in, in a run of its own."""
    with connect(access) as connection:
        credentials = connection.credentials()
        job = _describe_job(access, settings, connection.endpoint, credentials.client_id)
        with open_run(_describe_run(access, settings, job, report)) as run:
            job = replace(job, run=run.name)

            async def load(transport: "Transport") -> Summary:
                route = Route(partial(transport.upsert, credentials, settings.table), run)
                return await Push(settings, job, take_in, route, report.handle).run()

            summary = _talk(access, connection, load, settings.delivery.jobs)
            return _conclude(run, summary)


def _describe_run(
    access: AccessSettings, settings: PushSettings, job: Job, report: Report
) -> Opening:
    # The local Import API has another address each time: what stays is where it keeps its data.
    address = str(Path(access.database).absolute()) if access.target.is_local else job.base_url
    assert job.client_id  # noqa: S101 - dry runs alone need none
    return Opening(
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


def status(access: AccessSettings, report: Report) -> int:
    """Tell whether the API is operational."""
    with connect(access) as connection:
        answer = _talk(access, connection, lambda transport: transport.status())
        document = _describe(access, connection) | {"status": "operational"}
        return _tell(judge_status(answer), document, report)


def auth_check(access: AccessSettings, report: Report) -> int:
    """Tell whether the client id and the API key may push."""
    with connect(access) as connection:
        credentials = connection.credentials()
        answer = _talk(access, connection, lambda transport: transport.authenticate(credentials))
        document = _describe(access, connection) | {
            "client_id": credentials.client_id,
            "status": "authorized",
        }
        return _tell(judge_authenticate(answer), document, report)


def serve(settings: ServeSettings, report: Report) -> int:
    """Run a local Import API until it is told to stop."""
    with extra_local():
        from rjcli.local.app import LocalCredentials
        from rjcli.local.faults import Faults
        from rjcli.local.server import LocalServer
    faults = Faults(
        latency=settings.latency,
        fail_rate=settings.fail,
        fail_status=settings.fail_status,
        drop_rate=settings.drop,
        drop_after_apply_rate=settings.drop_after_apply,
        retry_after=settings.retry_after,
        seed=settings.seed,
    )
    defaults = {API_KEY_VARIABLE: LOCAL_API_KEY}
    credentials = find_credentials(
        settings.client_id or str(LOCAL_CLIENT_ID), settings.api_key_file, defaults | os.environ
    )
    key = credentials.api_key.reveal()
    shown_key = key if key == LOCAL_API_KEY else "as given"
    accepted = LocalCredentials(credentials.client_id, key)
    try:
        local = LocalServer(
            settings.database,
            accepted,
            faults,
            settings.host,
            settings.port,
            allow_remote=settings.allow_remote,
        )
    except ValueError as error:
        hint = "--allow-remote serves it all the same; the API key then travels in plain text"
        raise UsageError(str(error), hint=hint) from None
    if not is_loopback(settings.host):
        report.note(f"others can reach {settings.host}; the API key travels there in plain text")
    with local as server:
        report.line(f"Import API at {server.base_url}, records kept in {settings.database}")
        report.line(f"client id {credentials.client_id}, API key {shown_key}; stop with Ctrl-C")
        server.serve_forever()
    return 0


def _talk(
    access: AccessSettings,
    connection: Connection,
    conversation: "Callable[[Transport], Coroutine[None, None, T]]",
    connections: int = 1,
) -> T:
    """Run something that talks to the API."""
    # It takes its time, in which the process that reads gets under way.
    from rjcli.transport import Transport

    async def talk() -> T:
        async with Transport(
            connection.endpoint, access.timeout, connections, access.ca_file
        ) as transport:
            return await conversation(transport)

    return asyncio.run(talk())


def _describe_job(
    access: AccessSettings, settings: PushSettings, endpoint: Endpoint, client_id: int | None
) -> Job:
    return Job(
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


def _describe(access: AccessSettings, connection: Connection) -> dict[str, Any]:
    return {
        "environment": access.target.environment,
        "base_url": connection.endpoint.base_url,
        "exit_code": 0,
        "message": None,
    }


def _tell(judgement: Judgement, document: dict[str, Any], report: Report) -> int:
    if judgement.verdict is not Verdict.ACKNOWLEDGED:
        raise error_of(judgement)
    report.result(document, f"{document['status']}: {document['environment']}")
    return 0


def _show_command(database: str, table: str) -> str:
    """A command to copy that shows a table, with what this machine has."""
    if shutil.which("sqlite3"):
        return shlex.join(["sqlite3", database, f"select * from {table}"])  # noqa: S608 - a checked name
    return shlex.join([sys.executable, "-m", "rjcli.local", database, table])
