"""CSV text becomes rows, many at a time, each with its own text and line."""

import csv
import io
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rjcli.reading.size_limit import too_long

DELIMITERS = (",", ";", "\t", "|")

csv.field_size_limit(2**31 - 1)  # the module's own limit would refuse long texts

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
    texts: Iterator[str | None], delimiter: str | None, max_record_bytes: int
) -> Iterator[Rows | None]:
    """Parse rows; None is "nothing there yet".

    ``delimiter`` None: the one that the first line has most of. A row past
    ``max_record_bytes`` (counted in characters) comes without its text.
    """
    parser = _Parser(delimiter, max_record_bytes)
    for text in texts:
        if text is None:
            yield None
        else:
            yield from parser.feed(text)
    yield from parser.finish()


class _Parser:
    """Holds the lines of a row until the last one has come."""

    def __init__(self, delimiter: str | None, max_characters: int) -> None:
        self._delimiter = delimiter
        self._max_characters = max_characters
        self._lines: list[str] = []  # whole ones, not parsed yet
        self._line_number = 1  # of the first of them
        self._rest = ""  # of a line whose end has not come yet
        self._wanted = 0  # characters that make it worth while to parse
        self._dropping: int | None = None  # the first line of a row that is too long
        self._in_quotes = False  # there

    def feed(self, text: str) -> Iterator[Rows]:
        """Take more text; give the rows that it completes."""
        if self._dropping is not None:
            text = yield from self._drop(text)
        self._lines += io.StringIO(self._rest + text, newline="")
        # A line that ends in CR may still get its LF.
        whole = not self._lines or self._lines[-1].endswith("\n")
        self._rest = "" if whole else self._lines.pop()
        if self._lines and self._held() >= self._wanted:
            yield self._parse()
            # Parsing a long row anew only once it has doubled keeps the work in proportion.
            self._wanted = 2 * self._held()
        if self._held() + len(self._rest) > self._max_characters:
            yield from self._start_dropping()

    def finish(self) -> Iterator[Rows]:
        """Give what is left when no more text comes."""
        if self._dropping is not None:
            yield self._dropped()
            return
        if self._rest:
            self._lines.append(self._rest)
        if self._lines:
            yield self._parse()
        if self._lines:
            yield Rows([[]], ["".join(self._lines)], [self._line_number], {0: _NEVER_CLOSED})

    def _held(self) -> int:
        return sum(map(len, self._lines))

    def _parse(self) -> Rows:
        """Take the rows that end within the lines held."""
        lines, first = self._lines, self._line_number
        self._delimiter = self._delimiter or find_delimiter(lines[0])
        try:
            cells = list(csv.reader(lines, delimiter=self._delimiter, strict=True))
        except csv.Error:
            return self._parse_one_by_one(self._delimiter)
        if len(cells) != len(lines):
            return self._parse_one_by_one(self._delimiter)
        self._lines = []
        self._line_number += len(lines)
        return Rows(cells, lines, range(first, first + len(lines)))

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
        self._lines = lines[taken:]
        self._line_number += taken
        return Rows(rows, texts, numbers, reasons)

    def _start_dropping(self) -> Iterator[Rows]:
        self._dropping = self._line_number
        self._in_quotes = False
        held = "".join(self._lines) + self._rest
        self._lines = []
        self._wanted = 0
        self._rest = yield from self._drop(held)

    def _drop(self, text: str) -> Generator[Rows, None, str]:
        """Drop text up to the end of the row that is too long; give what follows it."""
        lines = io.StringIO(text, newline="")
        for line in lines:
            if line.count('"') % 2:
                self._in_quotes = not self._in_quotes
            if line.endswith(("\n", "\r")):
                self._line_number += 1
                if not self._in_quotes:
                    yield self._dropped()
                    return lines.read()
        return ""

    def _dropped(self) -> Rows:
        line, self._dropping = self._dropping or self._line_number, None
        return Rows([[]], [""], [line], {0: too_long(self._max_characters)})


def find_delimiter(header: str) -> str:
    """The delimiter that a header line has most of."""
    return max(DELIMITERS, key=header.count)
