"""JSON that is not line by line: arrays of objects, single objects, and several in a row.

The text of each record is cut out of the stream unchanged. Where a record ends is
found by its brackets alone. Whether it is good JSON is checked on the cut-out
text, so that a bad record between good brackets costs only itself.
"""

import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate, pairwise

from rjcli.errors import InputError
from rjcli.json_text import SPACE, MalformedJsonError, parse_value
from rjcli.model import Block, RawRecords
from rjcli.reading.attempts import Attempts
from rjcli.reading.block import parse_block
from rjcli.reading.json_window import OPENING, STEPS_AT_ONCE, Window
from rjcli.reading.lines import MOST_RECORDS
from rjcli.reading.uniform import UniformParser

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
_LONGEST_WORD = 64 * 1024  # bytes of a number, true, false or null
_BLOCK_SIZE = 64 * 1024  # bytes
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}


def read_json(
    byte_strings: Iterator[bytes], file: str, max_record_bytes: int, wanted: Sequence[str] = ()
) -> Iterator[Block]:
    """Read objects out of arrays, or one after the other.

    A value past ``max_record_bytes`` is rejected without its text. ``wanted``: the only
    fields that will be looked at; none: all. Raises InputError where the stream stops
    being JSON.
    """
    uniform = UniformParser(wanted) if wanted else None

    def parse(texts: Sequence[bytes | None], lines: Sequence[int], first_number: int) -> Block:
        return parse_block(texts, file, lines, first_number, max_record_bytes, uniform)

    number = 0
    for values in _gather(_Stream(Window(byte_strings, file), max_record_bytes, parse).values()):
        block: Block = []
        if isinstance(values, RawRecords):
            block = values
        elif values:
            block = parse([text for text, _ in values], [line for _, line in values], number + 1)
        yield block
        number += len(block)


_Value = tuple[bytes | None, int]
"""The text of a value, None if it is too long, and the line on which it begins."""


_Found = list[_Value] | RawRecords
_Parse = Callable[[Sequence[bytes | None], Sequence[int], int], Block]


