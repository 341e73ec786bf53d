"""A window on a stream of JSON that moves along as values are taken out.

Patterns are possessive and always matched from ``at``, so that no text makes
them backtrack or search.
"""

import re
from collections.abc import Generator, Iterator

from rjcli.errors import InputError

OPENING = {b"{", b"["}
STEPS_AT_ONCE = 5000  # brackets or strings to look at before other tasks run

_SPACE = re.compile(rb"[ \t\r\n]*")
_BRACKET = re.compile(rb"[{}[\]]")
# To the end of a string; a backslash goes with what it escapes.
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)


class Window:
    """The bytes at hand. What comes before ``at`` has been taken; ``line``: 1-based, of ``at``.

    Its generators yield None regularly, so that other tasks can run.
    """

    def __init__(self, byte_strings: Iterator[bytes], file: str) -> None:
        self.text = b""
        self.at = 0
        self.line = 1
        self._byte_strings = byte_strings
        self._file = file

    def take_if(self, token: bytes) -> Generator[None, None, bool]:
        """Take a one-byte token if it comes next."""
        found = (yield from self.peek()) == token
        if found:
            self.at += 1
        return found

    def peek(self) -> Generator[None, None, bytes]:
        """The next byte that is not white space, or none at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match  # noqa: S101 - it also matches nothing
            self.move_to(match.end())
            if self.at < len(self.text):
                return self.text[self.at : self.at + 1]
            if not (yield from self.fill()):
                return b""

    def drop(self, depth: int, *, in_string: bool = False) -> Generator[None, None, None]:
        """Take and drop everything until this many brackets are closed, and the string."""
        steps = 0
        while depth or in_string:
            if in_string:
                plain = _IN_STRING.match(self.text, self.at)
                assert plain  # noqa: S101 - it also matches nothing
                self.move_to(plain.end())
            else:
                depth = self._drop_brackets(depth)
                if not depth:
                    return
            steps += 1
            if not self.text.startswith(b'"', self.at):
                # The window ends here, or with a backslash that waits for what it escapes.
                yield from self.fill_inside()
                continue
            self.at += 1
            in_string = not in_string
            if steps % STEPS_AT_ONCE == 0:
                yield None

    def fill_inside(self) -> Generator[None, None, None]:
        """Lengthen the window. Raises InputError at the end, which is not the value's."""
        if not (yield from self.fill()):
            raise self.broken("the input ends inside this value")

    def move_to(self, position: int) -> None:
        """Take everything before a position in the text."""
        self.line += self.text.count(b"\n", self.at, position)
        self.at = position

    def fill(self) -> Generator[None, None, bool]:
        """Lengthen the window. False at the end.

        It grows by a quarter at least, so that the work on a long value stays in
        proportion to its length. But a bracket that may close a record does not
        wait for a slow input.
        """
        parts = [self.text[self.at :]]
        self.text, self.at = b"", 0  # so that a long value is not held three times
        wanted = len(parts[0]) // 4
        size = 0
        may_close = False
        for data in self._byte_strings:
            parts.append(data)
            size += len(data)
            may_close = may_close or b"}" in data
            yield None
            if size and (size >= wanted or (may_close and not data)):
                break
        self.text = b"".join(parts)
        return size > 0

    def broken(self, reason: str) -> InputError:
        """The error where the stream stops being JSON."""
        return InputError(
            f"{self._file}, line {self.line}: this is not JSON any more: {reason}",
            hint="the records before it are accounted for; fix the file and push it again",
        )

    def _drop_brackets(self, depth: int) -> int:
        """Drop what comes before the next string, or up to the bracket that closes everything.

        Returns how many brackets are open then.
        """
        end = self.text.find(b'"', self.at)
        end = len(self.text) if end < 0 else end
        closed = sum(self.text.count(mark, self.at, end) for mark in (b"}", b"]"))
        if closed < depth:  # and need not be looked at one by one
            depth -= closed
            depth += sum(self.text.count(mark, self.at, end) for mark in (b"{", b"["))
            self.move_to(end)
            return depth
        for bracket in _BRACKET.finditer(self.text, self.at, end):
            depth += 1 if bracket[0] in OPENING else -1
            if not depth:
                end = bracket.end()
                break
        self.move_to(end)
        return depth
