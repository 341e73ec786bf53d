"""What a terminal shows: a small model of one that wraps long lines, and again when resized."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
from types import TracebackType
from typing import Self, TextIO

_TOKEN = re.compile(r"\x1b\[([0-9]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


class Screen:
    """A terminal with a screen as wide as it was made. ``stream`` writes to it."""

    def __init__(self, columns: int, lines: int = 24) -> None:
        self._controller, terminal = pty.openpty()
        self.stream: TextIO = os.fdopen(terminal, "w", encoding="utf-8")
        self._rows: list[str] = [""]
        self._is_wrapped: list[bool] = [False]  # whether a row goes on in the next one
        self._row = self._column = 0
        self._lines = lines
        self.resize(columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.stream.close()
        os.close(self._controller)

    def resize(self, columns: int) -> None:
        """Make it as wide: what was written is wrapped anew."""
        self._take()
        whole = [""]
        for row, is_wrapped in zip(self._rows, self._is_wrapped, strict=True):
            whole[-1] += row
            if not is_wrapped:
                whole.append("")
        whole.pop()
        self._columns = columns
        self._rows, self._is_wrapped = [], []
        for line in whole:
            parts = [line[at : at + columns] for at in range(0, len(line), columns)] or [""]
            self._rows += parts
            self._is_wrapped += [True] * (len(parts) - 1) + [False]
        self._row = len(self._rows) - 1
        size = struct.pack("HHHH", self._lines, columns, 0, 0)
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, size)

    def type(self, text: str) -> None:
        """Have what is typed appear where the cursor is, as a terminal echoes it."""
        self._take()
        self._write(text)

    @property
    def rows(self) -> list[str]:
        """What it shows, but for the empty end."""
        self._take()
        return "\n".join(row.rstrip() for row in self._rows).rstrip("\n").split("\n")

    def _take(self) -> None:
        data = b""
        while select.select([self._controller], [], [], 0)[0]:
            data += os.read(self._controller, 65536)
        for token in _TOKEN.finditer(data.decode()):
            number, command = token[1], token[2]
            if command == "A":
                self._row -= int(number or 1)
                assert self._row >= 0, "the cursor left the screen"
            elif command == "J":
                del self._rows[self._row + 1 :], self._is_wrapped[self._row + 1 :]
                self._rows[self._row] = self._rows[self._row][: self._column]
                self._is_wrapped[self._row] = False
            elif token[0] == "\r":
                self._column = 0
            elif token[0] == "\n":
                self._next_row()
            elif not command:
                self._write(token[0])

    def _write(self, text: str) -> None:
        for character in text:
            if self._column == self._columns:
                self._is_wrapped[self._row] = True
                self._next_row()
                self._column = 0
            row = self._rows[self._row].ljust(self._column)
            self._rows[self._row] = f"{row[: self._column]}{character}{row[self._column + 1 :]}"
            self._column += 1

    def _next_row(self) -> None:
        self._row += 1
        if self._row == len(self._rows):
            self._rows.append("")
            self._is_wrapped.append(False)
