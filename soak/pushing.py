"""Pushing: one command, started again and again until its input is loaded."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from soak import checks
from soak.command import Delivery, identity_options
from soak.inputs import InputFile
from soak.interrupting import interrupt
from soak.plan import Act, Interruption, Job
from soak.process import Ended, Invocation, SoakError, run
from soak.server import CLIENT_ID, TABLE
from soak.world import World

_MOST_TRIES = 5  # to complete a push while the server fails, and as many when it no longer does
_BY_NAME = 0.25  # of what is resumed, by `rjcli resume`
_REDRAWN = 0.25  # of all invocations, in which records are sent in another way than before
_PARTIAL = {Act.DISK, Act.RIVAL}  # after which the run need not be as the account says


class Push:
    """A job in its world. ``number``: of the job, from 0."""

    def __init__(self, world: World, job: Job, number: int, file: InputFile) -> None:
        self._world = world
        self._file = file
        self._is_piped = job.is_piped
        self._run_dir = world.home / f"run-{number}" if job.has_run_dir else None
        self._is_named = job.has_run_dir
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
        """Resume once more, when everything is loaded. Raises SoakError if anything is sent."""
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
        is_resumed = {"resume", "--resume"} & {*arguments}
        act = interruption.act if interruption else None
        world.steps.append(f"{act or 'push'}{', resumed' if is_resumed else ''}")
        world.log(f"started: rjcli {' '.join(arguments)}")
        began = asyncio.get_running_loop().time()
        async with self._start(arguments) as invocation:
            if interruption:
                requests = -(-len(self._file.records) // self._delivery.batch_size)
                await interrupt(world, invocation, interruption, requests, self._start_rival)
            ended = await invocation.end()
        now = asyncio.get_running_loop().time()
        world.note_end(now, is_abrupt=ended.exit_code < 0 or act is Act.DISK)
        world.log(f"ended with {ended.exit_code}: {ended.stdout}{ended.stderr}")
        received = world.server.received
        world.steps[-1] += f" ({ended.exit_code}, {now - began:.1f} s, {received} requests)"
        self._find_run()
        self._is_known = self._is_known or received > 0
        self._check(ended, act, reported)
        await asyncio.sleep(interruption.pause if interruption else 0.0)
        return ended

    def _check(self, ended: Ended, act: Act | None, reported: int) -> None:
        world = self._world
        checks.check_exit(ended, act)
        checks.check_secrecy(world.api_key, [ended.stdout, ended.stderr])
        checks.check_account(ended, self._file, reported)
        is_whole = ended.exit_code >= 0 and act not in _PARTIAL
        document = ended.document if is_whole else None
        if self._run_dir:
            checks.check_run(self._run_dir, self._file, world.table, document)

    def _start(self, arguments: Sequence[str]) -> AbstractAsyncContextManager[Invocation]:
        content = self._file.path.read_bytes() if self._is_piped else None
        return run(arguments, self._world.home, self._world.api_key, CLIENT_ID, content)

    def _start_rival(self) -> AbstractAsyncContextManager[Invocation]:
        return self._start(self._same_command("--resume"))

    def _command(self) -> list[str]:
        checkpoint = checks.checkpoint_of(self._run_dir)
        has_run = bool(checkpoint) if self._is_named else self._is_known
        if not has_run:
            return self._same_command()
        if not checkpoint["finished"] and self._world.chance.random() < _BY_NAME:
            options = self._delivery.options(self._world.plan)
            return ["resume", str(self._run_dir), *options, "--json"]
        return self._same_command("--resume")

    def _same_command(self, *more: str) -> list[str]:
        options = self._delivery.options(self._world.plan)
        return ["push", *self._identity, *options, "--json", *more]

    def _list_runs(self) -> set[Path]:
        return {*(self._world.state / "runs").glob("*")}

    def _find_run(self) -> None:
        """Find the directory of the run that was begun, unless it was named."""
        new = self._list_runs() - self._runs
        if new and not self._is_named:
            self._run_dir = max(new, key=lambda path: path.stat().st_ctime_ns)
            self._runs |= new
