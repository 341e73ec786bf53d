"""Findings: what an intake comes upon in its inputs, in their order.

A position is the 1-based number of a record in all inputs, those skipped and
passed over included.
"""

from collections.abc import Mapping

from msgspec import Struct

from rjcli.model import Noted, Records, Rejection
from rjcli.run import Form
from rjcli.settings import ColumnType


class TypesFound(Struct, frozen=True):
    """The types of all columns are known. Comes before anything that is read."""

    column_types: Mapping[str, ColumnType]


class InputBegun(Struct, frozen=True):
    """The record at a position is the first of an input. ``form``: how they are written there."""

    position: int
    form: Form


class RecordsPassed(Struct, frozen=True):
    """Records that lie before the checkpoint, as they had been sent."""

    records: Records


class RecordRejected(Struct, frozen=True):
    """A record that cannot be sent. It belongs to the next span."""

    position: int
    rejection: Rejection


class SpanRead(Struct, frozen=True):
    """The input up to a position was read, and has not been told of before.

    ``digest``: of the whole input up to there. ``records``: of one batch; those
    of the span that are not among them were rejected, or are passed over.
    """

    end: int
    digest: bytes
    records: Records


class ReadSoFar(Struct, frozen=True):
    """How much was read: records, also those that wait for their batch to fill, and bytes.

    ``bytes_total``: of all inputs; None if one of them is endless.
    """

    records: int
    bytes_read: int
    bytes_total: int | None


Finding = Noted | TypesFound | InputBegun | RecordsPassed | RecordRejected | SpanRead | ReadSoFar
