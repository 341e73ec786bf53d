"""How the process that reads tells the one that sends what it finds: as bytes, and back.

The values are pickled, each behind its length. Both processes are rjcli, and
nobody else holds an end of the socket that joins them.
"""

import pickle
import socket
from struct import Struct

from rjcli.errors import RjcliError
from rjcli.intake.findings import Finding

LENGTH = Struct("!Q")

Told = list[Finding] | RjcliError | None
"""Some findings, the error that ended the intake, or None at its end."""


def send(channel: socket.socket, told: Told) -> None:
    """Send the length and the value, waiting for room. Raises OSError."""
    value = pickle.dumps(told, pickle.HIGHEST_PROTOCOL)
    length = LENGTH.pack(len(value))
    sent = channel.sendmsg([length, value])  # to put them together would copy the value
    channel.sendall(length[sent:])
    channel.sendall(memoryview(value)[max(0, sent - len(length)) :])


def unpack(value: bytes | bytearray) -> Told:
    """The value behind a length."""
    told: Told = pickle.loads(value)  # noqa: S301 - of our own
    return told
