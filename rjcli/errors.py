"""Everything that can go wrong, as rjcli says it.

    RjcliError
    ├── UsageError             exit 2   options, configuration, names
    │   └── InputError         exit 2   an unreadable, malformed or changed input
    ├── AccessDeniedError      exit 4   the API refused the credentials or the client
    ├── UnfinishedError        exit 5   cannot finish now; the same push may succeed later
    │   ├── TransportError     exit 5   a request that brought no answer
    │   ├── RouteError         exit 5   no way to the API as things are set up
    │   └── DiskError          exit 5   the disk is full, or fails
    ├── StoppedError           exit 6   stopped because going on would only do harm
    ├── InterruptedByUserError exit 130 or 143   SIGINT, SIGTERM
    └── DefectError            exit 1   a bug in rjcli, or an account that does not add up

Exit codes are part of the contract with the scripts that call rjcli. One is no
error's: a push that finished with some records rejected exits with 3.
"""

from collections.abc import Collection
from itertools import islice
from signal import SIGINT

EXIT_REJECTS = 3
REJECTS_WORD = "rejects"

_MOST_NAMES = 10
_LONGEST_NAME = 40  # characters


def show_name(name: str) -> str:
    """Quote the name of a field or column for a message, cut to 40 characters."""
    return repr(name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…")


def show_names(names: Collection[str]) -> str:
    """Quote and list names for a message, 10 of them at most."""
    shown = [show_name(name) for name in islice(names, _MOST_NAMES)]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def plural(count: int, thing: str) -> str:
    """So many things, as a message counts them: ``1 record``, ``2,000 records``."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


class RjcliError(Exception):
    """An error with a message for people, a hint what to do next, and an exit code.

    ``word``: a stable word for scripts. ``is_resumable``: whether a push that it ended
    may get further when it is resumed.
    """

    exit_code = 1
    word = "defect"
    is_resumable = True

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(RjcliError):
    """The command cannot be carried out as it was given."""

    exit_code = 2
    word = "usage"
    is_resumable = False


class InputError(UsageError):
    """An input cannot be read, or stops being what it was said to be.

    It can be resumed once it is fixed, unless what is wrong concerns the part that was loaded.
    """

    word = "input"

    def __init__(self, message: str, *, hint: str | None = None, is_resumable: bool = True) -> None:
        super().__init__(message, hint=hint)
        self.is_resumable = is_resumable


class AccessDeniedError(RjcliError):
    """The API refused the credentials, the client or the path (401, 403, 404)."""

    exit_code = 4
    word = "access"


class UnfinishedError(RjcliError):
    """The work could not be finished now; trying again later can succeed."""

    exit_code = 5
    word = "unavailable"


class TransportError(UnfinishedError):
    """A request brought no answer.

    ``in_doubt`` says whether the API may have applied it all the same: false
    only if the request certainly never reached the API.
    """

    def __init__(self, message: str, *, in_doubt: bool) -> None:
        super().__init__(message)
        self.in_doubt = in_doubt


class RouteError(UnfinishedError):
    """There is no way to the API as things are set up, so that trying again cannot help.

    Its certificate is not to be trusted, or a proxy refuses. Nothing has been sent.
    """


class DiskError(UnfinishedError):
    """There is no room on the disk, or it fails."""

    word = "disk"


class StoppedError(RjcliError):
    """The push was stopped because what follows would be refused as well."""

    exit_code = 6
    word = "rejects"
    is_resumable = False


class InterruptedByUserError(RjcliError):
    """A signal asked rjcli to stop."""

    word = "interrupted"

    def __init__(self, message: str, *, signal: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal

    @property
    def is_ctrl_c(self) -> bool:
        """Whether it was typed, and can be typed again."""
        return self.exit_code == 128 + SIGINT


class DefectError(RjcliError):
    """A promise of rjcli itself was broken."""
