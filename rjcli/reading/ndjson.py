"""Newline-delimited JSON: one object a line."""

from collections.abc import Iterator, Sequence
from itertools import compress

from rjcli.model import Block
from rjcli.reading.block import parse_block


def read_ndjson(byte_strings: Iterator[bytes], file: str, max_record_bytes: int) -> Iterator[Block]:
    """Read one record a line. A bad line costs only itself; blank lines do not count.

    A line past ``max_record_bytes`` is rejected without its text.
    """
    taken = number = 0  # lines, and records in them
    for lines in _lines(byte_strings, max_record_bytes):
        texts: Sequence[bytes | None] = lines
        places: Sequence[int] = range(taken + 1, taken + 1 + len(lines))
        taken += len(lines)
        if not all(map(bytes.strip, lines)):
            # Behind the white space of a line that is too long there may be more, not kept.
            kept = [bool(line.strip()) or len(line) > max_record_bytes for line in lines]
            texts, places = [*compress(lines, kept)], [*compress(places, kept)]
        if max(map(len, lines), default=0) > max_record_bytes:
            texts = [text if text and len(text) <= max_record_bytes else None for text in texts]
        if texts or not lines:  # and not only blank lines
            yield parse_block(texts, file, places, number + 1, max_record_bytes)
            number += len(texts)


def _lines(byte_strings: Iterator[bytes], max_bytes: int) -> Iterator[list[bytes]]:
    """Consecutive lines without their ends; none for "nothing there yet".

    Only LF ends a line: U+2028 and lone CRs may stand inside JSON. Of a line
    that is too long just enough is kept to see that it is, without its CR.
    """
    rest = bytearray()  # of a line whose end has not come yet
    for data in byte_strings:
        if b"\n" not in data:
            if len(rest) <= max_bytes + 1:
                rest += data
            yield []  # also while a long line comes in, so that others can go on
            continue
        lines = data.split(b"\n")
        lines[0] = bytes(rest) + lines[0]
        rest = bytearray(lines.pop())
        has_returns = b"\r" in data or lines[0].endswith(b"\r")
        yield [line.removesuffix(b"\r") for line in lines] if has_returns else lines
    if rest:
        yield [bytes(rest)]
