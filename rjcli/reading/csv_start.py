"""The start of a CSV: its header, and how its rows are written."""

import csv
import re
from collections.abc import Callable, Generator, Iterator

from msgspec import Struct

from rjcli.errors import InputError
from rjcli.reading.csv_dialect import (
    UNEXPECTED_END,
    Syntax,
    delimiter_of,
    find_delimiter,
    syntax_of,
)
from rjcli.reading.csv_header import BadHeaderError, Header, read_header
from rjcli.reading.lines import LongLine
from rjcli.reading.text import bad_byte, decode_lines
from rjcli.settings.choices import Dialect
from rjcli.settings.values import CsvSettings

_MAX_BYTES = 2**20
_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?[\r\n]+', re.IGNORECASE)


class Start(Struct, frozen=True):
    """Where the rows of a file begin.

    ``text``: the bytes before them, without blank lines at the beginning and with
    a line end; ``line_end``: as in the file; ``line``: 1-based, of the first row;
    ``rest``: the bytes from there on that have been read.
    """

    header: Header
    syntax: Syntax
    text: bytes
    line_end: bytes
    line: int
    rest: bytes


class StartReader:
    """Finds the start of a file.

    ``delimiter``: if neither the settings nor the file say which one it has;
    None: the one that the first row has most of.
    """

    def __init__(
        self,
        file: str,
        settings: CsvSettings,
        delimiter: str | None,
        encoding: str,
        note: Callable[[str], None],
    ) -> None:
        self._file = file
        self._settings = settings
        self._delimiter = delimiter
        self._encoding = encoding
        self._note = note

    def read(self, pieces: Iterator[bytes | LongLine]) -> Generator[None, None, Start | None]:
        """Take pieces up to the first row; None if there is none. Raises InputError.

        Yields None regularly, so that other tasks can run.
        """
        held = b""
        line = 1
        for piece in pieces:
            if isinstance(piece, LongLine):
                raise self._bad(_too_long(), line)
            held += piece
            text = held.lstrip(b"\r\n")
            line += len(held[: len(held) - len(text)].splitlines())
            held = text
            if piece and held and (start := self._find(held, line, at_end=False)):
                return start
            yield None
        return self._find(held, line, at_end=True) if held else None

    def _find(self, held: bytes, line: int, *, at_end: bool) -> Start | None:
        """The start, if the lines that are held have all of the first row."""
        raws = held.splitlines(keepends=True)
        if len(raws[0]) > _MAX_BYTES:
            raise self._bad(_too_long(), line)
        separator = self._separator(raws[0])
        skipped = 1 if separator else 0
        while skipped < len(raws) and not raws[skipped].rstrip(b"\r\n"):
            skipped += 1
        if skipped == len(raws):
            return None
        most = self._settings.max_field_lines + 1
        texts = decode_lines(raws[skipped : skipped + most], self._encoding)
        syntax = self._syntax(separator, texts)
        reader = syntax.rows(syntax.prepare(texts))
        try:
            cells = next(reader)
        except csv.Error as error:
            goes_on = str(error) == UNEXPECTED_END
            is_short = len(held) <= _MAX_BYTES and len(texts) < most
            if goes_on and is_short and not at_end:
                return None
            reason = "a quote is opened and not closed" if goes_on else str(error)
            raise self._bad(BadHeaderError(reason), line + skipped) from None
        header = self._header(cells, line + skipped)
        first = skipped + (reader.line_num if self._settings.header else 0)
        line_end = raws[0][len(raws[0].rstrip(b"\r\n")) :] or b"\n"
        text = b"".join(raws[:first])
        if text and not text.endswith((b"\r", b"\n")):
            text += line_end
        return Start(header, syntax, text, line_end, line + first, b"".join(raws[first:]))

    def _separator(self, line: bytes) -> str | None:
        """The delimiter, if this is the line by which Excel says which one a file has."""
        if self._settings.dialect not in {None, Dialect.EXCEL}:
            return None
        found = _SEPARATOR_LINE.fullmatch(decode_lines([line], self._encoding)[0])
        return found[1] if found else None

    def _syntax(self, separator: str | None, texts: list[str]) -> Syntax:
        settings = self._settings
        delimiter = (
            settings.delimiter
            or separator
            or self._delimiter
            or delimiter_of(settings.dialect)
            or find_delimiter("".join(texts))
        )
        return syntax_of(settings, delimiter)

    def _header(self, cells: list[str], line: int) -> Header:
        if bad_byte("".join(cells)):
            found = map(bad_byte, cells)
            byte, position = next((byte, at) for at, byte in enumerate(found, 1) if byte)
            reason = f"{byte} in column {position} is not {self._settings.encoding}"
            hint = "say which encoding it is in, as in --encoding latin-1"
            raise self._bad(BadHeaderError(reason, hint), line)
        try:
            return read_header(cells, self._settings, self._note)
        except BadHeaderError as error:
            raise self._bad(error, line) from None

    def _bad(self, error: BadHeaderError, line: int) -> InputError:
        return bad_header(self._file, line, error)


def bad_header(file: str, line: int, error: BadHeaderError) -> InputError:
    """The error for a header that cannot be used."""
    return InputError(f"{file}, line {line}: bad header: {error.reason}", hint=error.hint)


def _too_long() -> BadHeaderError:
    return BadHeaderError(f"it is longer than {_MAX_BYTES:,} bytes")
