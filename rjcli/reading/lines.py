"""An input is cut after line ends into pieces of whole lines."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

MOST_RECORDS = 2000  # in a block, so that making one does not keep others waiting

_LF = re.compile(rb"\n")
_LF_OR_CR = re.compile(rb"\n|\r(?=[^\n])\n?")


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line past the limit, dropped as it came in. ``marks``: how many of one kind it had."""

    marks: int


def whole_lines(
    byte_strings: Iterator[bytes],
    max_bytes: int,
    *,
    ends_with_cr: bool = False,
    mark: bytes = b"\n",
    on_part_line: Callable[[], None] | None = None,
) -> Iterator[bytes | LongLine]:
    """Cut an input after line ends, the last one perhaps before its end.

    An empty piece means "nothing there yet", or lets others go on. LF ends a
    line and, with ``ends_with_cr``, so does a CR that no LF follows. A line of
    more than ``max_bytes`` is dropped, and the bytes ``mark`` in it are counted.
    ``on_part_line`` is called instead of reading a last line without a line end.
    """
    line_end = _LF_OR_CR if ends_with_cr else _LF
    rest = bytearray()  # of a line whose end has not come yet
    marks: int | None = None  # in the line that is being dropped
    for data in byte_strings:
        if not data:
            yield b""
            continue
        if ends_with_cr and rest.endswith(b"\r"):  # it may be the first byte of a CRLF
            data = bytes(rest) + data  # noqa: PLW2901
            rest.clear()
        if marks is not None:
            end = line_end.search(data)
            marks += data.count(mark, 0, end.end() if end else len(data))
            if end:
                yield LongLine(marks)
                marks, data = None, data[end.end() :]  # noqa: PLW2901
        end_at = data.rfind(b"\n") + 1
        if ends_with_cr:
            end_at = max(end_at, data.rfind(b"\r", 0, len(data) - 1) + 1)
        yield bytes(rest) + data[:end_at] if end_at else b""
        if end_at:
            rest.clear()
        if marks is None:
            rest += data[end_at:]
            if len(rest) > max_bytes + 1:  # a CR more
                marks = rest.count(mark)
        if marks is not None:
            rest = bytearray(b"\r" if ends_with_cr and data.endswith(b"\r") else b"")
    has_end = ends_with_cr and rest.endswith(b"\r")
    if on_part_line and not has_end and (marks is not None or rest.strip()):
        on_part_line()
    elif marks is not None:
        yield LongLine(marks)
    elif rest:
        yield bytes(rest)
