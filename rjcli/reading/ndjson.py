"""Newline-delimited JSON: one object a line."""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress

from rjcli.model import Block
from rjcli.reading.block import parse_block, parse_uniform, reject_too_long
from rjcli.reading.lines import MOST_RECORDS, LongLine, whole_lines
from rjcli.reading.uniform import UniformParser


def read_ndjson(
    byte_strings: Iterator[bytes],
    file: str,
    max_record_bytes: int,
    on_part_line: Callable[[], None] | None = None,
    wanted: Sequence[str] = (),
) -> Iterator[Block]:
    """Read one record a line. A bad line costs only itself; blank lines do not count.

    Only LF ends a line: U+2028 and lone CRs may be inside JSON. A line past
    ``max_record_bytes`` is rejected without its text. ``on_part_line`` is called
    instead of reading a last line without a line end. ``wanted``: the only fields that
    will be looked at; none: all.
    """
    uniform = UniformParser(wanted) if wanted else None
    taken = number = 0  # lines, and records in them
    for piece in whole_lines(byte_strings, max_record_bytes, on_part_line=on_part_line):
        if isinstance(piece, LongLine):
            taken += 1
            number += 1
            yield [reject_too_long(file, taken, number, max_record_bytes)]
            continue
        if not piece:
            yield []
        lines = piece.split(b"\n")
        if not lines[-1]:  # nothing follows the last line end
            lines.pop()
        if b"\r" in piece:
            lines = [line.removesuffix(b"\r") for line in lines]
        for start in range(0, len(lines), MOST_RECORDS):
            part = lines[start : start + MOST_RECORDS]
            block: Block | None = None
            if uniform and len(piece) <= max_record_bytes and all(part):
                places = range(taken + 1, taken + 1 + len(part))
                block = parse_uniform(part, file, places, number + 1, uniform)
            block = block or _parse(part, file, (taken, number), max_record_bytes, uniform)
            yield block
            taken += len(part)
            number += len(block)


def _parse(
    lines: Sequence[bytes],
    file: str,
    before: tuple[int, int],
    max_record_bytes: int,
    uniform: UniformParser | None,
) -> Block:
    """Make records of lines. ``before``: how many lines and records there were before them."""
    taken, number = before
    texts: Sequence[bytes | None] = lines
    places: Sequence[int] = range(taken + 1, taken + 1 + len(lines))
    if max(map(len, lines)) > max_record_bytes:
        texts = [line if len(line) <= max_record_bytes else None for line in lines]
    if not all(map(bytes.strip, lines)):
        kept = [text is None or bool(text.strip()) for text in texts]
        texts, places = [*compress(texts, kept)], [*compress(places, kept)]
    return parse_block(texts, file, places, number + 1, max_record_bytes, uniform)
