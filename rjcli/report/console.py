"""Writing to stdout and stderr: nothing is read as markup, and no failure ends the work."""

import errno
import io
import os
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO, TypeAlias

from rjcli.visible_text import visible

if TYPE_CHECKING:
    from rjcli.report.terminal import TerminalConsole

Console: TypeAlias = "PlainConsole | SilentConsole | TerminalConsole"


def open_console(stream: TextIO) -> Console:
    """A console on a stream: in colours on a terminal, else plain lines of any length."""
    file = TolerantStream(stream)
    if not stream.isatty():
        return PlainConsole(file)
    from rjcli.report.terminal import TerminalConsole  # takes its time, as rich does

    return TerminalConsole(file)


class TolerantStream(io.TextIOBase):
    """A stream that drops what is written once nobody reads it, as in ``rjcli push … | head``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None  # why something could not be written
        # What the terminal's encoding lacks is escaped instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    @property
    def encoding(self) -> str:  # type: ignore[override] # rich asks for it
        """The encoding of the stream."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Its descriptor."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write text, or lose it."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._lose(error)
        except ValueError:
            pass  # it was closed
        return len(text)

    def flush(self) -> None:
        """Flush it, or lose what was written."""
        try:
            self._stream.flush()
        except OSError as error:
            self._lose(error)
            # The interpreter flushes once more when it ends, and would complain.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def _lose(self, error: OSError) -> None:
        """Note that something is lost, unless whoever reads it has seen enough."""
        if error.errno != errno.EPIPE:
            self.lost = self.lost or error


class SilentConsole:
    """A console that shows nothing."""

    is_live = False
    lost = None

    def print_line(
        self, text: str, *, label: str = "", style: str = "", unbroken: bool = False
    ) -> None:
        """Print nothing."""

    def write(self, text: str) -> None:
        """Write nothing."""


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
