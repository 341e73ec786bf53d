r"""Dialects of CSV: how cells are separated, quoted and escaped.

The csv module reads all of them. It takes an escaped character literally, so
lines with escapes are rewritten for it first: ``\n`` becomes a backslash and a
line feed, and a cell ``\N`` becomes a mark that no text has in it.
"""

import csv
import re
from _csv import Reader
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat

from msgspec import Struct

from rjcli.settings.choices import Dialect
from rjcli.settings.values import CsvSettings

DELIMITERS = (",", ";", "\t", "|")
UNEXPECTED_END = "unexpected end of data"  # says the csv module where a row goes on
NULL = "\ud800"  # a cell that is null by its dialect: half of a surrogate pair

csv.field_size_limit(2**31 - 1)  # the module's own limit would refuse long texts

_QUOTED = re.compile(r'"[^"]*+(?:"|\Z)')
_FIRST_ROW = re.compile(rf'[\r\n]*+((?:[^"\r\n]++|{_QUOTED.pattern})*+)')
_MEANT = {"0": "\0", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "Z": "\x1a"}
_ESCAPES = {rf"\{letter}": f"\\{character}" for letter, character in _MEANT.items()}
_ESCAPES["\\\r\n"] = "\\\r\\\n"

_POSTGRES_NULL = re.compile(rb"(?:^|\t)\\N(?=[\t\r\n])", re.MULTILINE)
_MYSQL_NULL = re.compile(rb"(?:^|\t)NULL(?=[\t\r\n])", re.MULTILINE)
_ENOUGH_NULLS = 3  # in the beginning of a file, to suggest a dialect

SUGGESTIONS = {
    Dialect.POSTGRES: r"it has cells \N, as PostgreSQL writes NULL;"
    " --dialect postgres reads them so",
    Dialect.MYSQL: "it has cells NULL, as mysql --batch writes them; --dialect mysql reads them so",
}
"""Notes, by the dialect that a file seems to have."""


class _Rewriter:
    """Rewrites lines with escapes for the csv module, token by token.

    ``tokens``: a pattern for them; ``known``: those that change. ``before``: is
    put before each line, and taken away again.
    """

    def __init__(self, tokens: str, known: Mapping[str, str], before: str = "") -> None:
        self._tokens = re.compile(tokens, re.DOTALL)
        self._known = known
        self._before = before

    def __call__(self, line: str) -> str:
        """Rewrite a line."""
        tokens = self._tokens.findall(self._before + line)
        return "".join(map(self._known.get, tokens, tokens))[len(self._before) :]


class Syntax(Struct, frozen=True):
    """How the rows of one file are written. ``rewrite``: lines with escapes, for the csv module."""

    delimiter: str
    quote: str | None = '"'
    escape: str | None = None
    rewrite: Callable[[str], str] | None = None

    def rows(self, lines: Iterable[str]) -> Reader:
        """Read rows from lines with their line ends. Raises csv.Error for a malformed row."""
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote,
            escapechar=self.escape,
            quoting=csv.QUOTE_NONE if self.quote is None else csv.QUOTE_MINIMAL,
            strict=True,
        )

    def split(self, text: str) -> list[list[str]] | None:
        """Split whole lines into rows, in a third of the csv module's time.

        None if they need that module: there are quotes, escapes, blank lines or lone CRs.
        """
        marks = (self.quote, self.escape)
        if any(mark in text for mark in marks if mark):
            return None
        text = text.replace("\r\n", "\n")
        lines = text.split("\n")
        if not lines[-1]:  # nothing follows the last line end
            lines.pop()
        if "\r" in text or "" in lines:
            return None
        return [*map(str.split, lines, repeat(self.delimiter))]

    def prepare(self, lines: list[str]) -> list[str]:
        """Rewrite those of some lines that have escapes."""
        rewrite, escape = self.rewrite, self.escape
        if rewrite is None or escape is None:
            return lines
        return [rewrite(line) if escape in line else line for line in lines]


