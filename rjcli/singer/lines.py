"""Records of a stream that were cut from lines, and wait to be parsed together."""

from bisect import bisect_left

from rjcli.json_text import MalformedJsonError, members, parse_value
from rjcli.model import Block, RawRecords, Rejection
from rjcli.reading.block import parse_block
from rjcli.reading.uniform import UniformParser


class Lines:
    """Consecutive records of a stream, as columns.

    ``texts``: the records; ``tails``: what follows each in its message.
    """

    def __init__(self) -> None:
        self.texts: list[bytes] = []
        self.positions: list[int] = []
        self.messages: list[bytes] = []
        self.tails: list[bytes] = []

    def index(self, position: int) -> int:
        """The index of the record with a position."""
        return bisect_left(self.positions, position)

    def parse(
        self, file: str, first_number: int, max_record_bytes: int, uniform: UniformParser | None
    ) -> Block:
        """Parse the records; reject each that is no JSON object, or too long."""
        texts: list[bytes | None] = [*self.texts]
        if max(map(len, self.texts)) > max_record_bytes:
            texts = [text if len(text) <= max_record_bytes else None for text in self.texts]
        first, last = self.positions[0], self.positions[-1]
        # A range costs less on the way to the other process.
        is_range = last - first == len(texts) - 1
        positions = range(first, last + 1) if is_range else self.positions
        block = parse_block(texts, file, positions, first_number, max_record_bytes, uniform)
        if isinstance(block, RawRecords):
            return block
        found = [*block]
        for index, item in enumerate(block):
            if not isinstance(item, Rejection) or texts[index] is None:
                continue
            if text := self._cut_again(index):
                position, number = self.positions[index : index + 1], first_number + index
                [found[index]] = parse_block([text], file, position, number, max_record_bytes)
        return found

    def _cut_again(self, index: int) -> bytes | None:
        """The text of a record, from its message that is parsed whole: it may be cut wrongly."""
        message = self.messages[index]
        try:
            parse_value(message)
            return members(message)["record"]
        except (MalformedJsonError, KeyError):
            return None
