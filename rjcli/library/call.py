"""One push from Python: its settings, what it collects, and how it is stopped."""

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

from msgspec.structs import replace

from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.engine.connection import LOCAL_ENDPOINT
from rjcli.engine.description import describe, with_client
from rjcli.engine.engine import Engine
from rjcli.engine.route import Storage
from rjcli.engine.table_push import TablePush
from rjcli.errors import RjcliError, UsageError
from rjcli.events import Event, Finished, Rejected, RunDescription
from rjcli.library.base_call import BaseCall
from rjcli.library.options import Options
from rjcli.library.result import Reject, Result
from rjcli.model import Noted
from rjcli.producer.feed import Feed
from rjcli.producer.process import Produce, open_producer
from rjcli.reading import Source
from rjcli.run import open_in_doubt, open_run, open_table_types

OnReject = Callable[[Reject], object]
OnNote = Callable[[str], object]
OnResult = Callable[[Result], object]


class Callbacks(NamedTuple):
    """What a program wants to know of a push; None: nothing."""

    on_reject: OnReject | None = None
    on_note: OnNote | None = None
    on_result: OnResult | None = None


class PushCall(BaseCall):
    """A push that is ready to begin. Raises UsageError for bad options.

    ``most_rejects``: so many are kept in the result.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        callbacks: Callbacks,
        most_rejects: int,
        *,
        in_files: bool = False,
    ) -> None:
        super().__init__()
        self._callbacks = callbacks
        self._most_rejects = most_rejects
        self._in_files = in_files
        self._rejects: list[Reject] = []
        self._result: Result | None = None
        self._options = Options.from_arguments(options, in_files=in_files)

    async def push(self, feed: Feed) -> Result:
        """Push what is fed."""
        try:
            return await self._settle(feed.produce)
        finally:
            feed.end()

    async def push_handed_over(self, feed: Feed) -> Result:
        """Push what another thread feeds, which closes the feed in any case."""
        try:
            return await self.push(feed)
        finally:
            await feed.closed()

    async def push_pumped(
        self, records: Iterable[object] | AsyncIterable[object], feed: Feed
    ) -> Result:
        """Push an iterable, which is iterated in the running event loop."""
        pump = asyncio.create_task(feed.pump(records))
        try:
            return await self.push(feed)
        finally:
            pump.cancel()
            await asyncio.wait([pump])

    async def push_files(self) -> Result:
        """Push the files of the settings."""
        sources = [Source(file) for file in self._options.settings.input.files]
        with open_producer(sources, secrets=[API_KEY_VARIABLE]) as produce:
            return await self._settle(produce)

    async def _settle(self, produce: Produce) -> Result:
        """Push; whatever happens then is in the result. Raises UsageError before it begins."""
        try:
            with ExitStack() as stack:
                await self._push(produce, stack)
        except UsageError:
            raise
        except RjcliError as error:
            self._result = Result.failed(error)
        assert self._result is not None  # noqa: S101 - the last event has made it
        return self._result

    async def _push(self, produce: Produce, stack: ExitStack) -> None:
        settings, access = self._options.settings, self._options.access
        if settings.dry_run:
            endpoint = access.target.endpoint or LOCAL_ENDPOINT
            description = describe(access, settings, endpoint, None)
            request = self._options.request_run(description, self._note)
            request = with_client(request, self._options.client_id)
            storage = Storage(types=await asyncio.to_thread(open_table_types, request))
            await TablePush(settings, description, produce, self._handle, storage).run()
            return
        # What may take a while, as a keyring does, does not hold up the event loop.
        connection = await asyncio.to_thread(stack.enter_context, self._options.connect())
        engine = await asyncio.to_thread(Engine, access, connection, settings.delivery)
        description = describe(access, settings, connection.endpoint, engine.client_id)
        description, storage = await asyncio.to_thread(self._open, stack, description)
        async with engine:
            self._begin(engine)
            await engine.push(settings, description, produce, self._handle, storage)

    def _open(
        self, stack: ExitStack, description: RunDescription
    ) -> tuple[RunDescription, Storage]:
        """Open what is kept on disk: of files the run, of other records what is in doubt."""
        request = self._options.request_run(description, self._note)
        if not self._in_files:
            return description, Storage(None, stack.enter_context(open_in_doubt(request)))
        types = open_table_types(request)
        run = stack.enter_context(open_run(request))
        return replace(description, name=run.name), Storage(run, run.in_doubt, types)

    def _handle(self, event: Event) -> None:
        match event:
            case Noted(text):
                self._note(text)
            case Rejected(rejection):
                reject = Reject.of(rejection, in_file=self._in_files)
                if len(self._rejects) < self._most_rejects:
                    self._rejects.append(reject)
                self._call_back(self._callbacks.on_reject, reject)
            case Finished(summary):
                self._result = Result.of(summary, tuple(self._rejects), self.cause)
                self._call_back(self._callbacks.on_result, self._result)

    def _note(self, text: str) -> None:
        self._call_back(self._callbacks.on_note, text)
