"""Blocks: what readers yield. Many records at a time cost far less than one by one."""

from collections.abc import Sequence
from itertools import count

from rjcli.json_text import parse_objects
from rjcli.model import RawRecord, Rejection, Stage

Block = Sequence[RawRecord | Rejection]
"""What stands one after the other in an input; an empty one is "nothing there yet"."""


def parse_block(
    texts: Sequence[bytes | None],
    file: str,
    lines: Sequence[int],
    first_number: int,
    max_record_bytes: int,
) -> Block:
    """Parse consecutive texts that should be JSON objects; one that is not costs only itself.

    None is a text past ``max_record_bytes``, which was not kept. ``lines``: on
    which each begins; ``first_number``: of the first of them in the file.
    """
    kept = [text or b"" for text in texts]
    values, errors = parse_objects(kept)
    block: list[RawRecord | Rejection] = [
        RawRecord(text, text.strip(), fields, file, line, number)
        for text, fields, line, number in zip(
            kept, values, lines, count(first_number), strict=False
        )
    ]
    for index, error in errors.items():
        line, number = lines[index], first_number + index
        if texts[index] is None:
            block[index] = reject_too_long(file, line, number, max_record_bytes)
        else:
            block[index] = Rejection(Stage.READ, file, line, number, kept[index], (error.reason,))
    return block


def too_long(max_record_bytes: int) -> str:
    """The reason to reject a record that is too long."""
    return f"the record is longer than {max_record_bytes:,} bytes; see --max-record-bytes"


def reject_too_long(file: str, line: int, number: int, max_record_bytes: int) -> Rejection:
    """Reject a record without its text, which was not kept."""
    return Rejection(Stage.READ, file, line, number, b"", (too_long(max_record_bytes),))
