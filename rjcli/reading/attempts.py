"""Attempts that may be in vain: a quick way is tried ever more rarely while it does not work."""

_MOST_SKIPPED_BITS = 7  # at most 127 chances are let pass


class Attempts:
    """Says when to try; each failure doubles how often it is not."""

    def __init__(self) -> None:
        self._failures = self._skipped = 0

    def is_due(self) -> bool:
        """Whether to try at this chance."""
        if self._skipped < 2**self._failures - 1:
            self._skipped += 1
            return False
        self._skipped = 0
        return True

    def fail(self) -> None:
        """Note that it was in vain."""
        self._failures = min(self._failures + 1, _MOST_SKIPPED_BITS)
        self._skipped = 0

    def succeed(self) -> None:
        """Note that it worked."""
        self._failures = 0
