"""States that wait until every record before them is settled. Pure."""

from bisect import bisect
from collections.abc import Callable, Collection

_FEW = 64


class States:
    """Holds states by position, and returns those that may be passed on.

    A position is open as long as the record there is not settled. However many states
    come, no more are held than there are open positions, and as many again.
    """

    def __init__(self, open_positions: Callable[[], Collection[int]]) -> None:
        self._open_positions = open_positions
        self._held: list[tuple[int, bytes]] = []
        self._most = _FEW

    def add(self, position: int, value: bytes) -> None:
        """Take a state in, which comes after all others."""
        self._held.append((position, value))
        if len(self._held) >= self._most:
            self._drop_superseded(sorted(self._open_positions()))
            self._most = max(_FEW, 2 * len(self._held))

    def take(self) -> list[tuple[int, bytes]]:
        """Return the states before all open positions, in order, and forget them."""
        if not self._held:
            return []
        count = len(self._held)
        first = min(self._open_positions(), default=None)
        if first is not None:
            count = bisect(self._held, first, key=lambda state: state[0])
        taken = self._held[:count]
        del self._held[:count]
        return taken

    def _drop_superseded(self, open_positions: list[int]) -> None:
        """Keep, of states with no open position between them, the newest one."""
        kept: list[tuple[int, bytes]] = []
        for state in self._held:
            if kept and bisect(open_positions, kept[-1][0]) == bisect(open_positions, state[0]):
                kept.pop()
            kept.append(state)
        self._held = kept
