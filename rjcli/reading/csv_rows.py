"""Lines of a CSV become rows, many at a time; a stray quote costs one row.

A quoted cell may take several lines, so the lines of a row are held until it
ends. If it does not end within bounds, or not before the end of the file, its
quote is a stray one: its line is rejected, and each line that was held after it
is read as a row by itself. None of these can begin a row of several lines, as
its quote would have closed the stray one.
"""

import csv
import io
from _csv import Reader
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import accumulate, groupby

from msgspec import Struct, field

from rjcli.reading.block import too_long
from rjcli.reading.csv_dialect import UNEXPECTED_END, Syntax, row_pattern
from rjcli.reading.lines import MOST_RECORDS, LongLine
from rjcli.reading.text import decode_lines

_DROPPED = bytes(bytearray(b"dropped\n"))  # this very object replaces a line that was too long


class Bounds(Struct, frozen=True):
    """The most lines and bytes that may follow an open quote, and the most bytes of a record."""

    lines: int
    size: int
    record: int


class Rows(Struct):
    """Consecutive rows, blank lines among them: these have no cells, and no reason.

    ``raws``: the bytes of each, with line ends; ``lines``: 1-based, on which they
    begin; ``reasons``: why a row cannot be read, by index. ``has_bad_bytes``:
    some cell may have a byte that could not be decoded; see ``text.bad_byte``.
    """

    cells: list[list[str]] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    has_bad_bytes: bool = False


