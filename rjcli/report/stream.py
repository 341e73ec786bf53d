"""Writing to stdout and stderr: no failure ends the work."""

import errno
import io
import os
from contextlib import suppress
from typing import TextIO


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
