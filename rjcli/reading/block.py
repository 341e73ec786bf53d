"""Texts become a block of records, many at a time, which costs far less than one by one."""

from collections.abc import Sequence

from rjcli.columns import Repeated
from rjcli.json_text import parse_objects
from rjcli.model import Block, RawRecord, RawRecords, Rejection, Stage
from rjcli.reading.uniform import UniformParser


def parse_block(
    texts: Sequence[bytes | None],
    file: str,
    lines: Sequence[int],
    first_number: int,
    max_record_bytes: int,
    uniform: UniformParser | None = None,
) -> Block:
    """Parse consecutive texts into records; reject each that is not a JSON object.

    A text that is None was longer than ``max_record_bytes`` and not kept.
    ``lines``: on which each begins; ``first_number``: of the first in the file.
    ``uniform``: tried first, where only some fields will be looked at.
    """
    kept = [text or b"" for text in texts]
    if uniform and (together := parse_uniform(kept, file, lines, first_number, uniform)):
        return together
    jsons = [*map(bytes.strip, kept)]
    numbers = range(first_number, first_number + len(kept))
    values, errors = parse_objects(kept)
    found = RawRecords(kept, jsons, values, Repeated(file, len(kept)), lines, numbers)
    if not errors:
        if uniform and values:
            uniform.learn(values[-1])
        return found
    block: list[RawRecord | Rejection] = [*found]
    for index, error in errors.items():
        line, number = lines[index], numbers[index]
        if texts[index] is None:
            block[index] = reject_too_long(file, line, number, max_record_bytes)
        else:
            block[index] = Rejection(Stage.READ, file, line, number, kept[index], (error.reason,))
    return block


def parse_uniform(
    raws: list[bytes], file: str, lines: Sequence[int], first_number: int, uniform: UniformParser
) -> RawRecords | None:
    """Parse consecutive texts together; None if they need a look at each. Lines as above."""
    jsons = [*map(bytes.strip, raws)]
    known = uniform.parse(jsons)
    if known is None:
        return None
    return RawRecords.uniform(
        uniform.names,
        known,
        raw=raws,
        json=raws if jsons == raws else jsons,  # which is quicker with only one of them
        file=Repeated(file, len(raws)),
        line=lines,
        number=range(first_number, first_number + len(raws)),
    )


def too_long(max_record_bytes: int) -> str:
    """The reason to reject a record that is too long."""
    return f"the record is longer than {max_record_bytes:,} bytes; see --max-record-bytes"


def reject_too_long(file: str, line: int, number: int, max_record_bytes: int) -> Rejection:
    """Reject a record without its text, which was not kept."""
    return Rejection(Stage.READ, file, line, number, b"", (too_long(max_record_bytes),))
