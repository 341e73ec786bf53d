"""Writing to stdout and stderr: nothing is read as markup, and no failure ends the work."""

import io
from typing import TYPE_CHECKING, TextIO, TypeAlias

from rjcli.report.stream import TolerantStream
from rjcli.visible_text import visible

if TYPE_CHECKING:
    from rjcli.report.terminal import TerminalConsole

Console: TypeAlias = "PlainConsole | TerminalConsole"


def open_console(stream: TextIO) -> Console:
    """A console on a stream: in colours on a terminal, else plain lines of any length."""
    file = TolerantStream(stream)
    if not stream.isatty():
        return PlainConsole(file)
    from rjcli.report.terminal import TerminalConsole  # takes its time, as rich does

    return TerminalConsole(file)


class PlainConsole:
    """Where lines go off a terminal. ``is_live``: whether what was drawn can be drawn over."""

    is_live = False

    def __init__(self, file: TolerantStream) -> None:
        self._file = file

    @property
    def lost(self) -> OSError | None:
        """Why something could not be written; None if everything was."""
        return self._file.lost

    def print_line(
        self, text: str, *, label: str = "", style: str = "", unbroken: bool = False
    ) -> None:
        """Print a line, with a label before it; invisible characters are shown.

        ``unbroken``: where it is longer than the terminal is wide, no line breaks get into it.
        """
        del style, unbroken  # off a terminal there are neither colours nor a width
        self.write(f"{visible(label)}{visible(text)}\n")

    def write(self, text: str) -> None:
        """Write text as it is."""
        self._file.write(text)
        self._file.flush()


class SilentConsole(PlainConsole):
    """A console that shows nothing."""

    def __init__(self) -> None:
        super().__init__(TolerantStream(io.StringIO()))

    def write(self, text: str) -> None:
        """Write nothing."""
