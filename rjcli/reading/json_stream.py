"""JSON that is not line by line: arrays of objects, single objects, and several in a row.

The text of each record is cut out of the stream as it stands. Where a record
ends is found by its brackets alone; whether it is good JSON is checked on the
cut-out text, so that a bad record between good brackets costs only itself.
"""

import re
from collections.abc import Generator, Iterator

from rjcli.errors import InputError
from rjcli.json_text import MalformedJsonError, parse_object, parse_value
from rjcli.model import RawRecord, Rejection, Stage

_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^][{}",: \t\r\n]++', re.DOTALL)
# From here to the next bracket that is not inside a string. The quantifiers are
# possessive, so that no text makes them backtrack.
_TO_BRACKET = re.compile(
    rb'[^"{}[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}[\]]*+)*+([{}[\]])', re.DOTALL
)
_CLOSING = {b"{": b"}", b"[": b"]"}


def read_json(byte_strings: Iterator[bytes], file: str) -> Iterator[RawRecord | Rejection | None]:
    """Read objects out of arrays, or one after the other.

    Raises InputError where the stream stops being JSON.
    """
    number = 0
    for value in _Stream(byte_strings, file).values():
        if value is None:
            yield None
            continue
        text, line = value
        number += 1
        try:
            fields = parse_object(text)
        except MalformedJsonError as error:
            yield Rejection(Stage.READ, file, line, number, text, (error.reason,))
        else:
            yield RawRecord(text, text, fields, file, line, number)


_Value = tuple[bytes, int]  # the text of a value, and the line on which it begins


class _Stream:
    """A window on a stream of JSON values that moves along as they are taken out.

    Its methods are generators that yield None for "nothing there yet".
    """

    def __init__(self, byte_strings: Iterator[bytes], file: str) -> None:
        self._byte_strings = byte_strings
        self._file = file
        self._window = b""
        self._at = 0  # everything before it has been taken
        self._line = 1  # of self._at

    def values(self) -> Iterator[_Value | None]:
        """The elements of top-level arrays, and every other top-level value."""
        while (yield from self._peek()):
            if (yield from self._take_if(b"[")):
                yield from self._elements()
            else:
                yield (yield from self._value())

    def _elements(self) -> Iterator[_Value | None]:
        if (yield from self._take_if(b"]")):
            return
        while True:
            yield (yield from self._value())
            if (yield from self._take_if(b"]")):
                return
            if not (yield from self._take_if(b",")):
                raise self._broken("expected , or ] after an element of the array")

    def _take_if(self, token: bytes) -> Generator[None, None, bool]:
        """Take a one-byte token if it comes next."""
        found = (yield from self._peek()) == token
        if found:
            self._at += 1
        return found

    def _peek(self) -> Generator[None, None, bytes]:
        """The next byte that is not white space, or none at the end."""
        while True:
            match = _SPACE.match(self._window, self._at)
            assert match  # noqa: S101 - it also matches nothing
            self._move_to(match.end())
            if self._at < len(self._window):
                return self._window[self._at : self._at + 1]
            if not (yield from self._fill()):
                return b""

    def _value(self) -> Generator[None, None, _Value]:
        """Take the text of the value that comes next."""
        first = yield from self._peek()
        size = yield from (self._bracketed_size() if first in _CLOSING else self._scalar_size())
        text, line = self._window[self._at : self._at + size], self._line
        self._move_to(self._at + size)
        return text, line

    def _bracketed_size(self) -> Generator[None, None, int]:
        """The size in bytes of the object or array that comes next."""
        closing: list[bytes] = []  # the brackets that are still to come, innermost last
        size = 0
        while True:
            match = _TO_BRACKET.match(self._window, self._at + size)
            if match is None:
                if not (yield from self._fill()):
                    raise self._broken("the input ends inside this value")
                continue
            size = match.end() - self._at
            bracket = match[1]
            if bracket in _CLOSING:
                closing.append(_CLOSING[bracket])
            elif closing.pop() != bracket:
                raise self._broken(f"a {bracket.decode()} in this value closes nothing")
            if not closing:
                return size

    def _scalar_size(self) -> Generator[None, None, int]:
        """The size in bytes of the string, number or word that comes next."""
        while True:
            match = _SCALAR.match(self._window, self._at)
            # A number or a word that ends with the window may go on after it.
            if (match is None or match.end() == len(self._window)) and (yield from self._fill()):
                continue
            text = match[0] if match else b""
            try:
                parse_value(text)
            except MalformedJsonError:
                raise self._broken("expected a JSON value") from None
            return len(text)

    def _move_to(self, position: int) -> None:
        self._line += self._window.count(b"\n", self._at, position)
        self._at = position

    def _fill(self) -> Generator[None, None, bool]:
        """Lengthen the window, at least to double what is left in it. False at the end.

        Doubling keeps the work on a value of any size in proportion to its size.
        """
        rest = [self._window[self._at :]]
        wanted = len(rest[0]) or 1
        for data in self._byte_strings:
            if not data:
                yield None
                continue
            rest.append(data)
            wanted -= len(data)
            if wanted <= 0:
                break
        self._window = b"".join(rest)
        self._at = 0
        return len(rest) > 1

    def _broken(self, reason: str) -> InputError:
        return InputError(
            f"{self._file}, line {self._line}: this is not JSON any more: {reason}",
            hint="the records before it are accounted for; mend the file and push it again",
        )
