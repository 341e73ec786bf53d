"""Pushing: one command, started again and again until its input is loaded."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

from soak import checks
from soak.command import Delivery, identity_options
from soak.inputs import InputFile
from soak.plan import Act, Interruption, Job
from soak.process import Ended, Invocation, SoakError, run
from soak.server import CLIENT_ID, TABLE
from soak.world import World

_MOST_TRIES = 5  # to complete a push while the server fails, and as many when it no longer does
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 20.0
_SNAG_SECONDS = 0.3
_DISK_SECONDS = 3.0
_EMPTY_BYTES = 256  # of a file of keys in doubt that holds none
_REDRAWN = 0.25  # of all invocations send the records in another way than the one before
_PARTIAL = {Act.DISK, Act.RIVAL}  # after which the run need not be as the account says


class Push:
    """A job in its world. ``number``: of the job, from 0."""

    def __init__(self, world: World, job: Job, number: int, file: InputFile) -> None:
        self._world = world
        self._file = file
        self._is_piped = job.is_piped
        self._run_dir = world.home / f"run-{number}" if job.has_run_dir else None
        self._is_explicit = job.has_run_dir
        self._is_known = False  # a request was made, so that there is a run to resume
        keys, base_url = world.key_names, world.server.base_url
        self._identity = identity_options(job, TABLE, keys, base_url, self._run_dir)
        self._identity += ["-" if job.is_piped else file.path.name]
        self._delivery = Delivery.draw(world.chance, file)
        self._drawn_at = len(file.records)
        self._runs = self._list_runs()

    async def complete(self) -> None:
        """Push until everything is loaded. Raises SoakError if that does not come to an end."""
        for attempt in range(2 * _MOST_TRIES):
            self._world.faults.is_calm = attempt >= _MOST_TRIES
            ended = await self.invoke()
            if ended.exit_code in {0, 3}:
                return
        raise SoakError(f"it is never complete: {checks.message_of(ended)}")

    async def close(self) -> None:
        """Resume once more, when everything is loaded: nothing is sent."""
        self._world.faults.is_calm = True
        ended = await self.invoke()
        if ended.exit_code not in {0, 3} or self._world.server.received:
            raise SoakError(
                f"a complete push, resumed, made {self._world.server.received} requests"
                f" and ended with {ended.exit_code}: {checks.message_of(ended)}"
            )

    async def invoke(self, interruption: Interruption | None = None) -> Ended:
        """Run the command once, interrupted or not, and check what it leaves."""
        world = self._world
        world.server.begin()
        if len(self._file.records) != self._drawn_at or world.chance.random() < _REDRAWN:
            self._delivery = Delivery.draw(world.chance, self._file)
            self._drawn_at = len(self._file.records)
        arguments = self._command()
        reported = checks.checkpoint_of(self._run_dir).get("reported", 0)
        what = interruption.act if interruption else "push"
        world.steps.append(f"{what}{' --resume' if '--resume' in arguments else ''}")
        began = asyncio.get_running_loop().time()
        async with self._run(arguments) as invocation:
            if interruption:
                requests = -(-len(self._file.records) // self._delivery.batch_size)
                await self._interrupt(invocation, interruption, requests)
            ended = await invocation.end()
        now = asyncio.get_running_loop().time()
        world.note_end(now, is_abrupt=ended.exit_code < 0)
        world.steps[-1] += (
            f" ({ended.exit_code}, {now - began:.1f} s, {world.server.received} requests)"
        )
        self._find_run()
        self._is_known = self._is_known or world.server.received > 0
        self._check(ended, interruption, reported)
        if interruption:
            await asyncio.sleep(interruption.pause)
        return ended

    def _check(self, ended: Ended, interruption: Interruption | None, reported: int) -> None:
        world = self._world
        checks.check_exit(ended, interruption and interruption.act)
        checks.check_secrecy(world.api_key, [ended.stdout, ended.stderr])
        checks.check_account(ended, self._file, reported)
        if self._run_dir:
            is_whole = ended.exit_code >= 0 and (
                interruption is None or interruption.act not in _PARTIAL
            )
            checks.check_run(
                self._run_dir, self._file, world.table, ended.document if is_whole else None
            )

    def _run(self, arguments: Sequence[str]):  # type: ignore[no-untyped-def]
        content = self._file.path.read_bytes() if self._is_piped else None
        return run(arguments, self._world.home, self._world.api_key, CLIENT_ID, content)

    def _command(self) -> list[str]:
        command = ["push", *self._identity, *self._delivery.options(self._world.plan), "--json"]
        has_run = self._is_known
        if self._is_explicit and self._run_dir:
            has_run = (self._run_dir / "checkpoint.json").exists()
        return [*command, "--resume"] if has_run else command

    async def _interrupt(self, invocation: Invocation, what: Interruption, requests: int) -> None:
        """Do to an invocation what the plan says, when it has come far enough."""
        world, server = self._world, self._world.server
        is_lost = world.chance.random() < (0.7 if what.after is None else 0.2)
        if what.after is None:
            await _wait_until(lambda: invocation.has_ended or invocation.waits_to_repeat)
            target = server.received + 1
            if what.is_snagged:
                server.snag(_PATIENCE_SECONDS, is_lost=is_lost)
        else:
            target = round(what.after * requests)
        await _wait_until(lambda: invocation.has_ended or server.received >= target)
        if not invocation.has_ended:
            world.steps[-1] += f" at request {server.received}"
            world.steps[-1] += ", sent again" if what.after is None else ""
            world.steps[-1] += ", snagged" if what.is_snagged else ""
        if what.is_snagged:
            server.snag(_SNAG_SECONDS, is_lost=is_lost)
        if what.is_snagged or not target:
            await asyncio.sleep(world.chance.random() * _SNAG_SECONDS)
        await self._act(invocation, what.act)

    async def _act(self, invocation: Invocation, act: Act) -> None:
        world = self._world
        if act is Act.KILL:
            invocation.signal(signal.SIGKILL)
            return
        # Signals before that find no handler, which is no matter of records.
        await _wait_until(lambda: invocation.has_ended or invocation.has_started)
        match act:
            case Act.INT | Act.TERM | Act.TWICE:
                number = signal.SIGTERM if act is Act.TERM else signal.SIGINT
                invocation.signal(number, to_all=world.chance.random() < 0.5)
                if act is Act.TWICE:
                    await asyncio.sleep(world.chance.random() * 0.4)
                    invocation.signal(world.chance.choice([signal.SIGINT, signal.SIGTERM]))
            case Act.DISK:
                await self._fill_disk(invocation)
            case Act.OUTAGE:
                world.server.leave(world.chance.uniform(0.5, 3.0))
            case Act.RIVAL:
                await self._rival(invocation)
            case Act.LATE:
                pass

    async def _fill_disk(self, invocation: Invocation) -> None:
        """Let no file grow: mostly while keys get in doubt, so that their file is cut off."""
        chance = self._world.chance
        if chance.random() < 0.2:
            invocation.limit_files(chance.choice([0, 100, 600, 2_000]))
            return

        def size() -> int:
            paths = [*self._world.state.glob("tables/*/*.ndjson")]
            return max((path.stat().st_size for path in paths), default=0)

        await _wait_until(lambda: invocation.has_ended or size() > _EMPTY_BYTES, _DISK_SECONDS)
        invocation.limit_files(size() + chance.randint(1, 200))

    async def _rival(self, invocation: Invocation) -> None:
        """Start the same command while it runs: the second one must end at once."""
        await _wait_until(lambda: invocation.has_ended or self._world.server.received > 0)
        async with self._run([*self._command(), "--resume"]) as rival:
            ended = await rival.end()
        if invocation.has_ended:
            return
        if ended.exit_code != 5 or "is at work on" not in ended.stderr:
            raise SoakError(f"a second push at the same time ended with {ended.exit_code}")

    def _list_runs(self) -> set[Path]:
        return {*(self._world.state / "runs").glob("*")}

    def _find_run(self) -> None:
        """Find the directory of the run that was begun, unless it was named."""
        new = self._list_runs() - self._runs
        if new and not self._is_explicit:
            self._run_dir = max(new, key=lambda path: path.stat().st_ctime_ns)
            self._runs |= new


async def _wait_until(condition: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until something is so, but not for ever: what it hangs on may never come."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition() and loop.time() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
