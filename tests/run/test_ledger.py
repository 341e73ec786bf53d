"""The ledger: what is settled is saved, and nothing is saved that hangs on what is not."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rjcli.errors import DiskError
from rjcli.model import Doubt
from rjcli.run import KeysInDoubt, Ledger

SETTLE = 60.0


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file may become larger than so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class Doubts:
    """Keys that get in doubt, each reported once, as late writes do."""

    def __init__(self) -> None:
        self.changes: dict[object, Doubt | None] = {}

    def __call__(self) -> dict[object, Doubt | None]:
        """The changes since the last call."""
        changes, self.changes = self.changes, {}
        return changes


def opened(directory: Path, now: float) -> KeysInDoubt:
    """The file of the run."""
    return KeysInDoubt(directory, "run", SETTLE, now, in_flight=False)


def test_doubts_that_a_full_disk_refuses_are_kept_for_the_next_time(tmp_path: Path) -> None:
    """Keys in doubt that could not be written when the disk was full are written when it is not."""
    doubts = Doubts()
    with opened(tmp_path, 10.0) as in_doubt:
        ledger = Ledger(None, in_doubt, doubts)
        doubts.changes = {"a": Doubt(1e9, None, {})}
        with full_disk(10):
            assert isinstance(ledger.close(None), DiskError)
        doubts.changes = {"b": Doubt(1e9, None, {})}
        assert ledger.close(None) is None
    with opened(tmp_path, 20.0) as resumed:
        assert [*resumed.doubts] == ["a", "b"]


@pytest.mark.parametrize("size", [10, 300])
def test_push_whose_doubts_could_not_be_written_counts_as_killed(tmp_path: Path, size: int) -> None:
    """Where keys in doubt were not written, requests for any keys may be under way."""
    doubts = Doubts()
    with opened(tmp_path, 10.0) as in_doubt:
        ledger = Ledger(None, in_doubt, doubts)
        doubts.changes = {"a" * 100: Doubt(1e9, None, {})}
        with full_disk(size):
            assert isinstance(ledger.close(None), DiskError)
            assert isinstance(ledger.close(None), DiskError)
    with opened(tmp_path, 20.0) as resumed:
        assert resumed.own_unknown_until >= 10.0 + SETTLE