def syntax_of(settings: CsvSettings, delimiter: str) -> Syntax:
    """The syntax that the settings ask for."""
    mark = re.escape(delimiter)
    if settings.dialect in {Dialect.MYSQL, Dialect.POSTGRES}:
        null = rf"{mark}\\N(?={mark}|[\r\n]|\Z)"
        end = rf"{mark}\\\.(?=[\r\n]|\Z)"
        tokens = rf"{null}|^{end}|\\(?:\r\n|.)|{mark}|[^\\{mark}]+|\\"
        known = {rf"{delimiter}\N": delimiter + NULL, rf"{delimiter}\.": delimiter, **_ESCAPES}
        return Syntax(delimiter, None, "\\", _Rewriter(tokens, known, before=delimiter))
    quote, escape = settings.quote, settings.escape
    if escape is None or escape == quote:  # a quote is escaped by doubling it anyway
        return Syntax(delimiter, quote)
    # An escape character that escapes nothing is text: doubled, it stays.
    escapable = "".join(re.escape(mark) for mark in (delimiter, escape, quote) if mark)
    before = re.escape(escape)
    tokens = rf"{before}(?:\r\n|[{escapable}\r\n])|{before}|[^{before}]+"
    known = {escape: escape * 2, f"{escape}\r\n": f"{escape}\r{escape}\n"}
    return Syntax(delimiter, quote, escape, _Rewriter(tokens, known))


def delimiter_of(dialect: Dialect | None) -> str | None:
    """The delimiter that a dialect always has."""
    match dialect:
        case Dialect.MYSQL | Dialect.POSTGRES:
            return "\t"
        case Dialect.RFC4180:
            return ","
        case _:
            return None


def find_delimiter(text: str) -> str:
    """The delimiter that the first line that is not blank has most of, outside quotes."""
    first_row = _FIRST_ROW.match(text)
    assert first_row  # noqa: S101 - it also matches nothing
    return max(DELIMITERS, key=_QUOTED.sub("", first_row[1]).count)


def null_cells(settings: CsvSettings) -> frozenset[str]:
    """The cells that are null, whatever the type of their column."""
    match settings.dialect:
        case Dialect.MYSQL:
            own = {NULL, "NULL"}
        case Dialect.POSTGRES:
            own = {NULL}
        case _:
            own = set()
    return frozenset({*own, *settings.null_strings})


def row_pattern(syntax: Syntax) -> re.Pattern[str]:
    """A pattern for a line that is a row, or begins one, with quotes around whole cells only."""
    quote, mark = re.escape(syntax.quote or '"'), re.escape(syntax.delimiter)
    quoted = f"{quote}[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+"
    cell = rf"(?:{quoted}{quote}|[^{quote}{mark}\r\n]*+)"
    return re.compile(rf"(?>{cell}{mark})*+(?:{cell}[\r\n]*+|{quoted})\Z")


def rows_pattern(syntax: Syntax, cells: Sequence[str | None]) -> re.Pattern[str] | None:
    """A pattern for lines that each are a row, from one for each cell; None: for any text.

    Any cell may be empty. There is no pattern if there are escapes.
    """
    if syntax.escape is not None:
        return None
    quote, mark = re.escape(syntax.quote or ""), re.escape(syntax.delimiter)
    plain = rf"[^{quote}{mark}\r\n]++"
    quoted = rf"[^{quote}\r\n]*+(?:{quote}{quote}[^{quote}\r\n]*+)*+"
    ends = [mark] * (len(cells) - 1) + [r"(?:\r?\n|\Z)"]
    row = "".join(
        f"(?:{cell or plain}|{quote}(?:{cell or quoted})?{quote}|){end}"
        for cell, end in zip(cells, ends, strict=True)
    )
    return re.compile(f"(?>{row})*+")


def suggest_dialect(start: bytes) -> Dialect | None:
    """The dialect of a file that begins as MySQL's or PostgreSQL's do."""
    if b'"' in start:
        return None
    if len(_POSTGRES_NULL.findall(start)) >= _ENOUGH_NULLS:
        return Dialect.POSTGRES
    return Dialect.MYSQL if len(_MYSQL_NULL.findall(start)) >= _ENOUGH_NULLS else None
