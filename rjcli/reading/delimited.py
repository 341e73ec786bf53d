"""CSV and TSV: a header, then one record a row."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import orjson

from rjcli.errors import InputError
from rjcli.model import RawRecord, Rejection, Stage

DELIMITERS = (",", ";", "\t", "|")

csv.field_size_limit(2**31 - 1)  # the module's own limit would refuse long texts


def read_delimited(
    byte_strings: Iterator[bytes], file: str, *, delimiter: str | None
) -> Iterator[RawRecord | Rejection | None]:
    """Read one record a row; every value is a string.

    ``delimiter`` None: the one that the header line has most of. Raises
    InputError for a bad header and for bytes that are not UTF-8.
    """
    header: list[str] | None = None
    number = 0
    for row in _rows(_texts(byte_strings, file), delimiter):
        if row is None:
            yield None
            continue
        if header is None:
            header = _check_header(row, file)
            continue
        number += 1
        raw = row.text.rstrip("\r\n").encode()
        reason = row.reason
        if reason is None and len(row.cells) != len(header):
            reason = f"the row has {len(row.cells)} cells, and the header has {len(header)}"
        if reason is not None:
            yield Rejection(Stage.READ, file, row.line, number, raw, (reason,))
            continue
        fields = dict(zip(header, row.cells, strict=True))
        yield RawRecord(raw, orjson.dumps(fields), fields, file, row.line, number)


class _Row(NamedTuple):
    cells: list[str]
    text: str  # as it stands in the file
    line: int  # on which it begins
    reason: str | None = None  # why there are no cells


def _rows(texts: Iterator[str | None], delimiter: str | None) -> Iterator[_Row | None]:
    """Parse rows; None for "nothing there yet". Blank lines are no rows."""
    lines: list[str] = []  # whole ones, not parsed yet
    line_number = 1  # of the first of them
    rest = ""  # of a line whose end has not come yet
    for text in texts:
        if text is None:
            yield None
            continue
        lines += io.StringIO(rest + text, newline="")
        # A line that ends in CR may still get its LF.
        rest = "" if not lines or lines[-1].endswith("\n") else lines.pop()
        if not lines:
            continue
        delimiter = delimiter or _find_delimiter(lines[0])
        rows, parsed = _parse(lines, line_number, delimiter)
        yield from rows
        line_number += parsed
        del lines[:parsed]
    if rest:
        lines.append(rest)
    if lines:
        rows, parsed = _parse(lines, line_number, delimiter or _find_delimiter(lines[0]))
        yield from rows
        if parsed < len(lines):
            text = "".join(lines[parsed:])
            yield _Row([], text, line_number + parsed, "a quote is opened and never closed")


def _parse(lines: list[str], line_number: int, delimiter: str) -> tuple[list[_Row], int]:
    """Parse the rows that end within these lines; also tell how many lines they are."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: list[_Row] = []
    parsed = 0
    while True:
        reason = None
        cells: list[str] = []
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if str(error) == "unexpected end of data":
                break
            reason = str(error)
        text = "".join(lines[parsed : reader.line_num])
        if cells or reason:
            rows.append(_Row(cells, text, line_number + parsed, reason))
        parsed = reader.line_num
    return rows, parsed


def _find_delimiter(header: str) -> str:
    return max(DELIMITERS, key=header.count)


def _check_header(row: _Row, file: str) -> list[str]:
    reason = row.reason
    if "" in row.cells:
        reason = f"column {row.cells.index('') + 1} has no name"
    elif len(set(row.cells)) < len(row.cells):
        twice = next(name for name in row.cells if row.cells.count(name) > 1)
        reason = f"two columns are named {twice!r}"
    if reason is not None:
        raise InputError(
            f"{file}, line {row.line}: bad header: {reason}",
            hint="the first line must name every column, each differently",
        )
    return row.cells


def _texts(byte_strings: Iterator[bytes], file: str) -> Iterator[str | None]:
    """Decode UTF-8; None for "nothing there yet". Raises InputError that names the bad byte."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    for data in chain(byte_strings, [None]):
        if data == b"":
            yield None
            continue
        held = len(decoder.getstate()[0])
        try:
            yield decoder.decode(data or b"", final=data is None)
        except UnicodeDecodeError as error:
            at = offset - held + error.start
            raise InputError(
                f"{file} is not UTF-8: byte 0x{error.object[error.start]:02x} at offset {at}",
            ) from None
        offset += len(data or b"")
