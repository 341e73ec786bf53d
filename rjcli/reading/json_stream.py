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
from rjcli.reading.size_limit import reject_too_long

_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^][{}",: \t\r\n]++', re.DOTALL)
# From here to the next bracket that is not inside a string. The quantifiers are
# possessive, so that no text makes them backtrack.
_TO_BRACKET = re.compile(
    rb'[^"{}[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}[\]]*+)*+([{}[\]])', re.DOTALL
)
# The same for what most elements are: an object without any bracket in it, and the comma behind it.
_FLAT_ELEMENT = re.compile(
    rb'[ \t\r\n]*+(\{[^"{}[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}[\]]*+)*+\})[ \t\r\n]*+,',
    re.DOTALL,
)
# To the next mark that may end this value; a backslash goes with what it escapes.
_OUT_OF_STRING = re.compile(rb'[^"{}[\]]*+')
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_MOST_AT_ONCE = 4 * 2**20  # bytes
_CLOSING = {b"{": b"}", b"[": b"]"}


def read_json(
    byte_strings: Iterator[bytes], file: str, max_record_bytes: int
) -> Iterator[RawRecord | Rejection | None]:
    """Read objects out of arrays, or one after the other; None is "nothing there yet".

    A value past ``max_record_bytes`` is rejected without its text. Raises
    InputError where the stream stops being JSON.
    """
    number = 0
    for value in _Stream(byte_strings, file, max_record_bytes).values():
        if value is None:
            yield None
            continue
        text, line = value
        number += 1
        if text is None:
            yield reject_too_long(file, line, number, max_record_bytes)
            continue
        try:
            fields = parse_object(text)
        except MalformedJsonError as error:
            yield Rejection(Stage.READ, file, line, number, text, (error.reason,))
        else:
            yield RawRecord(text, text, fields, file, line, number)


_Value = tuple[bytes | None, int]
"""The text of a value, None if it is too long, and the line on which it begins."""


class _Stream:
    """A window on a stream of JSON values that moves along as they are taken out.

    Its methods are generators that yield None for "nothing there yet".
    """

    def __init__(self, byte_strings: Iterator[bytes], file: str, max_value_bytes: int) -> None:
        self._byte_strings = byte_strings
        self._file = file
        self._max_value_bytes = max_value_bytes
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
            while (flat := _FLAT_ELEMENT.match(self._window, self._at)) and self._fits(flat):
                self._move_to(flat.start(1))
                yield flat[1], self._line
                self._move_to(flat.end())
            yield (yield from self._value())
            if (yield from self._take_if(b"]")):
                return
            if not (yield from self._take_if(b",")):
                raise self._broken("expected , or ] after an element of the array")

    def _fits(self, element: re.Match[bytes]) -> bool:
        return element.end(1) - element.start(1) <= self._max_value_bytes

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
        line = self._line
        size = yield from (self._bracketed_size() if first in _CLOSING else self._scalar_size())
        if size is None:
            return None, line
        text = self._window[self._at : self._at + size]
        self._move_to(self._at + size)
        return text, line

    def _bracketed_size(self) -> Generator[None, None, int | None]:
        """The size in bytes of the object or array that comes next.

        One that is too long is taken piece by piece and dropped; then None.
        """
        closing: list[bytes] = []  # the brackets that are still to come, innermost last
        size = 0
        while size <= self._max_value_bytes:
            match = _TO_BRACKET.match(self._window, self._at + size)
            if match is None:
                if len(self._window) - self._at > self._max_value_bytes:
                    break
                yield from self._fill_inside()
                continue
            size = match.end() - self._at
            self._close_or_open(match[1], closing)
            if not closing:
                break
        if not closing and size <= self._max_value_bytes:
            return size
        self._move_to(self._at + size)
        yield from self._skip(closing)
        return None

    def _skip(self, closing: list[bytes]) -> Generator[None, None, None]:
        """Take and drop everything until all brackets are closed."""
        in_string = False
        while closing:
            plain = (_IN_STRING if in_string else _OUT_OF_STRING).match(self._window, self._at)
            assert plain  # noqa: S101 - it also matches nothing
            self._move_to(plain.end())
            mark = self._window[self._at : self._at + 1]
            if mark in (
                b"",
                b"\\",
            ):  # a backslash at the end of the window waits for what it escapes
                yield from self._fill_inside()
                continue
            self._at += 1
            if mark == b'"':
                in_string = not in_string
            else:
                self._close_or_open(mark, closing)

    def _close_or_open(self, bracket: bytes, closing: list[bytes]) -> None:
        if bracket in _CLOSING:
            closing.append(_CLOSING[bracket])
        elif closing.pop() != bracket:
            raise self._broken(f"a {bracket.decode()} in this value closes nothing")

    def _fill_inside(self) -> Generator[None, None, None]:
        if not (yield from self._fill()):
            raise self._broken("the input ends inside this value")

    def _scalar_size(self) -> Generator[None, None, int]:
        """The size in bytes of the string, number or word that comes next."""
        while True:
            match = _SCALAR.match(self._window, self._at)
            # A number or a word that ends with the window may go on after it.
            at_end = match is None or match.end() == len(self._window)
            short = len(self._window) - self._at <= self._max_value_bytes
            if at_end and short and (yield from self._fill()):
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
        """Lengthen the window, about to double what is left in it. False at the end.

        Doubling keeps the work on a long value in proportion to its length.
        """
        rest = [self._window[self._at :]]
        wanted = min(len(rest[0]) or 1, _MOST_AT_ONCE)
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
