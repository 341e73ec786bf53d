import asyncio
import subprocess
import sys
from pathlib import Path

from rjcli.api.protocol import Answer, AttemptOutcome, OutcomeKind
from rjcli.delivery.retry import RetryGate
from rjcli.spark.executor import ExecutorShare, Places, SharedClosure
from tests.support.virtual_time import run_in_virtual_time, virtual_timing

_HOLDER = """
import asyncio, pathlib, sys
from rjcli.spark.executor import Places

async def hold():
    print("held", flush=True)
    await asyncio.sleep(600)

async def main():
    places = Places(pathlib.Path(sys.argv[1]), 2)
    await asyncio.gather(places.within(hold), places.within(hold))

asyncio.run(main())
"""


def test_retry_after_of_one_task_holds_the_others(tmp_path: Path) -> None:
    """What one task is told to wait, every task of the executor waits."""

    async def scenario() -> None:
        told = RetryGate(virtual_timing(), closure=SharedClosure(tmp_path / "closed"))
        other = RetryGate(virtual_timing(), closure=SharedClosure(tmp_path / "closed"))
        told.failed(AttemptOutcome(OutcomeKind.UNAVAILABLE, "wait", 503, retry_after=7.0))
        await other.enter()

    _, seconds = run_in_virtual_time(scenario())
    assert seconds >= 7.0


def test_requests_of_all_tasks_share_the_places_of_an_executor(tmp_path: Path) -> None:
    """Requests wait while other processes hold all places, also until one of these is killed."""
    path = tmp_path / "places"
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, path], stdout=subprocess.PIPE)
    assert holder.stdout
    with holder, holder.stdout:
        assert holder.stdout.readline() + holder.stdout.readline() == b"held\nheld\n"
        done = []

        async def work() -> Answer:
            done.append(1)
            return Answer(201, b"{}")

        async def scenario() -> None:
            waiting = asyncio.create_task(Places(path, 2).within(work))
            await asyncio.sleep(0.1)
            assert not done
            holder.kill()
            await waiting

        asyncio.run(scenario())
    assert done


def test_a_failure_ends_tasks_that_begin_later(tmp_path: Path) -> None:
    """What one task of a push has failed with is known to the next, and to no other push."""
    with (
        ExecutorShare(tmp_path / "x", 1, "push-a") as one,
        ExecutorShare(tmp_path / "x", 1, "push-a") as next_one,
        ExecutorShare(tmp_path / "x", 1, "push-b") as other,
    ):
        one.fail({"message": "refused"})
        assert next_one.failure == {"message": "refused"}
        assert other.failure is None