def _gather(found: "Iterator[_Found | None]") -> "Iterator[_Found]":
    """Gather values until they are many, or until other tasks should run."""
    gathered, size = list[_Value](), 0  # bytes
    try:
        for values in found:
            if isinstance(values, RawRecords):
                if gathered:
                    yield gathered
                    gathered, size = [], 0
                yield values
                continue
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
    """Takes values out of a stream of JSON.

    Its generators yield None regularly, so that other tasks can run.
    """

    def __init__(self, window: Window, max_value_bytes: int, parse: _Parse) -> None:
        self._window = window
        self._max_value_bytes = max_value_bytes
        self._parse = parse
        self._number = 0  # of values
        self._separator = b""  # the last one between two elements, with a brace on each side
        self._attempts = Attempts()  # to split at it

    def values(self) -> Iterator[_Found | None]:
        """The elements of top-level arrays, and every other top-level value."""
        while (yield from self._window.peek()):
            if (yield from self._window.take_if(b"[")):
                yield from self._elements()
            else:
                yield [(yield from self._value())]

    def _elements(self) -> Iterator[_Found | None]:
        if (yield from self._window.take_if(b"]")):
            return
        while True:
            while records := (yield from self._split_elements()):
                yield records
            while elements := self._flat_elements():
                yield elements
            yield [(yield from self._value())]
            if (yield from self._window.take_if(b"]")):
                return
            if not (yield from self._window.take_if(b",")):
                raise self._window.broken("expected , or ] after an element of the array")

    def _split_elements(self) -> Generator[None, None, RawRecords | None]:
        """Take elements by splitting the window at what has been between others.

        That may be wrong, as inside of a string. But where each part is a JSON object, it
        is right, as JSON can be read in one way only.
        """
        window, separator = self._window, self._separator
        if not separator:
            return None
        if window.text.find(b"}", window.at) < 0 and not (yield from window.fill()):
            return None
        end = window.text.rfind(separator, window.at)
        if end < 0:
            return None
        text = window.text[window.at : end] + b"}"
        texts = text.lstrip(SPACE).replace(separator, b"}\0{").split(b"\0")
        has_long = len(text) > self._max_value_bytes < max(map(len, texts))
        if b"\0" not in text and not has_long:
            block = self._parse(texts, self._lines(text, texts), self._number + 1)
            if isinstance(block, RawRecords):
                self._attempts.succeed()
                self._number += len(block)
                window.move_to(end + separator.index(b",") + 1)
                return block
        self._attempts.fail()
        self._separator = b""
        return None

    def _lines(self, text: bytes, elements: Sequence[bytes]) -> Sequence[int]:
        """On which line each of the elements begins that a text of the window was split into."""
        before = text.count(b"\n", 0, max(0, text.find(b"{")))
        first, line_ends = self._window.line + before, self._separator.count(b"\n")
        if line_ends and text.count(b"\n") == before + line_ends * (len(elements) - 1):
            return range(first, first + line_ends * len(elements), line_ends)
        counts = (element.count(b"\n") + line_ends for element in elements[:-1])
        return [*accumulate(counts, initial=first)]

    def _flat_elements(self) -> list[_Value]:
        """Take elements that lie in the window together, if they are objects without brackets."""
        text, match, at = self._window.text, _FLAT_ELEMENT.match, self._window.at
        texts: list[bytes | None] = []
        starts = [at]
        while (found := match(text, at)) and len(texts) < MOST_RECORDS:
            element = found[1]
            texts.append(element if len(element) <= self._max_value_bytes else None)
            starts.append(found.start(1))
            at = found.end()
        line_ends = [text.count(b"\n", start, end) for start, end in pairwise(starts)]
        _, *lines = accumulate(line_ends, initial=self._window.line)
        self._window.move_to(at)
        self._number += len(texts)
        if len(texts) > 1 and texts[-2] is not None and self._attempts.is_due():
            self._separator = text[starts[-2] + len(texts[-2]) - 1 : starts[-1] + 1]
        return [*zip(texts, lines, strict=True)]

    def _value(self) -> Generator[None, None, _Value]:
        """Take the text of the value that comes next."""
        self._number += 1
        first = yield from self._window.peek()
        line = self._window.line
        size = yield from (self._bracketed_size() if first in OPENING else self._scalar_size())
        if size is None:
            return None, line
        text = self._window.text[self._window.at : self._window.at + size]
        self._window.move_to(self._window.at + size)
        return text, line

    def _bracketed_size(self) -> Generator[None, None, int | None]:
        """The size in bytes of the object or array that comes next.

        One that is too long is taken piece by piece and dropped; then None.
        """
        window, longest = self._window, self._max_value_bytes
        closing = bytearray()  # the brackets that are still to come, innermost last
        size = steps = 0
        while size <= longest:
            match = _TO_BRACKET.match(window.text, window.at + size)
            if match is None:
                if len(window.text) - window.at > longest:
                    break
                yield from window.fill_inside()
                continue
            size = match.end() - window.at
            bracket = match[1][0]
            if bracket in _CLOSING:
                closing.append(_CLOSING[bracket])
            elif closing.pop() != bracket:
                raise window.broken(f"a {chr(bracket)} in this value closes nothing")
            if not closing:
                break
            steps += 1
            if steps % STEPS_AT_ONCE == 0:
                yield None
        if not closing and size <= longest:
            return size
        window.move_to(window.at + size)
        yield from window.drop(depth=len(closing))
        return None

    def _scalar_size(self) -> Generator[None, None, int | None]:
        """The size in bytes of the string, number or word that comes next.

        A string that is too long is taken piece by piece and dropped; then None.
        """
        window = self._window
        is_string = window.text.startswith(b'"', window.at)
        longest = self._max_value_bytes if is_string else _LONGEST_WORD
        while True:
            match = _SCALAR.match(window.text, window.at)
            # A number or a word that ends with the window may go on after it.
            if match and match.end() < len(window.text):
                break
            if len(window.text) - window.at > longest:
                match = None
                break
            if not (yield from window.fill()):
                break
        size = (match.end() if match else len(window.text)) - window.at
        if is_string and size > self._max_value_bytes:
            window.move_to(window.at + 1)
            yield from window.drop(depth=0, in_string=True)
            return None
        # The faults of a string that ends are its own; what follows it can be read.
        if match is None or not (is_string or _is_json(match[0])):
            raise window.broken("expected a JSON value")
        return size


def _is_json(text: bytes) -> bool:
    with suppress(MalformedJsonError):
        parse_value(text)
        return True
    return False
