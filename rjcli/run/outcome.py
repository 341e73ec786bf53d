"""How a run ended: its status, its exit code, and whether it can go on."""

from rjcli.errors import (
    EXIT_REJECTS,
    InputError,
    InterruptedByUserError,
    RjcliError,
    StoppedError,
    UsageError,
)
from rjcli.model import Counts, Status


def ending(failure: RjcliError | None, counts: Counts) -> tuple[Status, int]:
    """How a run ended, in a word and an exit code."""
    match failure:
        case None if counts.rejected:
            return Status.REJECTS, EXIT_REJECTS
        case None:
            return Status.COMPLETE, 0
        case StoppedError():
            return Status.STOPPED, failure.exit_code
        case InterruptedByUserError():
            return Status.INTERRUPTED, failure.exit_code
        case _:
            return Status.FAILED, failure.exit_code


def can_resume(failure: RjcliError | None) -> bool:
    """Whether the same command may come to another end."""
    return failure is not None and (
        not isinstance(failure, UsageError) or isinstance(failure, InputError)
    )
