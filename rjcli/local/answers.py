"""What was answered: one line a request, for a log and for the page. Never an API key."""

import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct, field

_LONGEST_PATH = 200  # characters
_KEPT = 20


class Answered(Struct, frozen=True, kw_only=True):
    """A request and its answer. ``path``: without the query, which holds the key.

    ``records``: how many an upsert had, None where that is not known. ``dropped``: what
    became of a request whose connection was dropped on purpose. ``seconds``: it took.
    """

    method: str
    path: str
    status: int
    seconds: float
    records: int | None = None
    dropped: str = ""
    clock: str = field(default_factory=lambda: time.strftime("%H:%M:%S"))

    def __str__(self) -> str:
        result = self.dropped or str(self.status)
        records = ""
        if self.records is not None:
            records = f", {self.records:,} record{'' if self.records == 1 else 's'}"
        return (
            f"{self.clock} {self.method} {self.path[:_LONGEST_PATH]}: {result}{records},"
            f" {self.seconds * 1000:.0f} ms"
        )


class Answers:
    """The newest answers, in ``newest``; ``on_answer`` is called with each."""

    def __init__(self, on_answer: Callable[[Answered], None] = lambda _: None) -> None:
        self.newest: deque[Answered] = deque(maxlen=_KEPT)
        self._on_answer = on_answer

    def add(self, answered: Answered) -> None:
        """Note an answer."""
        self.newest.appendleft(answered)
        self._on_answer(answered)
