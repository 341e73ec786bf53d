"""The log of a command: in a file for oneself alone, without the API key, or on stderr."""

import atexit
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rjcli.commands.output_filter import filtered
from rjcli.private_file import open_to_append
from rjcli.settings.choices import LogFormat
from rjcli.settings.commands import LogSettings

if TYPE_CHECKING:
    from rjcli.report.log import Log


def open_log(settings: LogSettings) -> "Log | None":
    """Open the log, if there is to be one. Raises UsageError if it cannot be written."""
    if settings.file is None and settings.format is LogFormat.TEXT:
        return None
    from rjcli.report.log import Log

    if settings.file is None:
        return Log(sys.stderr, settings.format)
    descriptor = open_to_append(Path(settings.file), "the log file")
    stream = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
    atexit.register(stream.close)
    return Log(filtered(stream), settings.format)
