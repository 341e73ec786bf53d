"""Key order: which batches must wait for which, so that no key's versions overtake each other."""

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Holder = TypeVar("Holder", bound=Hashable)


class KeyOrder(Generic[Holder]):
    """Remembers, for each key that is under way, the last holder that claimed it.

    Memory is that of the keys under way; a claim costs one look-up a key.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, Holder] = {}
        self._held: dict[Holder, dict[Hashable, Holder]] = {}  # the part of it that is each one's

    def claim(self, keys: Iterable[Hashable], holder: Holder) -> set[Holder]:
        """Claim keys after everyone who holds one of them; return those to wait for.

        It is enough to wait for each key's last holder: that one waits for the one before.
        """
        claimed = dict.fromkeys(keys, holder)
        earlier = set()
        for key in self._last.keys() & claimed.keys():
            last = self._last[key]
            del self._held[last][key]
            earlier.add(last)
        self._last |= claimed
        self._held[holder] = claimed
        return earlier

    def is_claimed(self, key: Hashable) -> bool:
        """Whether somebody holds a key."""
        return key in self._last

    def release(self, holder: Holder) -> None:
        """Give up the holder's keys, but for those that a later one has claimed."""
        for key in self._held.pop(holder):
            del self._last[key]
