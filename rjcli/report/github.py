"""GitHub Actions: annotations of rejects, and a table on the page of a job.

Source: GitHub's pages "Workflow commands" and "Adding a job summary".
"""

from collections.abc import Mapping

from rjcli.events import Summary
from rjcli.model import Rejection
from rjcli.report.stream import TolerantStream
from rjcli.settings.option_kinds import STDIN
from rjcli.visible_text import visible

_COLUMNS = ("table", "environment", "status", "read", "accepted", "rejected", "unknown", "unsent")
_MARKS = frozenset("&<>\"'|*_`[]\\~#!@:")


def annotation(rejection: Rejection, text: str) -> str:
    """The line that marks a rejected record in its file; ``text`` says what is wrong with it."""
    place = {"title": "rejected"}
    if rejection.file != STDIN:
        place = {"file": rejection.file, "line": str(rejection.line), **place}
    shown = ",".join(f"{name}={_property(value)}" for name, value in place.items())
    return f"::error {shown}::{_data(text)}"


def add_summary(summary: Summary, environ: Mapping[str, str]) -> None:
    """Add a table about a push to the page of the job; where that fails, there is none."""
    path = environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return
    try:
        stream = open(path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
    except OSError:
        return
    with stream:
        TolerantStream(stream).write(summary_table(summary))


def summary_table(summary: Summary) -> str:
    """A push as a table in Markdown, with its message under it."""
    run, counts = summary.run, summary.counts
    status = f"{'dry run, ' if run.dry_run else ''}{summary.status}"
    numbers = (counts.read, counts.accepted, counts.rejected, counts.unknown, counts.unsent)
    cells = [run.table, run.environment, status, *(f"{number:,}" for number in numbers)]
    rows = [_COLUMNS, ["---"] * 3 + ["---:"] * len(numbers), [*map(_cell, cells)]]
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    message = f"\n{_cell(summary.message)}\n" if summary.message else ""
    return f"\n{table}{message}\n"


def _cell(text: str) -> str:
    """Text that is neither Markdown nor HTML."""
    return "".join(f"&#{ord(each)};" if each in _MARKS else each for each in visible(text))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(visible(text)).replace(":", "%3A").replace(",", "%2C")
