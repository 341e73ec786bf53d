"""How a run ended: its status, its exit code, and whether it can go on."""

from rjcli.errors import EXIT_REJECTS, InterruptedByUserError, RjcliError, StoppedError
from rjcli.events import Status


def run_outcome(failure: RjcliError | None, *, is_incomplete: bool) -> tuple[Status, int]:
    """Return how a run ended, in a word and an exit code.

    ``is_incomplete``: records were rejected, or something else of what was asked
    for could not be done.
    """
    match failure:
        case None if is_incomplete:
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
    """Whether the same push, resumed, may come to another end."""
    return failure is not None and failure.is_resumable