class RowParser:
    """Parses the rows after a header. ``width``: cells in a row. ``line``: number of the first.

    ``accepts``: whether some lines are good rows that need not be looked at.
    """

    def __init__(
        self,
        syntax: Syntax,
        encoding: str,
        bounds: Bounds,
        *,
        width: int,
        line: int,
        accepts: Callable[[str], bool] | None = None,
    ) -> None:
        self._syntax = syntax
        self._encoding = encoding
        self._bounds = bounds
        self._width = width
        self._row_pattern = row_pattern(syntax)
        self._goes_on = (
            "a quote is opened and not closed"
            if syntax.quote
            else "the row goes on and does not end"
        )
        self._accepts = accepts
        self._texts: list[str] = []  # lines of which no row has been made
        self._raws: list[bytes] = []  # the same, as in the file
        self._line = line  # of the first of them
        self._wanted = 0  # bytes in them that make it worth while to parse again
        self._has_new = False  # some have not been parsed yet
        self._has_dropped = False  # some were too long
        self._has_bad_bytes = False

    def feed(self, piece: bytes | LongLine) -> Iterator[Rows]:
        """Take whole lines; yield the rows that they complete."""
        if isinstance(piece, LongLine):
            yield from self._feed_dropped(piece.marks)
            return
        if self._is_accepted(piece):
            self._line += piece.count(b"\n")
            yield Rows()
            return
        lines = piece.splitlines(keepends=True)
        for start in range(0, len(lines), MOST_RECORDS):
            part = lines[start : start + MOST_RECORDS]
            if len(piece) > self._bounds.record:
                yield from self._feed_long(part)
            else:
                yield from self._feed_lines(part)

    def _is_accepted(self, piece: bytes) -> bool:
        if self._accepts is None or self._texts or len(piece) > self._bounds.record:
            return False
        try:
            return self._accepts(piece.decode(self._encoding))
        except UnicodeDecodeError:
            return False

    def _feed_long(self, lines: list[bytes]) -> Iterator[Rows]:
        """Take lines, of which those that are too long are dropped now."""
        quote = (self._syntax.quote or "").encode(self._encoding, "replace")
        for is_long, some in groupby(lines, key=self._is_long):
            if not is_long:
                yield from self._feed_lines([*some])
                continue
            for line in some:
                yield from self._feed_dropped(line.count(quote))

    def _is_long(self, line: bytes) -> bool:
        return len(line.rstrip(b"\r\n")) > self._bounds.record

    def _feed_dropped(self, quotes: int) -> Iterator[Rows]:
        """Take a line that is too long. The quote that it opens or closes still counts."""
        self._has_dropped = True
        quote = self._syntax.quote if quotes % 2 else None
        self._take([f"{quote or ''}\n"], [_DROPPED])
        yield from self._parse_if_worth_while()

    def _feed_lines(self, raws: list[bytes]) -> Iterator[Rows]:
        try:
            text = b"".join(raws).decode(self._encoding)
        except UnicodeDecodeError:
            self._has_bad_bytes = True
            texts = decode_lines(raws, self._encoding)
        else:
            if not self._texts and (cells := self._syntax.split(text)):
                yield Rows(cells, raws, [*range(self._line, self._line + len(raws))])
                self._line += len(raws)
                return
            texts = [*io.StringIO(text, newline="")]
        self._take(self._syntax.prepare(texts), raws)
        yield from self._parse_if_worth_while()

    def catch_up(self) -> Iterator[Rows]:
        """Yield the rows that are complete, while no more text comes."""
        if self._has_new:
            yield self._parse()

    def finish(self, on_part_row: Callable[[], None] | None = None) -> Iterator[Rows]:
        """Yield what is left at the end. ``on_part_row``: called instead of reading an open row."""
        if self._texts:
            yield self._parse(at_end=on_part_row is None)
        if self._texts and on_part_row:
            on_part_row()

    def _take(self, texts: list[str], raws: list[bytes]) -> None:
        self._texts += texts
        self._raws += raws
        self._has_new = True

    def _parse_if_worth_while(self) -> Iterator[Rows]:
        # Parsing a long row again only once it has doubled keeps the work in proportion.
        if not self._wanted or sum(map(len, self._raws)) >= self._wanted:
            yield self._parse()

    def _parse(self, *, at_end: bool = False) -> Rows:
        """Take the rows that end within the lines held."""
        texts = self._texts
        try:
            cells = [*self._syntax.rows(texts)]
        except csv.Error:
            cells = []
        if len(cells) == len(texts) and not self._has_dropped:
            rows = Rows(cells, self._raws, [*range(self._line, self._line + len(texts))])
            taken = len(texts)
        else:
            rows = Rows()
            taken = self._parse_one_by_one(rows, at_end=at_end)
        rows.has_bad_bytes = self._has_bad_bytes
        self._texts, self._raws = texts[taken:], self._raws[taken:]
        self._line += taken
        self._wanted = 2 * sum(map(len, self._raws))
        self._has_new = False
        self._has_bad_bytes = self._has_bad_bytes and bool(self._texts)
        self._has_dropped = any(raw is _DROPPED for raw in self._raws)
        return rows

    def _parse_one_by_one(self, rows: Rows, *, at_end: bool) -> int:
        """Add rows, of which some take several lines or cannot be read; return the lines taken."""
        texts = self._texts
        at = first = 0
        reader = self._syntax.rows(texts)  # of the lines from the first on
        while at < len(texts):
            cells, reason = _next_row(reader)
            last = first + reader.line_num - 1
            allowed = self._last_allowed(at, last)
            stray = ""
            if last > allowed:
                last = allowed
                stray = f"in the {last - at:,} lines after it; see --max-field-lines"
            elif reason == UNEXPECTED_END:
                if not at_end:
                    break
                later = f", {last - at:,} lines later" if last > at else ""
                stray = f"up to the end of the file{later}"
            elif reason and last > at and self._is_row(texts[last]):
                stray = f"before line {self._line + last}, which is a row by itself"
                last -= 1
            if stray:
                self._add(rows, at, at, [], f"{self._goes_on} {stray}")
                for index in range(at + 1, last + 1):
                    self._add(rows, index, index, *_next_row(self._syntax.rows([texts[index]])))
                first = last + 1
                reader = self._syntax.rows(texts[first:])
            else:
                self._add(rows, at, last, cells, reason)
            at = last + 1
        return at

    def _last_allowed(self, at: int, last: int) -> int:
        """The last line on which a row that begins at ``at`` may end, up to ``last``."""
        lines = self._raws[at : min(last, at + self._bounds.lines)]
        return at + bisect_right([*accumulate(map(len, lines))], self._bounds.size)

    def _is_row(self, text: str) -> bool:
        """Whether a line is a row by itself, or begins one, with quotes around whole cells only."""
        if not self._row_pattern.match(text):
            return False
        cells, reason = _next_row(self._syntax.rows([text]))
        return reason == UNEXPECTED_END or len(cells) == self._width

    def _add(self, rows: Rows, at: int, last: int, cells: list[str], reason: str | None) -> None:
        """Add the row that takes the lines from ``at`` to ``last``."""
        raws = self._raws[at : last + 1]
        if self._has_dropped and any(raw is _DROPPED for raw in raws):
            cells, raws, reason = [], [], too_long(self._bounds.record)
        if reason is not None:
            rows.reasons[len(rows.cells)] = self._goes_on if reason == UNEXPECTED_END else reason
        rows.cells.append(cells)
        rows.raws.append(b"".join(raws))
        rows.lines.append(self._line + at)


def _next_row(reader: Reader) -> tuple[list[str], str | None]:
    """The next row's cells, or none and why it cannot be read."""
    try:
        return next(reader, []), None
    except csv.Error as error:
        return [], str(error)
