"""Writing to stdout and stderr: never read as markup, never failing the work it tells of."""

import io
import os
from contextlib import suppress
from typing import TextIO, cast

from rich.console import Console
from rich.text import Text

from rjcli.report.text import visible


def open_console(stream: TextIO) -> Console:
    """A rich console on a stream. Off a terminal it writes plain lines of any length."""
    return Console(
        file=cast("TextIO", _Tolerant(stream)),
        soft_wrap=not stream.isatty(),
        markup=False,
        highlight=False,
        emoji=False,
    )


def print_line(console: Console, text: str, *, label: str = "", style: str = "") -> None:
    """Print a line, with a label in some style before it; invisible characters are shown."""
    console.print(Text.assemble((visible(label), style), visible(text)))


class _Tolerant(io.TextIOBase):
    """Drops what it is given once nobody reads it any more, as in ``rjcli push … | head``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # What the terminal's encoding lacks is escaped instead of failing.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            # The interpreter flushes once more when it ends, and would complain.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
