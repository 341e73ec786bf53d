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

    def claim(self, keys: Iterable[Hashable], holder: Holder) -> set[Holder]:
        """Claim keys behind everyone who holds one of them; give those to wait for.

        It is enough to wait for each key's last holder: that one waits for the one before.
        """
        claimed = dict.fromkeys(keys, holder)
        earlier = {self._last[key] for key in self._last.keys() & claimed.keys()}
        self._last.update(claimed)
        return earlier

    def release(self, keys: Iterable[Hashable], holder: Holder) -> None:
        """Give keys up, but for those that a later holder has claimed."""
        for key in keys:
            if self._last.get(key) is holder:
                del self._last[key]
