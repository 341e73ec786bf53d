"""The log: every message with its time, whatever is shown."""

import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TextIO

from rjcli.report.stream import TolerantStream
from rjcli.settings.choices import LogFormat
from rjcli.visible_text import visible


class Log:
    """Writes a line for each message, as text or as one JSON object.

    What cannot be written is lost: a full disk does not end the push.
    """

    def __init__(
        self, stream: TextIO, form: LogFormat, wall: Callable[[], float] = time.time
    ) -> None:
        self._file = TolerantStream(stream)
        self._form = form
        self._wall = wall

    @property
    def lost(self) -> OSError | None:
        """Why something could not be written; None if everything was."""
        return self._file.lost

    def add(self, event: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add a message. ``event``: what kind it is of; ``facts``: more of it, for JSON."""
        now = datetime.fromtimestamp(self._wall()).astimezone().isoformat(timespec="milliseconds")
        if self._form is LogFormat.JSON:
            document = {"time": now, "event": event, "message": text, **(facts or {})}
            line = json.dumps(document, default=str)
        else:
            line = f"{now} {event}: {visible(text)}"
        self._file.write(f"{line}\n")
        self._file.flush()

    def print_line(self, text: str, *, label: str = "") -> None:
        """Add a line of progress."""
        self.add("progress", f"{label}{text}")
