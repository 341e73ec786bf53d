"""An input is cut after line ends into pieces of whole lines."""

import re
from collections.abc import Callable, Iterator

from msgspec import Struct

MOST_RECORDS = 1000  # in a block, so that making one does not keep other tasks waiting

_LF = re.compile(rb"\n")
_LF_OR_CR = re.compile(rb"\n|\r(?=[^\n])")


class LongLine(Struct, frozen=True):
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
    """Cut an input after line ends; only the last piece may lack its line end.

    An empty piece means "nothing there yet", or lets other tasks run. LF ends a
    line and, with ``ends_with_cr``, so does a CR that no LF follows. A line of
    more than ``max_bytes`` is dropped, and the bytes ``mark`` in it are counted.
    ``on_part_line`` is called instead of reading a last line without a line end.
    """
    cutter = _Cutter(max_bytes, mark, ends_with_cr=ends_with_cr)
    for data in byte_strings:
        yield from cutter.feed(data) if data else (b"",)
    yield from cutter.finish(on_part_line)


class _Cutter:
    """Keeps the beginning of a line until its end has come."""

    def __init__(self, max_bytes: int, mark: bytes, *, ends_with_cr: bool) -> None:
        self._max_bytes = max_bytes
        self._mark = mark
        self._ends_with_cr = ends_with_cr
        self._line_end = _LF_OR_CR if ends_with_cr else _LF
        self._rest = bytearray()
        self._marks: int | None = None  # in the line that is being dropped

    def feed(self, data: bytes) -> Iterator[bytes | LongLine]:
        if self._ends_with_cr and self._rest.endswith(b"\r"):  # its LF may be what comes
            data = bytes(self._rest) + data
            self._rest.clear()
        if self._marks is not None:
            end = self._line_end.search(data)
            self._marks += data.count(self._mark, 0, end.end() if end else len(data))
            if end is None:
                self._keep_only_return(data)
                yield b""
                return
            yield LongLine(self._marks)
            self._marks = None
            data = data[end.end() :]
        end_at = data.rfind(b"\n") + 1
        if self._ends_with_cr:
            end_at = max(end_at, data.rfind(b"\r", 0, len(data) - 1) + 1)
        yield b"".join((self._rest, memoryview(data)[:end_at])) if end_at else b""
        if end_at:
            self._rest.clear()
        self._rest += data[end_at:]
        if len(self._rest) > self._max_bytes + 1:  # a CR more
            self._marks = self._rest.count(self._mark)
            self._keep_only_return(self._rest)

    def finish(self, on_part_line: Callable[[], None] | None) -> Iterator[bytes | LongLine]:
        has_end = self._ends_with_cr and self._rest.endswith(b"\r")
        is_line = self._marks is not None or bool(self._rest.strip())
        if on_part_line and is_line and not has_end:
            on_part_line()
        elif self._marks is not None:
            yield LongLine(self._marks)
        elif self._rest:
            yield bytes(self._rest)

    def _keep_only_return(self, data: bytes | bytearray) -> None:
        """Of a line that is dropped, keep a CR that may be its end."""
        self._rest = bytearray(b"\r" if self._ends_with_cr and data.endswith(b"\r") else b"")
