"""JSON that is not line by line: arrays of objects, single objects, and several in a row.

The text of each record is cut out of the stream as it stands. Where a record
ends is found by its brackets alone; whether it is good JSON is checked on the
cut-out text, so that a bad record between good brackets costs only itself.

Patterns are possessive and always matched from where the stream stands, so that
no text makes them backtrack or search.
"""

import re
from collections.abc import Generator, Iterator
from contextlib import suppress
from itertools import accumulate, pairwise

from rjcli.errors import InputError
from rjcli.json_text import MalformedJsonError, parse_value
from rjcli.model import Block
from rjcli.reading.block import parse_block
from rjcli.reading.lines import MOST_RECORDS

_SPACE = re.compile(rb"[ \t\r\n]*")
_SCALAR = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^][{}",: \t\r\n]++', re.DOTALL)
# To the next bracket outside of strings.
_TO_BRACKET = re.compile(
    rb'[^"{}[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}[\]]*+)*+([{}[\]])', re.DOTALL
)
# What most elements are: an object without any bracket in it, and the comma after it.
_FLAT_ELEMENT = re.compile(
    rb'[ \t\r\n]*+(\{[^"{}[\]]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"{}[\]]*+)*+\})[ \t\r\n]*+,',
    re.DOTALL,
)
_BRACKET = re.compile(rb"[{}[\]]")
# To the end of a string; a backslash goes with what it escapes.
_IN_STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_LONGEST_WORD = 64 * 1024  # bytes of a number, true, false or null
_BLOCK_SIZE = 64 * 1024  # bytes
_STEPS_AT_ONCE = 10_000  # brackets or strings to look at before others go on
_OPENING = {b"{", b"["}
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}


def read_json(byte_strings: Iterator[bytes], file: str, max_record_bytes: int) -> Iterator[Block]:
    """Read objects out of arrays, or one after the other.

    A value past ``max_record_bytes`` is rejected without its text. Raises
    InputError where the stream stops being JSON.
    """
    number = 0
    for values in _gather(_Stream(byte_strings, file, max_record_bytes).values()):
        texts = [text for text, _ in values]
        lines = [line for _, line in values]
        yield parse_block(texts, file, lines, number + 1, max_record_bytes) if values else []
        number += len(values)


_Value = tuple[bytes | None, int]
"""The text of a value, None if it is too long, and the line on which it begins."""


def _gather(found: "Iterator[list[_Value] | None]") -> "Iterator[list[_Value]]":
    """Gather values until they are many, or until others are to go on."""
    gathered, size = list[_Value](), 0  # bytes
    try:
        for values in found:
            if values:
                gathered += values
                size += sum(len(text or b"") for text, _ in values)
                if size < _BLOCK_SIZE and len(gathered) < MOST_RECORDS:
                    continue
            yield gathered
            gathered, size = [], 0
    except InputError:
        if gathered:
            yield gathered  # they are good, whatever follows them
        raise
    if gathered:
        yield gathered


