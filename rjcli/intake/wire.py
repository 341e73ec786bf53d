"""How the process that reads tells the one that sends what it finds: as bytes, and back.

The values are pickled, each behind its length. Both processes are rjcli, and
nobody else holds an end of the socket that joins them.
"""

import pickle
from struct import Struct

from rjcli.errors import RjcliError
from rjcli.intake.findings import Finding

LENGTH = Struct("!I")

Told = list[Finding] | RjcliError | None
"""Some findings, the error that ended the intake, or None at its end."""


def pack(told: Told) -> bytes:
    """What is to be sent: the length and the value."""
    value = pickle.dumps(told, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(value)) + value


def unpack(value: bytes | bytearray) -> Told:
    """The value behind a length."""
    told: Told = pickle.loads(value)  # noqa: S301 - of our own
    return told
