"""A terminal: coloured lines, and lines under them that are drawn over. Imported only for one."""

import os
from typing import TextIO, cast

import rich.console
from rich.cells import cell_len, set_cell_size
from rich.text import Text

from rjcli.report.stream import TolerantStream
from rjcli.visible_text import visible

_UP, _ERASE_BELOW = "\x1b[{}A", "\x1b[J"


class TerminalConsole:
    """The same as a PlainConsole, with labels in their styles."""

    def __init__(self, file: TolerantStream) -> None:
        self._file = file
        self.rich = rich.console.Console(
            file=cast("TextIO", file), markup=False, highlight=False, emoji=False
        )
        self.is_live = self.rich.is_terminal and not self.rich.is_dumb_terminal
        self._drawn: list[str] = []

    @property
    def lost(self) -> OSError | None:
        return self._file.lost

    @property
    def width(self) -> int:
        """How many columns it has now."""
        return self._size().columns

    def can_write(self, text: str) -> bool:
        """Whether its encoding has all these characters."""
        try:
            text.encode(self._file.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def print_line(
        self, text: str, *, label: str = "", style: str = "", unbroken: bool = False
    ) -> None:
        line = Text.assemble((visible(label), style), visible(text))
        drawn = self._drawn
        self.draw([])
        self.rich.print(line, soft_wrap=unbroken)
        if drawn:
            self.draw(drawn)

    def write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()

    def draw(self, lines: list[str]) -> None:
        """Draw lines under all others, in the place of those that were drawn before.

        The cursor stays below them, so that nothing that is typed shifts them.
        """
        if not (lines or self._drawn):
            return
        size = self._size()
        # A terminal that became narrower has broken what was drawn into more rows.
        rows = sum(max(1, -(-cell_len(line) // size.columns)) for line in self._drawn)
        start = f"\r{_UP.format(rows)}{_ERASE_BELOW}" if rows else ""
        # A line as wide as the terminal would make some of them go to the next one.
        self._drawn = [_fit(visible(line), size.columns - 1) for line in lines[: size.lines - 1]]
        self.write(start + "".join(f"{line}\n" for line in self._drawn))

    def _size(self) -> os.terminal_size:
        try:
            size = os.get_terminal_size(self._file.fileno())
        except (OSError, ValueError):
            size = os.terminal_size((0, 0))
        # A terminal may not know its size.
        return os.terminal_size((max(size.columns, 2) if size.columns else 80, size.lines or 24))


def _fit(line: str, width: int) -> str:
    return line if cell_len(line) <= width else set_cell_size(line, width)
