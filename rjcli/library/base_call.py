"""What calls from Python share: their arguments, callbacks of the program, and how they stop."""

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rjcli.engine.pushes import Pushes
from rjcli.engine.table_push import TablePush
from rjcli.errors import InterruptedByUserError, RjcliError, StoppedError
from rjcli.settings.given import COMMAND_LINE, Given
from rjcli.settings.option import Declared
from rjcli.settings.sources import PYTHON, Options, from_mapping


def read_arguments(
    declared: Sequence[Declared], arguments: Mapping[str, Any]
) -> tuple[Options, str | None]:
    """Return the options among a function's arguments, and the API key, which is none of them."""
    values = dict(arguments)
    api_key = values.pop("api_key", None)
    environment = values.pop("environment", None)
    given = dict(from_mapping(declared, values, PYTHON))
    if environment is not None:
        given["env"] = Given(environment, COMMAND_LINE, "environment=")
    return given, api_key


class BaseCall:
    """A call that is ready to begin, and can be stopped from another thread's loop.

    ``cause``: an exception of the program's own; None if there was none.
    """

    def __init__(self) -> None:
        self.cause: BaseException | None = None
        self._pushes: Pushes | TablePush | None = None
        self._stopped_by: RjcliError | None = None

    def interrupt(self) -> None:
        """Stop in good order."""
        self._stop(InterruptedByUserError("interrupted", signal=signal.SIGINT))

    def fail(self, error: BaseException | None) -> None:
        """Note an exception of the program's own that the result has as its cause."""
        self.cause = self.cause or error

    def _begin(self, pushes: Pushes | TablePush) -> None:
        """Push from now on, unless it has been stopped already."""
        self._pushes = pushes
        if self._stopped_by:
            pushes.stop(self._stopped_by)

    def _call_back(self, callback: Callable[..., object] | None, *values: object) -> None:
        """Call back; where that fails, the call is stopped."""
        try:
            if callback:
                callback(*values)
        except Exception as error:  # noqa: BLE001 - of the program's own
            self.fail(error)
            self._stop(StoppedError(f"a callback of the program raised {type(error).__name__}"))

    def _stop(self, error: RjcliError) -> None:
        self._stopped_by = self._stopped_by or error
        if self._pushes:
            self._pushes.stop(error)
