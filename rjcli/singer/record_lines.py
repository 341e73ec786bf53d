r"""RECORD messages are cut without parsing them whole.

Most lines of a tap differ in their record and in a time only:

    {"type": "RECORD", "stream": "users", "record": {"id": 1}, "time_extracted": "2026-…Z"}

The text before the record, its head, is learned from a message that was parsed. A line
that begins with a known head, and ends with a tail of members that are known to be
harmless, is a message if what is between them is a JSON object: this one has to be
parsed in any case. As no JSON object is the beginning of another one, there is only
one way to cut a line so.
"""

import re
from typing import TYPE_CHECKING

import orjson

from rjcli.json_text import SPACE, split

if TYPE_CHECKING:
    from rjcli.singer.stream import Stream

_MARKS = (b'"record": {', b'"record":{')  # as json.dumps writes it, and as others do
_TAIL = re.compile(
    rb'(?:[ ]?,[ ]?"(?:time_extracted":[ ]?"[ !#-\[\]-~]*"|version":[ ]?(?:0|[1-9][0-9]*)))*[ ]?\}'
)
_MOST_HEADS = 10_000


class Heads:
    """The heads that are known, and the streams of the messages that begin so.

    ``mark``: the member's name that ends a head, with the record's brace.
    """

    def __init__(self) -> None:
        self.mark = _MARKS[0]
        self.known: dict[bytes, Stream] = {}

    def learn(self, message: bytes, stream: "Stream") -> None:
        """Learn the head of a RECORD message that was parsed, if it has only type and stream."""
        for mark in _MARKS:
            head, found, _ = message.partition(mark)
            if found and _says_only(head, stream.name) and len(self.known) < _MOST_HEADS:
                self.mark = mark
                self.known[head] = stream
                return


def _says_only(head: bytes, stream: str) -> bool:
    before, comma, rest = head.rpartition(b",")
    if not comma or rest.strip(SPACE):
        return False
    try:
        value = orjson.loads(before + b"}")
    except orjson.JSONDecodeError:
        return False
    return value == {"type": "RECORD", "stream": stream} and len(split(before + b"}")) == len(value)


is_harmless_tail = _TAIL.fullmatch
"""Whether the text after a record ends the message, and says nothing but a time or a version."""
