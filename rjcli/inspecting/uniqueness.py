"""Whether the values of a column are all different, in memory that does not grow with it. Pure."""

from collections.abc import Hashable, Sequence


class Uniqueness:
    """Watches the keys of several files.

    ``in_each``: no key was twice in the same file; ``in_all``: nor in two of them. ``share``:
    which part of all keys was watched. Where there are too many, only those whose hash
    falls into a part of all hashes stay: of them each would be seen again.
    """

    def __init__(self) -> None:
        self.in_each = self.in_all = True
        self._mask = 0
        self._before: set[int] = set()  # hashes, of the files before
        self._file: set[int] = set()

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return 1 / (self._mask + 1)

    def add(self, keys: Sequence[Hashable], most: int) -> None:
        """Take in more keys of the file. ``most``: so many are watched."""
        if not self.in_each:
            return
        hashes = [*map(hash, keys)]
        if self._mask:
            hashes = self._watched(hashes)
        count = len(self._file)
        self._file.update(hashes)
        if len(self._file) < count + len(hashes):
            self.in_each = self.in_all = False
            self._before, self._file = set(), set()
        while len(self._file) + len(self._before) > most:
            self._mask = self._mask * 2 + 1
            self._file = {*self._watched(self._file)}
            self._before = {*self._watched(self._before)}

    def end_file(self) -> None:
        """The next keys are those of another file."""
        if self.in_all:
            count = len(self._before) + len(self._file)
            self._before |= self._file
            self.in_all = len(self._before) == count
        if not self.in_all:
            self._before = set()
        self._file = set()

    def _watched(self, hashes: "Sequence[int] | set[int]") -> list[int]:
        return [each for each in hashes if not each & self._mask]
