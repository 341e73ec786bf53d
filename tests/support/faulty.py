"""A table behind a faulty network: what it holds in the end is what counts."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.support.scripted import Request, answer


@dataclass
class FaultyTable:
    """Applies upserts by `id`, with faults at given rates; a script for a ScriptedServer.

    ``late``: rate of requests that get no answer and are applied after
    ``late_seconds``. ``delay``: longest time before a request is applied.
    """

    seed: int = 0
    fail: float = 0.0
    busy: float = 0.0
    drop: float = 0.0
    drop_after_apply: float = 0.0
    late: float = 0.0
    late_seconds: float = 0.0
    delay: float = 0.0
    poison: frozenset[int] = frozenset()
    versions: dict[Any, int] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._background: set[asyncio.Task[None]] = set()

    async def __call__(self, request: Request) -> bytes | None:
        """Answer an upsert, or not."""
        records = orjson.loads(request.body)
        await asyncio.sleep(self._chance.random() * self.delay)
        if self.poison & {record["version"] for record in records}:
            return answer(400, b'{"code":400,"message":"Bad Request","reasons":["poison"]}')
        fault = self._draw()
        self.faults[fault] += 1
        match fault:
            case "drop":
                return None
            case "fail":
                return answer(503, b"busy")
            case "busy":
                return answer(429, b"{}", Retry_After="0")
            case "late":
                self._background.add(asyncio.create_task(self._apply_late(records)))
                await asyncio.sleep(self.late_seconds * 2)
                return None
        self._apply(records)
        return None if fault == "drop_after_apply" else answer()

    def _draw(self) -> str:
        number = self._chance.random()
        for fault in ("fail", "busy", "drop", "drop_after_apply", "late"):
            number -= getattr(self, fault)
            if number < 0:
                return fault
        return "none"

    def _apply(self, records: list[Any]) -> None:
        self.versions.update((record["id"], record["version"]) for record in records)

    async def _apply_late(self, records: list[Any]) -> None:
        await asyncio.sleep(self.late_seconds)
        self._apply(records)
