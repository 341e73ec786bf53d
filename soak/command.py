"""The command of a push: what makes the job, and how its records are sent."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from soak.inputs import InputFile
from soak.plan import Job, Plan

_MOST_REQUESTS = 120  # that the records of an input should take
_BATCH_SIZES = (1, 3, 10, 37, 100)
_JOBS = (1, 2, 4, 8, 16, 32)


def identity_options(
    job: Job, table: str, keys: Sequence[str], base_url: str, run_dir: Path | None
) -> list[str]:
    """What makes the job: the same in all its invocations."""
    form = job.recipe.form
    options = ["-t", table, "-k", ",".join(keys), "--base-url", base_url, "--format", form]
    if form.is_delimited:
        options += [f"--type={name}=string" for name in (*keys, "kind", "text")]
        options += ["--type=v=integer"]
    return [*options, "--run-dir", str(run_dir)] if run_dir else options


@dataclass(frozen=True)
class Delivery:
    """How records are sent, which does not make the job. ``max_bytes`` None: the default."""

    batch_size: int
    jobs: int
    max_bytes: int | None

    @classmethod
    def draw(cls, chance: random.Random, file: InputFile) -> Self:
        """Draw one with which the records of a file do not take too many requests."""
        size = min(100.0, len(file.records) / _MOST_REQUESTS)
        max_bytes = max(500, len(file.text) // _MOST_REQUESTS)
        return cls(
            chance.choice([each for each in _BATCH_SIZES if each >= size]),
            chance.choice(_JOBS),
            chance.randint(max_bytes, 20 * max_bytes) if chance.random() < 0.2 else None,
        )

    def options(self, plan: Plan) -> list[str]:
        """As options of the command."""
        options = ["--settle", f"{plan.settle}", "--timeout", f"{plan.timeout}"]
        options += ["--retry-for", f"{plan.retry_for}", "--jobs", f"{self.jobs}"]
        options += ["--batch-size", f"{self.batch_size}"]
        if self.max_bytes:
            options += ["--max-batch-bytes", f"{self.max_bytes}"]
        return options
