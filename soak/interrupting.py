"""Interrupting: what a plan does to an invocation, and when."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from soak.plan import Act, Interruption
from soak.process import Invocation, SoakError
from soak.waiting import wait_until
from soak.world import World

StartRival = Callable[[], AbstractAsyncContextManager[Invocation]]
"""Starts the same command once more."""

_PATIENCE_SECONDS = 20.0
_SNAG_SECONDS = 0.3
_DISK_SECONDS = 3.0  # that keys may take to get in doubt
_EMPTY_BYTES = 256  # of a file of keys in doubt that holds none


async def interrupt(
    world: World,
    invocation: Invocation,
    what: Interruption,
    requests: int,
    start_rival: StartRival,
) -> None:
    """Do to an invocation what is planned, when it has come far enough.

    ``requests``: how many its records take, about. Raises SoakError if two processes
    push the same at once.
    """
    server = world.server
    is_lost = world.chance.random() < (0.7 if what.after is None else 0.2)
    if what.after is None:
        await _until(invocation, lambda: invocation.waits_to_repeat)
        target = server.received + 1
        if what.is_snagged:
            server.snag(_PATIENCE_SECONDS, is_lost=is_lost)
    else:
        target = round(what.after * requests)
    await _until(invocation, lambda: server.received >= target)
    if not invocation.has_ended:
        world.steps[-1] += f" at request {server.received}"
        world.steps[-1] += ", sent again" if what.after is None else ""
        world.steps[-1] += ", snagged" if what.is_snagged else ""
    if what.is_snagged:
        server.snag(_SNAG_SECONDS, is_lost=is_lost)
    if what.is_snagged or not target:
        await asyncio.sleep(world.chance.random() * _SNAG_SECONDS)
    if what.act is not Act.KILL:
        # Signals before it has started find no handler, which does not concern records.
        await _until(invocation, lambda: invocation.has_started)
    await _act(world, invocation, what.act, start_rival)


async def _act(world: World, invocation: Invocation, act: Act, start_rival: StartRival) -> None:
    chance = world.chance
    world.log(act)
    match act:
        case Act.KILL:
            invocation.signal(signal.SIGKILL)
        case Act.INT | Act.TERM | Act.TWICE:
            number = signal.SIGTERM if act is Act.TERM else signal.SIGINT
            invocation.signal(number, to_all=chance.random() < 0.5)
            if act is Act.TWICE:
                await asyncio.sleep(chance.random() * 0.4)
                invocation.signal(chance.choice([signal.SIGINT, signal.SIGTERM]))
        case Act.DISK:
            await _fill_disk(world, invocation)
        case Act.OUTAGE:
            world.server.leave(chance.uniform(0.5, 3.0))
        case Act.RIVAL:
            await _start_rival(world, invocation, start_rival)
        case Act.LATE:
            pass


async def _fill_disk(world: World, invocation: Invocation) -> None:
    """Let no file grow: mostly while keys get in doubt, so that their file is cut off."""
    chance = world.chance
    if chance.random() < 0.2:
        invocation.limit_files(chance.choice([0, 100, 600, 2_000]))
        return

    def size() -> int:
        paths = [*world.state.glob("tables/*/*.ndjson")]
        return max((path.stat().st_size for path in paths), default=0)

    await wait_until(lambda: invocation.has_ended or size() > _EMPTY_BYTES, _DISK_SECONDS)
    invocation.limit_files(size() + chance.randint(1, 200))


async def _start_rival(world: World, invocation: Invocation, start_rival: StartRival) -> None:
    """Start the same command while it runs: the second process must end at once."""
    await _until(invocation, lambda: world.server.received > 0)
    async with start_rival() as rival:
        ended = await rival.end()
    is_refused = ended.exit_code == 5 and "is at work on" in ended.stderr
    if not (is_refused or invocation.has_ended):
        raise SoakError(f"a second push at the same time ended with {ended.exit_code}")


async def _until(invocation: Invocation, condition: Callable[[], bool]) -> None:
    await wait_until(lambda: invocation.has_ended or condition(), _PATIENCE_SECONDS)
