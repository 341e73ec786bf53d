"""Findings: what an intake comes upon in its inputs, in their order.

A position is the 1-based number of a record in all inputs, those skipped and
passed over included. ``read`` is how many records have been read by then, also
those that wait for their batch to fill, and those before the checkpoint.
"""

from collections.abc import Mapping

from msgspec import Struct

from rjcli.model import Batch, Noted, Records, Rejection
from rjcli.run import Form
from rjcli.settings.values import ColumnType


class TypesDetected(Struct, frozen=True):
    """The types of all columns are known. Comes before anything that is read."""

    column_types: Mapping[str, ColumnType]


class InputStarted(Struct, frozen=True):
    """The record at a position is the first of an input. ``form``: how they are written there."""

    position: int
    form: Form


class RecordsPassed(Struct, frozen=True):
    """Records that lie before the checkpoint, as they had been sent, if it is the same input."""

    records: Records


class RecordRejected(Struct, frozen=True):
    """A record that cannot be sent. It belongs to the next span."""

    position: int
    rejection: Rejection
    read: int


class SpanRead(Struct, frozen=True):
    """The input up to a position was read, and has not been told of before.

    ``digest``: of the whole input up to there. Records of the span that are not
    in its batch were rejected, or are passed over.
    """

    end: int
    digest: bytes
    batch: Batch | None
    read: int


class ReadProgress(Struct, frozen=True):
    """How much was read. ``bytes_total``: of all inputs; None if one of them is endless."""

    read: int
    bytes_read: int
    bytes_total: int | None


class Pause(Struct, frozen=True):
    """Nothing more is to be had at once: others may go on."""


Message = (
    Noted
    | TypesDetected
    | InputStarted
    | RecordsPassed
    | RecordRejected
    | SpanRead
    | ReadProgress
    | Pause
)
