"""CSV rows that are too long to be held: where they end is found while they are dropped."""

import re
from enum import Enum

_LINE_END = re.compile(r"\r\n|\r|\n")


class _Place(Enum):
    """Where in a row the text has come to."""

    CELL_START = 0
    PLAIN_CELL = 1
    QUOTED_CELL = 2
    QUOTE_IN_QUOTED_CELL = 3  # it closes the cell, or is the first of two that stand for one
    BEHIND_STRAY_TEXT = 4  # which followed a closing quote: the rest of the line counts for nothing


class LongRow:
    """A row that is dropped piece by piece, read as the csv module reads it when it is strict."""

    def __init__(self, line: int, delimiter: str) -> None:
        self.line = line  # 1-based, on which it begins
        self.lines = 0  # line ends found in it so far
        self._delimiter = delimiter
        self._place = _Place.CELL_START
        up_to_mark = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
        self._skip = {
            _Place.CELL_START: re.compile(""),
            _Place.PLAIN_CELL: up_to_mark,
            _Place.QUOTED_CELL: re.compile('[^"]*'),
            _Place.QUOTE_IN_QUOTED_CELL: re.compile(""),
            _Place.BEHIND_STRAY_TEXT: re.compile(r"[^\r\n]*"),
        }

    @property
    def in_quotes(self) -> bool:
        """Whether a quote is open."""
        return self._place is _Place.QUOTED_CELL

    def end_in(self, text: str) -> int | None:
        """Take more of its text, which does not end between CR and LF.

        Gives the index behind the row's line end, or None if that is still to come.
        """
        end = self._find_end(text)
        taken = text if end is None else text[:end]
        self.lines += taken.count("\n") + taken.count("\r") - taken.count("\r\n")
        return end

    def _find_end(self, text: str) -> int | None:
        at = 0
        while True:
            skipped = self._skip[self._place].match(text, at)
            assert skipped  # noqa: S101 - it also matches nothing
            at = skipped.end()
            if at == len(text):
                return None
            if not self.in_quotes and (line_end := _LINE_END.match(text, at)):
                return line_end.end()
            self._place = self._after(text[at])
            at += 1

    def _after(self, mark: str) -> _Place:
        match self._place:
            case _Place.QUOTED_CELL:
                return _Place.QUOTE_IN_QUOTED_CELL
            case _Place.CELL_START | _Place.QUOTE_IN_QUOTED_CELL if mark == '"':
                return _Place.QUOTED_CELL
            case _Place.QUOTE_IN_QUOTED_CELL if mark != self._delimiter:
                return _Place.BEHIND_STRAY_TEXT
            case _ if mark == self._delimiter:
                return _Place.CELL_START
            case _:
                return _Place.PLAIN_CELL
