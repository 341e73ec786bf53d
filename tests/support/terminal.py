"""A process on a terminal of its own."""

import codecs
import os
import pty
import select
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

# The terminal becomes the one that /dev/tty is, as it is where people type.
_ON_OWN_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""
_RJCLI = (sys.executable, "-m", "rjcli")
_PATIENCE = 20.0  # seconds


class Terminal:
    """Runs `rjcli`, or a program, on a pseudo-terminal. ``shown`` is all that appeared there."""

    def __init__(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        program: Sequence[str] = _RJCLI,
    ) -> None:
        self._controller, terminal = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _ON_OWN_TERMINAL, *program, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=environment,
        )
        os.close(terminal)
        self.shown = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()  # a read may end within one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._controller)

    @property
    def echoes(self) -> bool:
        """Whether it shows what is typed."""
        return bool(termios.tcgetattr(self._controller)[3] & termios.ECHO)

    def wait_for(self, text: str) -> None:
        """Read until a text appears."""
        while text not in self.shown:
            self.read_more(f"{text!r} did not appear")

    def read_more(self, failure: str = "nothing more appeared") -> None:
        """Read something that appears."""
        assert self._read(), f"{failure}: {self.shown!r}"

    def type(self, text: str) -> None:
        """Type a line."""
        self.press(f"{text}\n")

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._controller, keys.encode())

    def end(self) -> int:
        """Read all that still appears; return the exit code."""
        while self._read():
            pass
        return self.process.wait(_PATIENCE)

    def _read(self) -> bool:
        if not select.select([self._controller], [], [], _PATIENCE)[0]:
            return False
        try:
            data = os.read(self._controller, 65536)
        except OSError:  # nobody has it open any more
            return False
        self.shown += self._decoder.decode(data)
        return bool(data)
