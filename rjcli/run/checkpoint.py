"""Checkpoints: how far a run has come, as a JSON document and back. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta, Struct, convert, field
from msgspec.structs import asdict

from rjcli.errors import UsageError
from rjcli.settings.choices import ColumnType

VERSION = 1

_Number = Annotated[int, Meta(ge=0)]


class Checkpoint(Struct, frozen=True, forbid_unknown_fields=True):
    """How far a run has come. Its prefix is the input up to ``records``, all settled.

    ``digest``: of these records' bytes. ``taken``: the position of the last record
    that was ever handed on to be sent. ``sizes``: in bytes, of the files of
    rejects and errors, by name. ``column_types`` None: not detected yet;
    ``without_values``: columns that only count as strings because they have no value.
    ``finished``: the prefix is the whole input. ``reported``: how many records were
    rejected when it last was, of ``reported_of`` that were read by then. ``in_flight``:
    requests may be under way that nothing accounts for, as while the push goes on. Times
    as ISO 8601.
    """

    run: str
    job: Mapping[str, Any]
    started: str
    written: str = ""
    records: _Number = 0
    accepted: _Number = 0
    rejected: _Number = 0
    reported: _Number = 0
    reported_of: _Number = 0
    digest: str = ""
    taken: _Number = 0
    sizes: Mapping[str, _Number] = field(default_factory=dict)
    column_types: Mapping[str, ColumnType] | None = None
    without_values: Sequence[str] = ()
    finished: bool = False
    in_flight: bool = True
    version: int = VERSION

    def encode(self) -> bytes:
        """Write it as JSON."""
        return json.dumps(asdict(self), indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, content: bytes, name: str) -> "Checkpoint":
        """Read what ``encode`` wrote. Raises UsageError if it is anything else."""
        try:
            return cls._from(json.loads(content), name)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise UsageError(
                f"the checkpoint {name} is damaged",
                hint="push again without --resume: records replace what was loaded of them",
            ) from None

    @classmethod
    def _from(cls, document: Any, name: str) -> "Checkpoint":
        if type(document["version"]) is int and document["version"] > VERSION:
            raise UsageError(
                f"the checkpoint {name} was written by a newer rjcli",
                hint="resume with that version, or push again without --resume",
            )
        checkpoint = convert(document, cls)  # which checks the types of all members
        well_made = (
            checkpoint.version == VERSION
            and isinstance(checkpoint.job.get("table"), str)
            and checkpoint.accepted + checkpoint.rejected <= checkpoint.records <= checkpoint.taken
        )
        if not well_made:
            raise ValueError
        return checkpoint
