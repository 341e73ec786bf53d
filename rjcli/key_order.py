"""Key order: which batches must wait for which, so that no key's versions overtake each other."""

from collections.abc import Hashable
from typing import Generic, TypeVar

Holder = TypeVar("Holder", bound=Hashable)


class KeyOrder(Generic[Holder]):
    """Remembers, for each key that is under way, the last holder that claimed it.

    Memory is that of the keys under way; a claim costs one look-up a key.
    """

    def __init__(self) -> None:
        self._last: dict[Hashable, Holder] = {}
        self._held: dict[Holder, set[Hashable]] = {}  # the keys that each is the last one for

    def claim(self, keys: set[Hashable], holder: Holder) -> set[Holder]:
        """Claim keys behind everyone who holds one of them; give those to wait for.

        The set of keys is kept, and changed.

        It is enough to wait for each key's last holder: that one waits for the one before.
        """
        earlier = set()
        for key in self._last.keys() & keys:
            last = self._last[key]
            self._held[last].remove(key)
            earlier.add(last)
        self._last.update(dict.fromkeys(keys, holder))
        self._held[holder] = keys
        return earlier

    def release(self, holder: Holder) -> None:
        """Give up the holder's keys, but for those that a later one has claimed."""
        for key in self._held.pop(holder):
            del self._last[key]
