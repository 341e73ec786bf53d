"""Messages from what reads a tap's output to what delivers it, in the order of the input.

A position is the 1-based number of a line; records of a BATCH message have that of its line.
"""

from msgspec import Struct

from rjcli.model import Batch, Rejection


class TableDeclared(Struct, frozen=True):
    """A stream has a table and keys. Sent again when its SCHEMA changes.

    Everything of the stream that was read before has been sent by then. ``schema``: the
    message, exactly. ``keeps_messages``: its records' ``raw`` is their whole message.
    """

    stream: str
    table: str
    keys: tuple[str, ...]
    schema: bytes
    keeps_messages: bool


class BatchRead(Struct, frozen=True):
    """Records of a stream, to be sent. ``first``: the position of the first one."""

    stream: str
    batch: Batch
    first: int


class RecordRejected(Struct, frozen=True):
    """A record that cannot be sent; its ``raw`` is a message that can be fed again."""

    stream: str
    rejection: Rejection
    position: int


class StateRead(Struct, frozen=True):
    """A state, once all records before its position have been sent. ``value``: its exact text."""

    position: int
    value: bytes


def record_message(stream: bytes, record: bytes) -> bytes:
    """A RECORD message. ``stream``: its name as JSON."""
    return b'{"type": "RECORD", "stream": %b, "record": %b}' % (stream, record)
