"""What a push from Python returns: the account, and the records that were rejected."""

from dataclasses import dataclass
from typing import Self

from msgspec.structs import asdict

from rjcli.errors import REJECTS_WORD, RjcliError
from rjcli.events import Status, Summary
from rjcli.model import Rejection


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that was not loaded, and why.

    ``number``: of the record, from 1: in its file, or among the records handed over.
    ``record``: its text as it came, or as it was written as JSON; of a value that
    cannot be, its repr. ``stage``: read, prepare, or api. ``status``: of the API's answer.
    ``file`` and ``line``: None if it came from no file.
    """

    number: int
    reasons: tuple[str, ...]
    record: bytes
    stage: str
    status: int | None = None
    file: str | None = None
    line: int | None = None

    @classmethod
    def of(cls, rejection: Rejection, *, in_file: bool) -> Self:
        """The same rejection, as Python's callers see it."""
        return cls(
            rejection.number,
            rejection.reasons,
            rejection.raw,
            str(rejection.stage),
            rejection.status,
            rejection.file if in_file else None,
            rejection.line if in_file else None,
        )


@dataclass(frozen=True, slots=True)
class BaseResult:
    """How a push or a load went: ``read = accepted + rejected + unknown + unsent``.

    ``status``: complete, rejects, stopped, interrupted or failed. ``exit_code`` and
    ``error``: as of the command. ``run`` and ``run_dir``: of a push of files, and of a load.
    ``cause``: the exception that the program's own iterable or callback raised.
    """

    status: str
    exit_code: int
    read: int = 0
    accepted: int = 0
    rejected: int = 0
    unknown: int = 0
    unsent: int = 0
    message: str | None = None
    hint: str | None = None
    error: str | None = None
    requests: int = 0
    bytes_sent: int = 0
    seconds: float = 0.0
    run: str | None = None
    run_dir: str | None = None
    cause: BaseException | None = None

    def check(self) -> Self:
        """Return the result itself. Raises NotAllAcceptedError unless all was accepted."""
        if self.exit_code:
            raise NotAllAcceptedError(self) from self.cause
        return self

    @classmethod
    def failed(cls, error: RjcliError) -> Self:
        """The result of what could not begin."""
        return cls(
            str(Status.FAILED),
            error.exit_code,
            message=error.message,
            hint=error.hint,
            error=error.word,
        )


@dataclass(frozen=True, slots=True)
class Result(BaseResult):
    """How a push went. ``rejects``: the first of them."""

    rejects: tuple[Reject, ...] = ()

    @classmethod
    def of(
        cls, summary: Summary, rejects: tuple[Reject, ...], cause: BaseException | None = None
    ) -> Self:
        """The result of a push with this summary."""
        artifacts = summary.artifacts
        return cls(
            str(summary.status),
            summary.exit_code,
            **asdict(summary.counts),
            message=summary.message,
            hint=summary.hint,
            error=summary.error,
            requests=summary.requests,
            bytes_sent=summary.bytes_sent,
            seconds=summary.seconds,
            run=summary.run.name if artifacts else None,
            run_dir=artifacts.directory if artifacts else None,
            cause=cause,
            rejects=rejects,
        )


class NotAllAcceptedError(RjcliError):
    """Not every record of a push was accepted. ``result``: how it went."""

    word = REJECTS_WORD

    def __init__(self, result: BaseResult) -> None:
        message = result.message or f"{result.rejected:,} records were rejected"
        super().__init__(message, hint=result.hint)
        self.result = result
        self.exit_code = result.exit_code
