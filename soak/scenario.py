"""Scenarios: a plan is carried out, and what must hold is checked after each step."""

import asyncio
from itertools import count
from pathlib import Path

from soak import final
from soak.inputs import InputFile
from soak.plan import Job, Plan, Segment
from soak.process import SoakError
from soak.pushing import Push
from soak.records import RecordMaker
from soak.waiting import wait_until
from soak.world import World


class Scenario:
    """One plan in a directory of its own."""

    def __init__(self, plan: Plan, home: Path) -> None:
        self.world = World(plan, home)
        self._versions = count(1)

    async def carry_out(self) -> None:
        """Do everything, and check everything. Raises SoakError."""
        world = self.world
        file = push = None
        async with world.server:
            for number, job in enumerate(world.plan.jobs):
                if not job.is_repeat or file is None:
                    file, maker = self._make_input(number, job)
                push = Push(world, job, number, file)
                world.steps.append(f"file {number}")
                world.wanted.begin(file)
                for segment in job.segments:
                    file.grow(maker.make(segment.records))
                    await self._push_segment(push, segment)
            await self._check_table()
            if push:
                await self._close(push)
            if world.server.refused:
                raise SoakError(f"it made requests that it must not: {world.server.refused[0]}")

    def _make_input(self, number: int, job: Job) -> tuple[InputFile, RecordMaker]:
        size = sum(segment.records for segment in job.segments)
        form, world = job.recipe.form, self.world
        path = world.home / f"{number}.{form}{'.gz' if job.is_compressed else ''}"
        file = InputFile(path, form, world.key_names, job.line_end, is_compressed=job.is_compressed)
        return file, RecordMaker(job.recipe, size, self._versions, world.chance)

    async def _push_segment(self, push: Push, segment: Segment) -> None:
        world = self.world
        world.faults.is_calm = False
        for interruption in segment.interruptions:
            ended = await push.invoke(interruption)
            if ended.exit_code in {0, 3}:
                world.wanted.complete()
                return
        if segment.is_finished:
            await push.complete()
            world.wanted.complete()

    async def _check_table(self) -> None:
        """Wait until everything that is late has landed, and compare the table."""
        server = self.world.server
        await wait_until(lambda: not server.has_late_writes, self.world.plan.settle)
        self.world.wanted.check()

    async def _close(self, push: Push) -> None:
        """Resume once more: nothing is sent, and nothing is left in doubt."""
        world, loop = self.world, asyncio.get_running_loop()
        if world.plan.waits_for_files:
            await asyncio.sleep(max(0.0, world.over_at - loop.time()))
        is_over = loop.time() >= world.over_at
        await push.close()
        world.wanted.check()
        if is_over:
            final.check_in_doubt(world.state)
        final.check_home(world.home, world.api_key)
