"""``rjcli.load``: many tables at once, as a load file says."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from rjcli.engine.connection import LOCAL_ENDPOINT, connect
from rjcli.engine.engine import Engine
from rjcli.engine.pushes import Pushes
from rjcli.errors import RjcliError, UsageError
from rjcli.events import Event, LoadSummary, Rejected
from rjcli.library.base_call import BaseCall, read_arguments
from rjcli.library.result import BaseResult, Reject, Result
from rjcli.library.threads import LoopThread
from rjcli.loading.load import Load, describe_load, open_load
from rjcli.loading.plan import plan_load
from rjcli.model import Noted
from rjcli.run.load_document import load_document
from rjcli.settings.commands import AccessSettings
from rjcli.settings.load import LoadSettings
from rjcli.settings.option import options_of
from rjcli.settings.read import read
from rjcli.settings.sources import PYTHON
from rjcli.settings.values import DeliverySettings

OnReject = Callable[[str, Reject], object]
OnNote = Callable[[str], object]

_OPTIONS = [*options_of(LoadSettings, DeliverySettings, AccessSettings)]
_MOST_REJECTS = 1000


@dataclass(frozen=True, slots=True)
class LoadResult(BaseResult):
    """How a load went. ``tables``: the result of each, by name; the numbers are their totals.

    ``skipped``: tables without files, which may be missing.
    """

    tables: Mapping[str, Result] = field(default_factory=dict)
    skipped: tuple[str, ...] = ()


def load(
    file: str | os.PathLike[str],
    tables: Sequence[str] = (),
    *,
    on_reject: OnReject | None = None,
    on_note: OnNote | None = None,
    most_rejects: int = _MOST_REJECTS,
    **options: Any,
) -> LoadResult:
    """Load the tables that a load file names, as ``rjcli load`` does; return how it went.

    ``tables``: of these only. ``options`` are those of the command, and go before the file:
    ``resume="auto"``, ``dry_run=True``, ``parallel=4``, ``jobs=16``, ``environment="sandbox"``,
    ``profile``, ``api_key``. ``on_reject`` is called with the table and each rejected record,
    ``on_note`` with what people should know, both from another thread. ``most_rejects``: so
    many of each table are kept in its result.

    Raises UsageError, with all that is wrong with the file, before anything is sent, and
    nothing for what happens on the way: see ``LoadResult.check``.
    """
    given = {"file": file, "tables": tables, **options}
    call = _LoadCall(given, on_reject, on_note, most_rejects)
    with LoopThread(call, call.run) as thread:
        return thread.result()


class _LoadCall(BaseCall):
    """A load that is ready to begin. Raises UsageError for bad options, and a bad file."""

    def __init__(
        self,
        options: Mapping[str, Any],
        on_reject: OnReject | None,
        on_note: OnNote | None,
        most_rejects: int,
    ) -> None:
        super().__init__()
        self._on_reject = on_reject
        self._on_note = on_note
        self._most_rejects = most_rejects
        self._rejects: dict[str, list[Reject]] = {}
        given, self._api_key = read_arguments(_OPTIONS, options)
        self._plan = plan_load(read(LoadSettings, given, PYTHON), given, os.environ)

    async def run(self) -> LoadResult:
        """Load everything; whatever happens then is in the result. Raises UsageError."""
        try:
            return await self._run()
        except UsageError:
            raise
        except RjcliError as error:
            return LoadResult.failed(error)

    async def _run(self) -> LoadResult:
        plan = self._plan
        with ExitStack() as stack:
            if plan.settings.dry_run:
                endpoint = plan.access.target.endpoint or LOCAL_ENDPOINT
                pushes = Pushes()
                self._begin(pushes)
                load = Load(plan, describe_load(plan, endpoint, None), None, self._handle)
                return self._result(await load.push_all(pushes, endpoint))
            # What may take a while, as a keyring does, does not hold up the event loop.
            connecting = connect(plan.access, plan.profile, api_key=self._api_key)
            connection = await asyncio.to_thread(stack.enter_context, connecting)
            engine = await asyncio.to_thread(Engine, plan.access, connection, plan.limits)
            description = describe_load(plan, connection.endpoint, engine.client_id)
            run = stack.enter_context(open_load(plan, description, self._note))
            async with engine:
                self._begin(engine)
                load = Load(plan, description, run, self._handle)
                return self._result(await load.push_all(engine, connection.endpoint))

    def _result(self, summary: LoadSummary) -> LoadResult:
        document = load_document(summary)
        tables = {
            table: Result.of(each, tuple(self._rejects.get(table, ())))
            for table, each in summary.tables.items()
        }
        return LoadResult(
            str(summary.status),
            summary.exit_code,
            tables=tables,
            **document["records"],
            message=summary.message,
            hint=summary.hint,
            error=summary.error,
            skipped=summary.load.skipped,
            requests=document["requests"],
            bytes_sent=document["bytes_sent"],
            seconds=summary.seconds,
            run=document["run"],
            run_dir=summary.directory,
            cause=self.cause,
        )

    def _handle(self, table: str, event: Event) -> None:
        match event:
            case Noted(text):
                self._note(f"{table}: {text}")
            case Rejected(rejection):
                reject = Reject.of(rejection, in_file=True)
                kept = self._rejects.setdefault(table, [])
                if len(kept) < self._most_rejects:
                    kept.append(reject)
                self._call_back(self._on_reject, table, reject)

    def _note(self, text: str) -> None:
        self._call_back(self._on_note, text)
