"""The target: a tap's messages become requests; a state is passed on once it is earned."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from functools import partial

import orjson
from msgspec.structs import replace

from rjcli.delivery.stop import Stop
from rjcli.engine.route import Route
from rjcli.errors import RjcliError, UnfinishedError
from rjcli.model import Noted, Rejection, Stage
from rjcli.producer.messages import Pause
from rjcli.run import KeysInDoubt
from rjcli.run.outcome import run_outcome
from rjcli.settings.singer import SingerSettings
from rjcli.singer import log
from rjcli.singer.messages import (
    BatchRead,
    RecordRejected,
    StateRead,
    TableDeclared,
    record_message,
)
from rjcli.singer.reader import Message, too_many_rejects
from rjcli.singer.rejects import RejectedMessages
from rjcli.singer.state_output import StateOutput
from rjcli.singer.states import States
from rjcli.singer.table import Table, make_delivery

_TICK_SECONDS = 0.1
_METRIC_SECONDS = 60.0
_MOST_SHOWN = 100  # rejects


class Target:
    """Delivers what was read, each stream to a table of its own, within limits they share.

    ``route`` returns the way to a table, ``open_in_doubt`` what it has in doubt.
    ``state_fd``: where states go. Its methods are called in the running event loop.
    """

    def __init__(
        self,
        settings: SingerSettings,
        route: Callable[[str], Route],
        open_in_doubt: Callable[[str], KeysInDoubt | None],
        rejects: RejectedMessages,
        state_fd: int,
    ) -> None:
        self._settings = settings
        self._route = route
        self._open_in_doubt = open_in_doubt
        self._rejects = rejects
        self._tables: dict[str, Table] = {}  # by stream
        self._stop = Stop()
        self._states = States(self._open_positions)
        self._output = StateOutput(state_fd, self._states, self._secure, self.stop)
        self._blocked: list[int] = []  # positions of rejects past the limit
        self._counted: dict[tuple[str, str], int] = {}  # as the metrics said last

    async def run(self, messages: AsyncGenerator[Message, None]) -> int:
        """Deliver everything; return the exit code. Errors are logged, and not raised."""
        began = time.monotonic()
        ticker = asyncio.create_task(self._tick())
        failures = [await self._load(messages), *await self._finish(), *self._end()]
        ticker.cancel()
        failure = next(filter(None, [self._stop.error, *failures]), None)
        self._report(time.monotonic() - began)
        if failure is not None:
            failure = failure if isinstance(failure, RjcliError) else log.crash(failure)
            log.failure(failure)
        _, exit_code = run_outcome(failure, is_incomplete=self._rejected > 0)
        return exit_code

    def stop(self, error: Exception) -> None:
        """Stop in good order: no new batches, some time for those in flight."""
        self._stop.ask(error)
        for table in self._tables.values():
            table.delivery.stop(error)

    async def _load(self, messages: AsyncGenerator[Message, None]) -> Exception | None:
        """Take all messages; return what ended that early."""
        try:
            async with aclosing(messages):
                await self._stop.interrupts(self._take_all(messages))
        except MemoryError:
            return UnfinishedError("there is not enough memory", hint="give it more")
        except OSError as error:  # such as too many open files
            return UnfinishedError(f"the system refuses: {error.strerror}", hint="see to it first")
        except Exception as error:  # noqa: BLE001 - the account is kept whatever went wrong
            return error
        return None

    async def _finish(self) -> list[Exception]:
        """Settle everything, and pass on the last state that is earned; return the errors."""
        finishing = [table.delivery.finish() for table in self._tables.values()]
        ends = await asyncio.gather(*finishing, return_exceptions=True)
        await self._output.close()
        return [end for end in ends if isinstance(end, Exception)]

    def _end(self) -> Iterator[Exception]:
        """Save everything for good; yield what goes wrong."""
        for end in (self._rejects.sync, *(table.end for table in self._tables.values())):
            try:
                end()
            except RjcliError as error:
                yield error

    async def _take_all(self, messages: AsyncGenerator[Message, None]) -> None:
        async for message in messages:
            match message:
                case BatchRead(stream):
                    await self._tables[stream].put(message)
                case StateRead(position, value):
                    self._states.add(position, value)
                    self._output.wake()
                case RecordRejected():
                    self._reject_read(message)
                case Pause() if self._blocked:
                    self.stop(too_many_rejects(self._rejected))
                case TableDeclared():
                    await self._declare(message)
                case Noted(text):
                    log.warning(text)
            if self._stop.error:
                return

    async def _declare(self, declared: TableDeclared) -> None:
        """Open a table, or take what its SCHEMA says now; other keys wait for all before them."""
        table = self._tables.get(declared.stream)
        if table:
            if table.declared.keys != declared.keys:
                await table.delivery.finish()
            table.declared = declared
            return
        name = declared.table
        route = self._route(name)
        make = partial(make_delivery, route=route, settings=self._settings.delivery)
        table = Table(declared, make, self._open_in_doubt(name), self._output.wake, self._reject)
        self._tables[declared.stream] = table
        log.info(f"the stream {declared.stream} goes to the table {name}")
        if wait := table.seconds_to_wait:
            log.warning(
                f"a load of the table {name} was killed, and its requests may still be applied:"
                f" sending begins in {wait:.0f} s (settle)"
            )
            await asyncio.sleep(wait)

    def _reject_read(self, message: RecordRejected) -> None:
        """Keep a record that was rejected while it was read."""
        table, rejection = self._tables[message.stream], message.rejection
        table.reject()
        if not self._keep(table, rejection):
            # States before it come yet: what was read with it is taken before all stops.
            self._blocked.append(message.position)

    def _reject(self, table: Table, rejection: Rejection) -> bool:
        """Keep a record that the API refuses; return whether it counts as settled."""
        is_allowed = self._keep(table, rejection)
        if not is_allowed:
            self.stop(too_many_rejects(self._rejected))
        return is_allowed

    def _keep(self, table: Table, rejection: Rejection) -> bool:
        """Write a rejected record down; return whether so many are allowed."""
        declared = table.declared
        if self._rejected <= _MOST_SHOWN:
            where = f"{declared.stream}, line {rejection.line:,} of {rejection.file}"
            log.warning(f"rejected ({where}): {'; '.join(rejection.reasons)}")
        if rejection.stage is Stage.API and not declared.keeps_messages:
            message = record_message(orjson.dumps(declared.stream), rejection.raw)
            rejection = replace(rejection, raw=message)
        try:
            self._rejects.write(declared.stream, declared.schema, rejection)
        except RjcliError as error:
            self.stop(error)
            return False
        return not self._settings.max_rejects.are_passed(self._rejected, self._total("read"))

    @property
    def _rejected(self) -> int:
        return self._total("rejected")

    def _total(self, outcome: str) -> int:
        return sum(getattr(table.counts, outcome) for table in self._tables.values())

    def _open_positions(self) -> list[int]:
        positions = [each for table in self._tables.values() for each in table.open_positions]
        return positions + self._blocked

    def _secure(self) -> None:
        """Have on the disk what a state that is passed on relies on."""
        self._rejects.sync()
        for table in self._tables.values():
            table.save()

    async def _tick(self) -> None:
        """Do what has to be done now and then: repeat, save, count."""
        counted_at = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                for table in self._tables.values():
                    table.tick()
                    if table.delivery.failure:
                        self.stop(table.delivery.failure)
                if time.monotonic() - counted_at >= _METRIC_SECONDS:
                    counted_at = time.monotonic()
                    self._count()
            except Exception as error:  # noqa: BLE001 - it ends the load, and not only the ticks
                self.stop(error)

    def _count(self) -> None:
        """Say in metrics what has been done since they were said last."""
        for stream, table in self._tables.items():
            counts = table.counts
            for name, value in (
                ("record_count", counts.accepted),
                ("rejected_count", counts.rejected),
            ):
                more = value - self._counted.get((stream, name), 0)
                self._counted[stream, name] = value
                if more:
                    log.metric(name, more, stream, table.declared.table)

    def _report(self, seconds: float) -> None:
        self._count()
        if self._rejected:
            log.warning(f"rejected records are in {self._rejects.path}, to be fixed and fed again")
        outcomes = ("accepted", "rejected", "unknown", "unsent")
        counts = ", ".join(f"{self._total(outcome):,} {outcome}" for outcome in outcomes)
        log.info(f"{self._total('read'):,} records: {counts}; in {seconds:.1f} s")
