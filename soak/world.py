"""What the pushes of one scenario share."""

import random
import time
from pathlib import Path

from soak.faults import Faults
from soak.final import Wanted
from soak.plan import Plan
from soak.records import key_names
from soak.server import Server
from soak.table import Table

_KEY_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="
_ALIVE_SECONDS = 5.0  # how much longer than others a process that was killed may have lived


class World:
    """A home directory, a server with its table, and what that table must hold.

    ``steps``: what was done so far, in words; ``events``: all that happened.
    ``over_at``: when nothing can be late any more, and no key is in doubt, on the
    clock of the event loop.
    """

    def __init__(self, plan: Plan, home: Path) -> None:
        self.plan = plan
        self.home = home
        # Not the stream that drew the plan: what is drawn here depends on timing.
        self.chance = random.Random(f"faults {plan.seed}")
        self.api_key = "".join(self.chance.choices(_KEY_CHARACTERS, k=24))
        self.key_names = key_names(plan.keys)
        self.table = Table(plan.comparison, self.key_names)
        self.faults = Faults(plan.faults, self.chance)
        self.server = Server(self.table, self.faults, self.api_key, self.log)
        self.wanted = Wanted(self.table)
        self.steps: list[str] = []
        self.events: list[str] = []
        self.over_at = 0.0

    def log(self, event: str) -> None:
        """Note an event, with its time in seconds."""
        self.events.append(f"{time.monotonic():.3f} {event}")

    @property
    def state(self) -> Path:
        """Where rjcli keeps its state."""
        return self.home / ".local" / "state" / "rjcli"

    def note_end(self, now: float, *, is_abrupt: bool) -> None:
        """Note that a process has ended, whose requests may still be applied.

        ``is_abrupt``: it may not have said so.
        """
        alive = _ALIVE_SECONDS if is_abrupt else 0.0
        self.over_at = max(self.over_at, now + self.plan.settle + alive)
