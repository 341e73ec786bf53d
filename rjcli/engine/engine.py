"""The engine: any number of pushes to one Import API, within limits that they share."""

from functools import partial
from typing import Self

from rjcli.delivery.limits import Limits
from rjcli.engine.connection import Connection
from rjcli.engine.pushes import Pushes
from rjcli.engine.route import Route
from rjcli.http.transport import Transport
from rjcli.settings.commands import AccessSettings
from rjcli.settings.values import DeliverySettings, PushSettings


class Engine(Pushes):
    """Pushes tables to one Import API. An async context manager.

    ``limits``: its jobs and rate limit are those of all pushes together.
    """

    def __init__(
        self, access: AccessSettings, connection: Connection, limits: DeliverySettings
    ) -> None:
        super().__init__()
        self._credentials = credentials = connection.credentials()
        self._host = connection.endpoint.host
        self.client_id = credentials.client_id
        self._limits = Limits(limits.jobs, limits.rate_limit)
        self._transport = Transport(
            connection.endpoint, access.timeout, limits.jobs, access.ca_file
        )

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._transport.__aexit__(*error)

    def route(self, table: str) -> Route:
        """Return the way to a table."""
        upsert = partial(self._transport.upsert, self._credentials, table)
        return Route(upsert, self._limits, f"{self._host}, {self._credentials}")

    def _route(self, settings: PushSettings) -> Route:
        return self.route(settings.table)
