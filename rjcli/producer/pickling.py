"""Messages between the process that reads and the one that sends, as bytes and back.

Each envelope is pickled, after its length. Both processes are rjcli, and nobody
else holds an end of the socket that joins them.
"""

import pickle
import socket
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from io import BytesIO
from operator import is_
from struct import Struct
from typing import Any

from rjcli.errors import RjcliError
from rjcli.model import Batch, Records
from rjcli.producer.messages import Message

LENGTH = Struct("!Q")

Envelope = list[Message] | RjcliError | None
"""Some messages, the error that ended the producer, or None at its end."""


def send(channel: socket.socket, envelope: Envelope) -> None:
    """Send an envelope after its length, waiting for room. Raises OSError."""
    value = _pack(envelope)
    length = LENGTH.pack(len(value))
    sent = channel.sendmsg([length, value])  # to put them together would copy the value
    channel.sendall(length[sent:])
    channel.sendall(value[max(0, sent - len(length)) :])


def unpack(value: bytes | bytearray) -> Envelope:
    """Return the envelope that came after a length."""
    envelope: Envelope = pickle.loads(value)  # noqa: S301 - of our own
    return envelope


def _pack(envelope: Envelope) -> memoryview:
    stream = BytesIO()
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    pickler.dispatch_table = {Batch: _reduce}
    pickler.dump(envelope)
    return stream.getbuffer()


def _reduce(batch: Batch) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
    """A batch as its body, its keys, and what it takes to find its records in them."""
    columns = {name: batch.records.column(name) for name in Records.row.__struct_fields__}
    keys, jsons = columns.pop("key"), columns.pop("json")
    if all(map(is_, columns["raw"], jsons)):
        del columns["raw"]
    rest = pickle.dumps(([*map(len, jsons)], columns), pickle.HIGHEST_PROTOCOL)
    return _restore, (batch.body, keys, rest)


def _restore(body: bytes, keys: list[Hashable], rest: bytes) -> Batch:
    """The batch again. Its records are taken apart when one is looked at, which is seldom."""
    return Batch(Records.later(partial(_take_apart, body, rest), key=keys), body)


def _take_apart(body: bytes, rest: bytes) -> Mapping[str, list[Any]]:
    sizes, columns = pickle.loads(rest)  # noqa: S301 - of our own
    jsons = []
    end = 0
    for size, opening in zip(sizes, columns["opening"], strict=True):
        start = end + 1 + len(opening)  # after a bracket or a comma
        end = start + size - 1
        jsons.append(b"{" + body[start:end])
    return {"json": jsons, "raw": jsons, **columns}
