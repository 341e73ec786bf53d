"""``python -m soak``: runs scenarios, several at once, and prints a line for each."""

import argparse
import asyncio
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from soak.plan import Plan, draw_plan
from soak.process import ROOT, SoakError
from soak.scenario import Scenario

_AT_ONCE = 10 * (os.cpu_count() or 1)  # scenarios: they mostly wait
_LOG = "soak.log"  # what happened in a scenario that failed


class Result(NamedTuple):
    """How a scenario went. ``failure`` None: everything held."""

    seed: int
    line: str
    failure: str | None


def main() -> int:
    """Run what the command line asks for; return 1 if a promise was broken."""
    options = _options()
    seeds = [options.seed] * options.times
    if options.seed is None:
        seeds = [*range(options.first, options.first + options.seeds)]
    failures = 0
    began = time.monotonic()
    with ProcessPoolExecutor(min(options.at_once, len(seeds) or 1)) as pool:
        runs = [
            pool.submit(run, seed, options.workdir / f"{seed}-{n}") for n, seed in enumerate(seeds)
        ]
        for each in as_completed(runs):
            result = each.result()
            _print(result.line)
            if result.failure:
                failures += 1
                _print(f"  {result.failure}")
    _print(f"{len(seeds)} seeds, {failures} failed, {time.monotonic() - began:.0f} s")
    return int(failures > 0)


def run(seed: int, home: Path) -> Result:
    """Run one scenario in a directory, which is kept if it fails."""
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    plan = draw_plan(seed)
    scenario = Scenario(plan, home)
    began = time.monotonic()
    failure = None
    try:
        asyncio.run(scenario.carry_out())
    except SoakError as error:
        failure = f"{error}"
    except Exception:  # noqa: BLE001 - a fault of the soak is shown as any other
        failure = traceback.format_exc()
    seconds = time.monotonic() - began
    line = f"seed {seed:4} {'FAILED' if failure else 'ok'} {seconds:5.1f} s  {_describe(scenario)}"
    if failure is None:
        shutil.rmtree(home)
    else:
        (home / _LOG).write_text("\n".join(scenario.world.events))
        failure += f"\n  kept: {home}, see {_LOG}\n  again: make soak SEED={seed}"
    return Result(seed, line, failure)


def _describe(scenario: Scenario) -> str:
    world = scenario.world
    faults = ", ".join(f"{name} {number}" for name, number in sorted(world.faults.counts.items()))
    return f"{_inputs(world.plan)}: {'; '.join(world.steps)}; faults: {faults or 'none'}"


def _inputs(plan: Plan) -> str:
    def forms() -> Iterator[str]:
        for job in plan.jobs:
            records = "+".join(f"{segment.records}" for segment in job.segments)
            records = "again" if job.is_repeat else records
            yield f"{records} {job.recipe.form}"

    return f"{', '.join(forms())} ({plan.keys} keys, {plan.comparison})"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description="Fault soak of rjcli.")
    parser.add_argument("--seeds", type=int, default=20, metavar="N", help="how many scenarios")
    parser.add_argument("--first", type=int, default=1, metavar="SEED", help="of the first")
    parser.add_argument("--seed", type=int, metavar="SEED", help="run this one alone")
    parser.add_argument("--times", type=int, default=1, metavar="N", help="run it so often")
    parser.add_argument(
        "--at-once", type=int, default=_AT_ONCE, metavar="N", help="scenarios at the same time"
    )
    parser.add_argument(
        "--workdir", type=Path, default=ROOT / "demo" / "soak", metavar="DIR", help="to work in"
    )
    return parser.parse_args()


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
