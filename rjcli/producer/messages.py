"""Messages: what a producer sends of its inputs, in input order.

A position is the 1-based number of a record in all inputs, those skipped and
those before the checkpoint included. ``read`` is how many records have been read
by then, also those that wait for their batch to fill, and those before the
checkpoint; skipped ones are not counted.
"""

from collections.abc import Mapping

from msgspec import Struct

from rjcli.model import Batch, InputForm, Noted, Rejection
from rjcli.settings.choices import ColumnType


class TypesDetected(Struct, frozen=True):
    """The types of all columns. Comes before anything that is read, unless a run is resumed.

    ``without_values``: columns that only count as strings because they have no value.
    """

    column_types: Mapping[str, ColumnType]
    without_values: tuple[str, ...] = ()


class InputStarted(Struct, frozen=True):
    """The record at a position is the first of an input. ``form``: how its records are written."""

    position: int
    form: InputForm


class RecordRejected(Struct, frozen=True):
    """A record that cannot be sent. It belongs to the next span."""

    rejection: Rejection
    read: int


class SpanRead(Struct, frozen=True):
    """The input was read up to a position, from the end of the span before.

    ``digest``: of the whole input up to there. Records of the span that are not
    in its batch were rejected or skipped.
    """

    end: int
    digest: bytes
    batch: Batch | None
    read: int


class ReadProgress(Struct, frozen=True):
    """How much was read. ``bytes_total``: of all inputs; None if one of them is a pipe."""

    read: int
    bytes_read: int
    bytes_total: int | None


class FieldsUnused(Struct, frozen=True):
    """Fields to select or to rename that no record has had. Comes at the end."""

    names: tuple[str, ...]


class Pause(Struct, frozen=True):
    """Nothing more can be read at once: others may go on."""


Message = (
    Noted
    | TypesDetected
    | InputStarted
    | RecordRejected
    | SpanRead
    | ReadProgress
    | FieldsUnused
    | Pause
)
