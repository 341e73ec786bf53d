"""One run's directory, while the run goes on: checkpoints, rejects, and the summary."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rjcli.errors import DiskError
from rjcli.events import RunArtifacts
from rjcli.model import InputForm, Rejection
from rjcli.private_file import Directory
from rjcli.run.checkpoint import Checkpoint
from rjcli.run.keys_in_doubt import KeysInDoubt
from rjcli.run.prefix import Prefix
from rjcli.run.rejects import Rejects
from rjcli.settings.choices import ColumnType

CHECKPOINT = "checkpoint.json"
SUMMARY = "summary.json"

# A run that is killed had handed on at most so many records more than its checkpoint says.
_MOST_TAKEN = 100_000
_SECONDS = 1.0


class Position(Struct, frozen=True):
    """Where a run stands, to be saved."""

    prefix: Prefix
    column_types: Mapping[str, ColumnType] | None
    without_values: Sequence[str] = ()
    finished: bool = False
    in_flight: bool = True


class Run:
    """Keeps the account of a run in its directory.

    Its methods raise DiskError where the disk is full, or fails; nothing
    is written after that, so that the files stay as their checkpoint says.
    ``resumed``: the checkpoint that it goes on from. ``shown``: its name, or its
    directory, as commands take it. ``in_doubt``: what earlier runs of the table left in
    doubt; None where late writes are not waited for.
    """

    def __init__(
        self,
        directory: Directory,
        checkpoint: Checkpoint,
        shown: str,
        in_doubt: KeysInDoubt | None = None,
        *,
        is_resumed: bool,
    ) -> None:
        self.directory = directory.path
        self._directory = directory
        self.resumed = checkpoint if is_resumed else None
        self._checkpoint = checkpoint
        self._shown = shown
        self.in_doubt = in_doubt
        self._rejects = Rejects(directory)
        self._rejects.cut(checkpoint.sizes)
        self._saved_at: float | None = None  # on the clock of is_due, which it has to learn
        self._is_broken = False

    @property
    def name(self) -> str:
        """The name of the run."""
        return self._checkpoint.run

    @property
    def taken_before(self) -> int:
        """The position of the last record that may be under way from before it was resumed."""
        return self.resumed.taken + _MOST_TAKEN if self.resumed else 0

    def is_due(self, prefix: Prefix, now: float) -> bool:
        """Whether it is time for a checkpoint; ``now`` in seconds, on any clock."""
        if self._saved_at is None:
            self._saved_at = now
        if prefix.taken - self._checkpoint.taken >= _MOST_TAKEN:
            return True
        return prefix.records > self._checkpoint.records and now - self._saved_at >= _SECONDS

    def start_input(self, position: int, form: InputForm) -> None:
        """From this position on, the records of the inputs are written in another form."""
        self._rejects.start_input(position, form)

    def reject(self, rejections: Iterable[Rejection]) -> None:
        """Write rejected records down. Those of the prefix must come in the order of the input."""
        if self._is_broken:
            return
        with self._writing("rejects"):
            for rejection in rejections:
                self._rejects.write(rejection)

    def save(self, position: Position, now: float) -> None:
        """Write a checkpoint, once the rejects that it covers are on the disk."""
        self._saved_at = now
        if self._is_broken:
            return
        prefix = position.prefix
        with self._writing("rejects"):
            sizes = self._rejects.sync()
        checkpoint = replace(
            self._checkpoint,
            written=datetime.now().astimezone().isoformat(timespec="seconds"),
            records=prefix.records,
            accepted=prefix.accepted,
            rejected=prefix.rejected,
            digest=prefix.digest.hex() if prefix.digest else self._checkpoint.digest,
            taken=max(prefix.taken, self._checkpoint.taken),
            sizes=sizes,
            column_types=position.column_types,
            without_values=position.without_values,
            finished=position.finished,
            reported=prefix.rejected if position.finished else self._checkpoint.reported,
            reported_of=prefix.accepted + prefix.rejected
            if position.finished
            else self._checkpoint.reported_of,
            in_flight=position.in_flight,
        )
        self._replace(CHECKPOINT, checkpoint.encode())
        self._checkpoint = checkpoint

    def sync(self) -> None:
        """Have all rejects on the disk, also those that no checkpoint covers."""
        if self._is_broken:
            return
        with self._writing("rejects"):
            self._rejects.sync()

    def artifacts(self, *, resumable: bool) -> RunArtifacts:
        """What the run leaves in its directory."""
        names, errors = self._rejects.names, self._rejects.errors
        return RunArtifacts(
            str(self.directory),
            tuple(str(self.directory / name) for name in names),
            str(self.directory / errors) if errors else None,
            f"rjcli resume {self._shown}" if resumable else None,
            f"rjcli retry {self._shown}" if names else None,
        )

    def conclude(self, document: Mapping[str, Any]) -> None:
        """Write the summary."""
        self._replace(SUMMARY, json.dumps(document).encode() + b"\n")

    def close(self) -> None:
        """Close its files."""
        self._rejects.close()

    def _replace(self, name: str, content: bytes) -> None:
        with self._writing(name):
            self._directory.replace(name, content)

    @contextmanager
    def _writing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._is_broken = True
            raise DiskError(
                f"cannot write {what} in {self.directory}: {error.strerror}"
                f" ({self._checkpoint.rejected:,} rejects are safe there)",
                hint="make room there and resume: what is missing is found again",
            ) from None
