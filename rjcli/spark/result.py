"""What a push of a DataFrame returns: the account of all its partitions."""

import json
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rjcli.errors import REJECTS_WORD, DefectError, RjcliError
from rjcli.library.result import Reject, Result
from rjcli.loading.outcome import describe_failure
from rjcli.run import decode_doubt
from rjcli.run.outcome import run_outcome
from rjcli.spark.task import ACCOUNT, DOUBT, NOTE, REJECT

if TYPE_CHECKING:
    from rjcli.model import Doubt

_WORST_FIRST = (1, 4, 2, 6, 5)  # exit codes; those of signals come after them
_COUNTS = ("accepted", "rejected", "unknown", "unsent", "requests", "bytes_sent")


@dataclass(frozen=True, slots=True)
class SparkResult(Result):
    """How a push went: ``read = superseded + accepted + rejected + unknown + unsent``.

    ``superseded``: rows that are older than another one with the same key, or equal to it.
    Records have no numbers in Spark: that of each reject is 0.
    """

    superseded: int = 0


class Tally:
    """What the partitions of a push say of themselves, added up."""

    def __init__(self, most_rejects: int) -> None:
        self._most_rejects = most_rejects
        self.counts = dict.fromkeys(["read", "superseded", *_COUNTS], 0)
        self.rejects: list[Mapping[str, Any]] = []
        self.notes: dict[str, None] = {}
        self.doubts: dict[Hashable, Doubt] = {}  # ``until``: seconds from the end of its task
        self.tasks: list[Mapping[str, int]] = []
        self._failures: list[Mapping[str, Any]] = []

    def add(self, rows: Iterable[tuple[str, str]]) -> None:
        """Add the rows of a partition or of many, of kind and JSON."""
        for kind, text in rows:
            document = json.loads(text)
            if kind == ACCOUNT:
                self._add_account(document)
            elif kind == REJECT:
                self.rejects.append(document)
            elif kind == NOTE:
                self.notes[document] = None
            elif kind == DOUBT:
                key, doubt = decode_doubt(document)
                if doubt:
                    self.doubts[key] = doubt

    def fail(self, error: RjcliError) -> None:
        """Note what has ended the whole push."""
        self._failures.append(describe_failure(error))

    def result(self, seconds: float, cause: BaseException | None = None) -> SparkResult:
        """The result of the push, which took so many seconds."""
        counts = self.counts
        parts = ("superseded", "accepted", "rejected", "unknown", "unsent")
        if counts["read"] != sum(counts[part] for part in parts):
            shown = " + ".join(f"{part} {counts[part]}" for part in parts)
            self.fail(DefectError(f"the account does not add up: read {counts['read']} ≠ {shown}"))
        failure = min(self._failures, key=_severity, default=None)
        status, exit_code = run_outcome(None, is_incomplete=counts["rejected"] > 0)
        word = REJECTS_WORD if exit_code else None
        ending = failure or {"status": str(status), "exit_code": exit_code, "error": word}
        rejects = tuple(
            Reject(
                0, tuple(each["reasons"]), each["record"].encode(), each["stage"], each["status"]
            )
            for each in self.rejects[: self._most_rejects]
        )
        return SparkResult(
            **{"message": None, "hint": None, **ending, **counts},
            rejects=rejects,
            seconds=seconds,
            cause=cause,
        )

    def _add_account(self, account: Mapping[str, Any]) -> None:
        for name in _COUNTS:
            self.counts[name] += account.get(name, 0)
        self.tasks.append(account["task"])
        if account["failure"]:
            self._failures.append(account["failure"])


def _severity(failure: Mapping[str, Any]) -> int:
    code = failure["exit_code"]
    return _WORST_FIRST.index(code) if code in _WORST_FIRST else len(_WORST_FIRST)
