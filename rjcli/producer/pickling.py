"""Messages between the process that reads and the one that sends, as bytes and back.

Each envelope is pickled, but for the bodies of its batches: these follow it, so that
nothing copies them. Both processes are rjcli, and nobody else holds an end of the socket
that joins them.
"""

import pickle
import socket
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from io import BytesIO
from itertools import accumulate, pairwise
from struct import Struct
from typing import Any

from rjcli.errors import RjcliError
from rjcli.model import Batch, Records
from rjcli.producer.messages import Message

LENGTH = Struct("!Q")
_MOST_PARTS = 1000  # that a system sends at once

Envelope = list[Message] | RjcliError | None
"""Some messages, the error that ended the producer, or None at its end."""


def send(channel: socket.socket, envelope: Envelope) -> None:
    """Send an envelope after its length, waiting for room. Raises OSError."""
    bodies: list[memoryview] = []
    stream = BytesIO()
    pickler = pickle.Pickler(
        stream,
        pickle.HIGHEST_PROTOCOL,
        buffer_callback=lambda body: bodies.append(body.raw()),
    )
    pickler.dispatch_table = {Batch: _reduce}
    pickler.dump(envelope)
    parts = [stream.getbuffer(), *bodies]
    sizes = b"".join(map(LENGTH.pack, [len(parts), *map(len, parts)]))
    length = LENGTH.pack(len(sizes) + sum(map(len, parts)))
    parts.insert(0, memoryview(length + sizes))
    sent = channel.sendmsg(parts[:_MOST_PARTS])  # to put them together would copy them
    for part in parts:
        if sent < len(part):
            channel.sendall(part[sent:])
        sent = max(0, sent - len(part))


def unpack(value: bytes | bytearray) -> Envelope:
    """Return the envelope that came after a length."""
    view = memoryview(value)
    (count,) = LENGTH.unpack_from(view)
    sizes_end = LENGTH.size * (count + 1)
    sizes = (size for (size,) in LENGTH.iter_unpack(view[LENGTH.size : sizes_end]))
    ends = accumulate(sizes, initial=sizes_end)
    parts = [view[start:end] for start, end in pairwise(ends)]
    envelope: Envelope = pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - of our own
    return envelope


def _reduce(batch: Batch) -> tuple[Callable[..., Batch], tuple[Any, ...]]:
    """A batch as its body, its keys, and what it takes to find its records in them."""
    columns = {name: batch.records.column(name) for name in Records.row.__struct_fields__}
    keys, jsons = columns.pop("key"), columns.pop("json")
    if columns["raw"] == jsons:
        del columns["raw"]
    rest = pickle.dumps(([*map(len, jsons)], columns), pickle.HIGHEST_PROTOCOL)
    return _restore, (pickle.PickleBuffer(batch.body), keys, rest)


def _restore(view: memoryview, keys: list[Hashable], rest: bytes) -> Batch:
    """The batch again. Its records are taken apart when one is looked at, which is seldom."""
    body = bytes(view)
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
