"""The engine: any number of pushes to one Import API, within limits that they share."""

from functools import partial
from types import TracebackType
from typing import Self

from rjcli.delivery.limits import Limits
from rjcli.engine.connection import Connection
from rjcli.engine.route import Emit, Route, Storage
from rjcli.engine.table_push import TablePush
from rjcli.errors import RjcliError
from rjcli.events import RunDescription, Summary
from rjcli.http.transport import Transport
from rjcli.producer.process import Produce
from rjcli.settings.commands import AccessSettings
from rjcli.settings.values import DeliverySettings, PushSettings


class Engine:
    """Pushes tables to one Import API. An async context manager.

    ``limits``: its jobs and rate limit are those of all pushes together.
    """

    def __init__(
        self, access: AccessSettings, connection: Connection, limits: DeliverySettings
    ) -> None:
        self._credentials = credentials = connection.credentials()
        self.client_id = credentials.client_id
        self._limits = Limits(limits.jobs, limits.rate_limit)
        self._transport = Transport(
            connection.endpoint, access.timeout, limits.jobs, access.ca_file
        )
        self._pushes: set[TablePush] = set()
        self._stopped_by: RjcliError | None = None

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)

    async def push(
        self,
        settings: PushSettings,
        description: RunDescription,
        produce: Produce,
        emit: Emit,
        storage: Storage = Storage(),  # noqa: B008 - frozen
    ) -> Summary:
        """Push what a producer yields to a table; return how it went, whatever happened.

        Cancelling stops it in good order.
        """
        route = self.route(settings.table, description.host)
        push = TablePush(settings, description, produce, emit, storage, route)
        self._pushes.add(push)
        if self._stopped_by:
            push.stop(self._stopped_by)
        try:
            return await push.run()
        finally:
            self._pushes.discard(push)

    def route(self, table: str, host: str) -> Route:
        """Return the way to a table; ``host``: of the Import API, as errors name it."""
        upsert = partial(self._transport.upsert, self._credentials, table)
        return Route(upsert, self._limits, f"{host}, {self._credentials}")

    def stop(self, error: RjcliError) -> None:
        """Stop all pushes in good order, those that begin later too."""
        self._stopped_by = self._stopped_by or error
        for push in self._pushes:
            push.stop(error)
