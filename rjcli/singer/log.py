"""What the target says on stderr, in the style of Singer: ``INFO text``, ``INFO METRIC: {…}``."""

import json
import os
import sys

from rjcli.crash_report import crash_error, trace
from rjcli.errors import RjcliError
from rjcli.visible_text import visible


def info(text: str) -> None:
    """Say how it goes."""
    _write("INFO", text)


def warning(text: str) -> None:
    """Say what people should know."""
    _write("WARNING", text)


def failure(error: RjcliError) -> None:
    """Say what went wrong, and what to do."""
    _write("CRITICAL", error.message)
    if error.hint:
        _write("CRITICAL", f"what to do: {error.hint}")


def crash(error: Exception) -> RjcliError:
    """Say where an error came from that no user can help; return what it is reported as."""
    for line in trace(error, os.environ):
        warning(line)
    return crash_error(error)


def metric(name: str, value: int, stream: str, table: str) -> None:
    """Say how many of something there were since this was said last."""
    tags = {"endpoint": stream, "table": table}
    point = {"type": "counter", "metric": name, "value": value, "tags": tags}
    _write("INFO", f"METRIC: {json.dumps(point)}")


def _write(level: str, text: str) -> None:
    try:
        sys.stderr.write(f"{level} {visible(text)}\n")
        sys.stderr.flush()
    except OSError:  # nobody listens, which is no reason to load less
        pass
