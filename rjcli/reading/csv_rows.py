"""CSV text becomes rows, many at a time, each with its own text and line."""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rjcli.reading.block import too_long
from rjcli.reading.csv_long_row import LongRow

DELIMITERS = (",", ";", "\t", "|")

PassOver = Callable[[str, str], bool]
"""Whether whole lines, with this delimiter, are rows that need not be parsed."""

csv.field_size_limit(2**31 - 1)  # the module's own limit would refuse long texts

_QUOTED = re.compile(r'"[^"]*+(?:"|\Z)')
_HEADER = re.compile(rf'[\r\n]*+((?:[^"\r\n]++|{_QUOTED.pattern})*+)')

_NEVER_CLOSED = "a quote is opened and never closed"


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows, blank lines among them: these have no cells, and no reason.

    ``texts``: as they stand in the file; ``lines``: 1-based, on which they
    begin; ``reasons``: why a row could not be parsed, by its index.
    """

    cells: list[list[str]]
    texts: list[str]
    lines: Sequence[int]
    reasons: Mapping[int, str] = field(default_factory=dict)

    def after(self, index: int) -> "Rows":
        """The rows behind the one at an index."""
        first = index + 1
        reasons = {
            place - first: reason for place, reason in self.reasons.items() if place >= first
        }
        return Rows(self.cells[first:], self.texts[first:], self.lines[first:], reasons)


def read_rows(
    texts: Iterator[str | None],
    delimiter: str | None,
    max_characters: int,
    pass_over: PassOver | None = None,
) -> Iterator[Rows | None]:
    """Parse rows; None is "nothing there yet".

    ``delimiter`` None: the one that the header has most of. A row that would
    have to be held past ``max_characters`` comes without its text.
    """
    parser = _Parser(delimiter, max_characters, pass_over)
    for text in texts:
        if text is None:
            yield from parser.catch_up()
            yield None
        else:
            yield from parser.feed(text)
    yield from parser.finish()


class _Parser:
    """Holds the lines of a row until the last one has come."""

    def __init__(
        self, delimiter: str | None, max_characters: int, pass_over: PassOver | None
    ) -> None:
        self._delimiter = delimiter
        self._max_characters = max_characters
        self._pass_over = pass_over
        self._lines: list[str] = []  # whole ones, not parsed yet
        self._line_number = 1  # of the first of them
        self._size = 0  # characters in them
        self._quotes = 0  # in them
        self._rest: list[str] = []  # pieces of a line whose end has not come yet
        self._rest_size = 0  # characters
        self._wanted = 0  # characters in whole lines that make it worth while to parse
        self._long_row: LongRow | None = None  # that is being dropped

    def feed(self, text: str) -> Iterator[Rows | None]:
        """Take more text; give the rows that it completes."""
        if self._passes_over(text):
            yield Rows([], [], [])
            return
        # A line that ends in CR may still get its LF.
        line_ends = "\n" in text or "\r" in text or (self._rest and self._rest[-1][-1] == "\r")
        self._rest.append(text)
        self._rest_size += len(text)
        if self._long_row:
            yield from self._drop(self._long_row)
        elif line_ends:
            self._take_lines()
        yield from self._work()

    def _passes_over(self, text: str) -> bool:
        """Pass over the whole lines that there are with this text, if they need not be parsed."""
        if not (self._pass_over and self._delimiter) or self._lines or self._long_row:
            return False
        if "\n" not in text:
            return False  # or each piece of a long line would be joined to all before it
        whole = "".join([*self._rest, text])
        end = whole.rfind("\n") + 1
        rest = whole[end:]
        # What is left is to be the beginning of a single line, which may still be held.
        if "\r" in rest or len(rest) > self._max_characters:
            return False
        if not self._pass_over(whole[:end], self._delimiter):
            return False
        self._line_number += whole.count("\n", 0, end)
        self._rest, self._rest_size = [rest] if rest else [], len(rest)
        return True

    def _work(self) -> Iterator[Rows | None]:
        """Parse what is worth while, and begin to drop what is too long."""
        while self._lines or self._holds_too_much():
            if self._lines and (self._size >= self._wanted or self._holds_too_much()):
                yield self._parse()
            if not self._holds_too_much():
                return
            self._rest = ["".join(self._lines), *self._rest]
            delimiter = self._delimiter or find_delimiter(self._rest[0] or self._rest[1])
            self._long_row = LongRow(self._line_number, delimiter)
            self._hold([])
            yield from self._drop(self._long_row)

    def catch_up(self) -> Iterator[Rows]:
        """Give the rows that are there while no more text comes."""
        if self._lines and self._quotes % 2 == 0:
            yield self._parse()

    def finish(self) -> Iterator[Rows]:
        """Give what is left when no more text comes."""
        if self._long_row:
            yield self._dropped(self._long_row)
            return
        if rest := "".join(self._rest):
            self._lines.append(rest)
        if self._lines:
            yield self._parse()
        if self._lines:
            yield Rows([[]], ["".join(self._lines)], [self._line_number], {0: _NEVER_CLOSED})

    def _holds_too_much(self) -> bool:
        return self._size + self._rest_size > self._max_characters

    def _take_lines(self) -> None:
        """Move the lines that are whole out of the rest."""
        rest = "".join(self._rest)
        lines = [*io.StringIO(rest, newline="")]
        last = "" if lines[-1].endswith("\n") else lines.pop()
        self._rest, self._rest_size = [last] if last else [], len(last)
        self._lines += lines
        self._size += len(rest) - len(last)
        self._quotes += rest.count('"') - last.count('"')

    def _hold(self, lines: list[str]) -> None:
        """Keep these lines, of a row that goes on, and no others."""
        self._lines = lines
        self._size = sum(map(len, lines))
        self._quotes = sum(line.count('"') for line in lines)
        # Parsing a long row anew only once it has doubled keeps the work in proportion.
        self._wanted = 2 * self._size

    def _parse(self) -> Rows:
        """Take the rows that end within the lines held."""
        lines, first = self._lines, self._line_number
        delimiter = self._delimiter or find_delimiter("".join(lines))
        try:
            cells = list(csv.reader(lines, delimiter=delimiter, strict=True))
        except csv.Error:
            cells = []
        if len(cells) != len(lines):
            rows = self._parse_one_by_one(delimiter)
        else:
            self._hold([])
            self._line_number += len(lines)
            rows = Rows(cells, lines, range(first, first + len(lines)))
        if any(rows.cells):  # the header, which the delimiter was found from, is whole
            self._delimiter = delimiter
        return rows

    def _parse_one_by_one(self, delimiter: str) -> Rows:
        """The same where rows go over several lines, or some cannot be parsed."""
        lines, first = self._lines, self._line_number
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        rows: list[list[str]] = []
        texts: list[str] = []
        numbers: list[int] = []
        reasons: dict[int, str] = {}
        taken = 0
        while taken < len(lines):
            try:
                cells = next(reader)
            except csv.Error as error:
                if str(error) == "unexpected end of data":
                    break
                reasons[len(rows)] = str(error)
                cells = []
            rows.append(cells)
            texts.append("".join(lines[taken : reader.line_num]))
            numbers.append(first + taken)
            taken = reader.line_num
        self._hold(lines[taken:])
        self._line_number += taken
        return Rows(rows, texts, numbers, reasons)

    def _drop(self, row: LongRow) -> Iterator[Rows | None]:
        """Drop text up to the end of a long row; what follows it is kept."""
        text = "".join(self._rest)
        waiting = text[-1:] if text.endswith("\r") else ""  # for its LF
        text = text.removesuffix(waiting)
        end = row.end_in(text)
        rest = waiting if end is None else text[end:] + waiting
        self._rest, self._rest_size = [rest] if rest else [], len(rest)
        if end is None:
            yield None  # it may go on for long, and others are to go on too
            return
        self._line_number = row.line + row.lines
        self._long_row = None
        yield self._dropped(row)
        if rest:
            self._take_lines()

    def _dropped(self, row: LongRow) -> Rows:
        reason = _NEVER_CLOSED if row.in_quotes else too_long(self._max_characters)
        return Rows([[]], [""], [row.line], {0: reason})


def find_delimiter(text: str) -> str:
    """The delimiter that the first line that is not blank has most of, outside quotes."""
    header = _HEADER.match(text)
    assert header  # noqa: S101 - it also matches nothing
    return max(DELIMITERS, key=_QUOTED.sub("", header[1]).count)
