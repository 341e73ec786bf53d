"""A load: pushes of several tables, side by side, each with a run of its own."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from rjcli.api.base_url import Endpoint
from rjcli.crash_report import error_from, trace
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.engine.connection import client_id_of
from rjcli.engine.description import describe, name_run, request_run, with_client
from rjcli.engine.pushes import Pushes
from rjcli.engine.route import Storage
from rjcli.errors import AccessDeniedError, RjcliError, UsageError
from rjcli.events import (
    Counts,
    Event,
    Finished,
    LoadDescription,
    LoadSummary,
    RunDescription,
    Summary,
)
from rjcli.loading.files import size_of
from rjcli.loading.outcome import describe_failure, summarise
from rjcli.loading.plan import Plan, TablePlan
from rjcli.model import Noted
from rjcli.producer.process import open_producer
from rjcli.reading import Source
from rjcli.run import LoadRequest, LoadRun, open_load_run, open_run, open_table_types
from rjcli.run.load_document import load_document
from rjcli.settings.choices import Resume
from rjcli.settings.values import RunSettings

EmitOfTable = Callable[[str, Event], None]
"""Called with each event of a table's push, and the table's name."""

Note = Callable[[str], None]


def describe_load(plan: Plan, endpoint: Endpoint, client_id: int | None) -> LoadDescription:
    """Describe a load, with a name for a new run."""
    file = os.path.basename(plan.settings.file).removesuffix(".toml")  # noqa: PTH119 - as text
    word = "".join(letter if letter.isalnum() else "_" for letter in file) or "load"
    return LoadDescription(
        name=name_run(word, datetime.now().astimezone()),
        file=plan.settings.file,
        environment=plan.access.target.environment,
        base_url=endpoint.base_url,
        host=endpoint.host,
        client_id=client_id,
        tables=tuple(table.settings.table for table in plan.tables),
        skipped=tuple(plan.skipped),
        dry_run=plan.settings.dry_run,
        bytes_total=sum(size_of(table.settings.input.files) for table in plan.tables),
    )


def open_load(plan: Plan, load: LoadDescription, note: Note) -> AbstractContextManager[LoadRun]:
    """Open the run of a load that is no dry run. Raises as ``open_load_run`` does."""
    if plan.earlier:
        directory = str(plan.earlier.directory)
        run, job = RunSettings(directory, Resume.ON), plan.earlier.job
        tables = plan.earlier.tables or {}
    else:
        run, job = plan.settings.run, _job(plan, load)
        tables = {table.settings.table: table.options for table in plan.tables}
    name, environment = load.name, load.environment
    return open_load_run(
        LoadRequest(run, job, name, environment, plan.options, tables, os.environ, note)
    )


def _job(plan: Plan, load: LoadDescription) -> Mapping[str, Any]:
    """What identifies a load: its file, where it goes, and the tables if some were named."""
    access, chosen = plan.access, sorted(plan.settings.tables)
    path = os.path.abspath(access.database if access.target.is_local else load.file)  # noqa: PTH100
    return {
        "load": os.path.abspath(load.file),  # noqa: PTH100 - as text, resolving no links
        "base URL": path if access.target.is_local else load.base_url,
        "client id": load.client_id,
        **({"tables": chosen} if chosen else {}),
    }


class Load:
    """Pushes the tables of a plan, as many at a time as it says.

    A table that fails does not stop the others, unless the API refuses the credentials.
    ``run``: of the load; None: nothing is kept, as in a dry run.
    """

    def __init__(
        self, plan: Plan, load: LoadDescription, run: LoadRun | None, emit: EmitOfTable
    ) -> None:
        self._plan = plan
        self._load = replace(load, name=run.name) if run else load
        self._run = run
        self._emit = emit
        self._summaries: dict[str, Summary] = {}

    async def push_all(self, pushes: Pushes, endpoint: Endpoint) -> LoadSummary:
        """Push everything; return how it went, whatever happened."""
        began = time.monotonic()
        tables = iter(self._plan.tables)

        async def work() -> None:
            for table in tables:
                name = table.settings.table
                self._summaries[name] = await self._push(table, pushes, endpoint)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(self._plan.settings.parallel, len(self._plan.tables))):
                group.create_task(work())
        return self._conclude(time.monotonic() - began)

    async def _push(self, table: TablePlan, pushes: Pushes, endpoint: Endpoint) -> Summary:
        name, access = table.settings.table, self._plan.access
        description = describe(access, table.settings, endpoint, self._load.client_id)
        if pushes.stopped_by:
            return self._fail(description, pushes.stopped_by)
        try:
            with ExitStack() as stack:
                sources = [Source(file) for file in table.settings.input.files]
                produce = stack.enter_context(open_producer(sources, secrets=[API_KEY_VARIABLE]))
                notes: list[str] = []
                # It waits for the disk, which does not hold up the other tables.
                storage = await asyncio.to_thread(self._open, table, description, stack, notes)
                for text in notes:
                    self._emit(name, Noted(text))
                if storage.run and self._run:
                    description = replace(description, name=storage.run.name)
                summary = await pushes.push(
                    table.settings,
                    description,
                    produce,
                    lambda event: self._emit(name, event),
                    storage,
                )
        except RjcliError as error:
            summary = self._fail(description, error)
        except Exception as error:  # noqa: BLE001 - the other tables are pushed all the same
            for line in trace(error, os.environ):
                self._emit(name, Noted(line))
            summary = self._fail(description, error_from(error))
        if summary.exit_code == AccessDeniedError.exit_code:
            pushes.stop(AccessDeniedError(summary.message or "", hint=summary.hint))
        return summary

    def _open(
        self, table: TablePlan, description: RunDescription, stack: ExitStack, notes: list[str]
    ) -> Storage:
        """Open what is kept of a table's push, whose run is noted as a part of the load."""
        settings = table.settings
        request = request_run(
            self._plan.access, settings, description, table.options, os.environ, notes.append
        )
        if self._run is None:
            client_id = client_id_of(self._plan.access, self._plan.profile)
            types = open_table_types(with_client(request, client_id))
            # Without a place to keep its errors a dry run works as well.
            with suppress(UsageError):
                return Storage(stack.enter_context(open_run(request)), types=types)
            return Storage(types=types)
        if settings.table in self._run.starts_over:
            request = request._replace(settings=replace(settings.run, resume=Resume.OFF))
        try:
            types = open_table_types(request)
            run = stack.enter_context(open_run(request._replace(load=self._run.name)))
        except RjcliError as error:
            if not error.is_resumable:
                with suppress(RjcliError):
                    self._run.give_up(settings.table)
            raise
        self._run.begin(settings.table, run.directory)
        return Storage(run, run.in_doubt, types)

    def _fail(self, description: RunDescription, error: RjcliError) -> Summary:
        """How the push of a table went that could not begin."""
        summary = Summary(description, counts=Counts(), **describe_failure(error))
        self._emit(description.table, Finished(summary))
        return summary

    def _conclude(self, seconds: float) -> LoadSummary:
        tables = {table: self._summaries[table] for table in self._load.tables}
        summary = summarise(self._load, tables, self._plan.earlier, self._run, seconds)
        if self._run:
            try:
                self._run.conclude(load_document(summary))
            except RjcliError as error:
                if not summary.exit_code:
                    return replace(summary, **describe_failure(error))
        return summary
