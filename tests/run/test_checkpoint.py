"""Checkpoints: what is written is read again, and anything else is refused."""

import json
from typing import Any

import pytest

from rjcli.errors import UsageError
from rjcli.run.checkpoint import Checkpoint
from rjcli.settings.choices import ColumnType

CHECKPOINT = Checkpoint(
    "run",
    {"table": "t", "files": ["a.csv"]},
    "2026-01-01T00:00:00+00:00",
    "2026-01-01T00:01:00+00:00",
    records=7,
    accepted=4,
    rejected=2,
    reported=1,
    reported_of=5,
    digest="00ff",
    taken=9,
    sizes={"rejects.csv": 120, "errors.ndjson": 0},
    column_types={"id": ColumnType.INTEGER, "zip": ColumnType.STRING},
    without_values=["zip"],
    finished=True,
    in_flight=False,
)
UNBEGUN = Checkpoint("run", {"table": "t"}, "", without_values=[])


def decode(**changes: Any) -> Checkpoint:
    """Read a checkpoint of which something was changed."""
    document = json.loads(CHECKPOINT.encode())
    return Checkpoint.decode(json.dumps(document | changes).encode(), "/runs/c.json")


@pytest.mark.parametrize("checkpoint", [CHECKPOINT, UNBEGUN])
def test_what_is_written_is_read(checkpoint: Checkpoint) -> None:
    """All of a checkpoint is on the disk, and comes back with its types."""
    assert Checkpoint.decode(checkpoint.encode(), "c") == checkpoint


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 0},
        {"version": "1"},
        {"run": 1},
        {"written": None},
        {"digest": 1},
        {"accepted": 1.5},
        {"reported": -1},
        {"reported_of": -1},
        {"without_values": [1]},
        {"sizes": {"rejects.csv": -1}},
        {"sizes": {"rejects.csv": 1.5}},
        {"sizes": []},
        {"job": {}},
        {"job": {"table": 1}},
        {"finished": 1},
        {"in_flight": None},
        {"records": 5},  # fewer than were accepted and rejected
        {"taken": 6},  # fewer than were settled
        {"column_types": {"id": "colour"}},
        {"colour": "red"},
    ],
    ids=str,
)
def test_anything_else_is_damage(changes: dict[str, Any]) -> None:
    """A checkpoint with one member that cannot be is refused, with a way out."""
    with pytest.raises(UsageError) as caught:
        decode(**changes)
    assert caught.value.message == "the checkpoint /runs/c.json is damaged"
    assert caught.value.hint == (
        "push again without --resume: records replace what was loaded of them"
    )


def test_newer_checkpoint_is_refused() -> None:
    """A checkpoint of a later version is not damaged: that version can go on with it."""
    with pytest.raises(UsageError) as caught:
        decode(version=2, colour="red")
    assert caught.value.message == "the checkpoint /runs/c.json was written by a newer rjcli"
    assert caught.value.hint == "resume with that version, or push again without --resume"
