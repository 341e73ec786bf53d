"""Pushes that go on at once, and that stop together."""

from rjcli.engine.route import Emit, Route, Storage
from rjcli.engine.table_push import TablePush
from rjcli.errors import RjcliError
from rjcli.events import RunDescription, Summary
from rjcli.producer.process import Produce
from rjcli.settings.values import PushSettings


class Pushes:
    """Runs dry runs, any number at once. The engine runs pushes in the same way.

    ``stopped_by``: why all were stopped; None if they were not.
    """

    def __init__(self) -> None:
        self._running: set[TablePush] = set()
        self.stopped_by: RjcliError | None = None

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
        route = self._route(settings)
        push = TablePush(settings, description, produce, emit, storage, route)
        self._running.add(push)
        if self.stopped_by:
            push.stop(self.stopped_by)
        try:
            return await push.run()
        finally:
            self._running.discard(push)

    def stop(self, error: RjcliError) -> None:
        """Stop all pushes in good order, those that begin later too."""
        self.stopped_by = self.stopped_by or error
        for push in self._running:
            push.stop(error)

    def _route(self, _: PushSettings) -> Route | None:
        """The way to the API; None: nothing is sent."""
        return None