class _Stream:
    """A window on a stream of JSON values that moves along as they are taken out.

    Its methods are generators that yield None now and then, so that others can go on.
    """

    def __init__(self, byte_strings: Iterator[bytes], file: str, max_value_bytes: int) -> None:
        self._byte_strings = byte_strings
        self._file = file
        self._max_value_bytes = max_value_bytes
        self._window = b""
        self._at = 0  # everything before it has been taken
        self._line = 1  # of self._at

    def values(self) -> Iterator[list[_Value] | None]:
        """The elements of top-level arrays, and every other top-level value."""
        while (yield from self._peek()):
            if (yield from self._take_if(b"[")):
                yield from self._elements()
            else:
                yield [(yield from self._value())]

    def _elements(self) -> Iterator[list[_Value] | None]:
        if (yield from self._take_if(b"]")):
            return
        while True:
            while elements := self._flat_elements():
                yield elements
            yield [(yield from self._value())]
            if (yield from self._take_if(b"]")):
                return
            if not (yield from self._take_if(b",")):
                raise self._broken("expected , or ] after an element of the array")

    def _flat_elements(self) -> list[_Value]:
        """Take elements that lie in the window together, if they are objects without brackets."""
        window, match, at = self._window, _FLAT_ELEMENT.match, self._at
        texts: list[bytes | None] = []
        starts = [at]
        while (found := match(window, at)) and len(texts) < MOST_RECORDS:
            text = found[1]
            texts.append(text if len(text) <= self._max_value_bytes else None)
            starts.append(found.start(1))
            at = found.end()
        line_ends = [window.count(b"\n", start, end) for start, end in pairwise(starts)]
        _, *lines = accumulate(line_ends, initial=self._line)
        self._move_to(at)
        return [*zip(texts, lines, strict=True)]

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
        size = yield from (self._bracketed_size() if first in _OPENING else self._scalar_size())
        if size is None:
            return None, line
        text = self._window[self._at : self._at + size]
        self._move_to(self._at + size)
        return text, line

    def _bracketed_size(self) -> Generator[None, None, int | None]:
        """The size in bytes of the object or array that comes next.

        One that is too long is taken piece by piece and dropped; then None.
        """
        closing = bytearray()  # the brackets that are still to come, innermost last
        size = steps = 0
        while size <= self._max_value_bytes:
            match = _TO_BRACKET.match(self._window, self._at + size)
            if match is None:
                if len(self._window) - self._at > self._max_value_bytes:
                    break
                yield from self._fill_inside()
                continue
            size = match.end() - self._at
            bracket = match[1][0]
            if bracket in _CLOSING:
                closing.append(_CLOSING[bracket])
            elif closing.pop() != bracket:
                raise self._broken(f"a {chr(bracket)} in this value closes nothing")
            if not closing:
                break
            steps += 1
            if steps % _STEPS_AT_ONCE == 0:
                yield None
        if not closing and size <= self._max_value_bytes:
            return size
        self._move_to(self._at + size)
        yield from self._drop(depth=len(closing))
        return None

    def _scalar_size(self) -> Generator[None, None, int | None]:
        """The size in bytes of the string, number or word that comes next.

        A string that is too long is taken piece by piece and dropped; then None.
        """
        is_string = self._window.startswith(b'"', self._at)
        longest = self._max_value_bytes if is_string else _LONGEST_WORD
        while True:
            match = _SCALAR.match(self._window, self._at)
            # A number or a word that ends with the window may go on after it.
            if match and match.end() < len(self._window):
                break
            if len(self._window) - self._at > longest:
                match = None
                break
            if not (yield from self._fill()):
                break
        size = (match.end() if match else len(self._window)) - self._at
        if is_string and size > self._max_value_bytes:
            self._move_to(self._at + 1)
            yield from self._drop(depth=0, in_string=True)
            return None
        # The faults of a string that ends are its own; what follows it can be read.
        if match is None or not (is_string or _is_json(match[0])):
            raise self._broken("expected a JSON value")
        return size

    def _drop(self, depth: int, *, in_string: bool = False) -> Generator[None, None, None]:
        """Take and drop everything until this many brackets are closed, and the string."""
        steps = 0
        while depth or in_string:
            if in_string:
                plain = _IN_STRING.match(self._window, self._at)
                assert plain  # noqa: S101 - it also matches nothing
                self._move_to(plain.end())
            else:
                depth = self._drop_brackets(depth)
                if not depth:
                    return
            steps += 1
            if not self._window.startswith(b'"', self._at):
                # The window ends here, or with a backslash that waits for what it escapes.
                yield from self._fill_inside()
                continue
            self._at += 1
            in_string = not in_string
            if steps % _STEPS_AT_ONCE == 0:
                yield None

    def _drop_brackets(self, depth: int) -> int:
        """Drop what comes before the next string, or up to the bracket that closes everything.

        Returns how many brackets are open then.
        """
        end = self._window.find(b'"', self._at)
        end = len(self._window) if end < 0 else end
        closed = sum(self._window.count(mark, self._at, end) for mark in (b"}", b"]"))
        if closed < depth:  # and need not be looked at one by one
            depth -= closed
            depth += sum(self._window.count(mark, self._at, end) for mark in (b"{", b"["))
            self._move_to(end)
            return depth
        for bracket in _BRACKET.finditer(self._window, self._at, end):
            depth += 1 if bracket[0] in _OPENING else -1
            if not depth:
                end = bracket.end()
                break
        self._move_to(end)
        return depth

    def _fill_inside(self) -> Generator[None, None, None]:
        if not (yield from self._fill()):
            raise self._broken("the input ends inside this value")

    def _move_to(self, position: int) -> None:
        self._line += self._window.count(b"\n", self._at, position)
        self._at = position

    def _fill(self) -> Generator[None, None, bool]:
        """Lengthen the window. False at the end.

        It grows by a quarter at least, so that the work on a long value stays in
        proportion to its length. But a bracket that may close a record does not
        wait for a slow input.
        """
        parts = [self._window[self._at :]]
        self._window, self._at = b"", 0  # so that a long value is not held three times
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
        self._window = b"".join(parts)
        return size > 0

    def _broken(self, reason: str) -> InputError:
        return InputError(
            f"{self._file}, line {self._line}: this is not JSON any more: {reason}",
            hint="the records before it are accounted for; fix the file and push it again",
        )


def _is_json(text: bytes) -> bool:
    with suppress(MalformedJsonError):
        parse_value(text)
        return True
    return False
