"""What a report shows of a push, and what its log keeps."""

import io
import json

import pytest
from msgspec.structs import replace

from rjcli.events import (
    Counts,
    Event,
    Finished,
    LimitChanged,
    Rejected,
    Retried,
    RunDescription,
    Split,
    Started,
    Status,
    Summary,
)
from rjcli.model import Noted, Rejection, Stage
from rjcli.report import Report
from rjcli.report.log import Log
from rjcli.settings.choices import LogFormat, ProgressMode
from rjcli.settings.commands import LogSettings, OutputSettings
from tests.report.positions import DOWN, NOON, at

RUN = RunDescription(
    "r", "sandbox", "https://a.test/v2", "a.test", 1, "t", ("id",), ("f",), dry_run=False
)
EVENTS: list[Event] = [
    Started(RUN),
    Noted("a note"),
    at(1, outage=DOWN),
    Retried("HTTP 503: busy", 1, 100, 0.25),
    Split("HTTP 400: bad", 100),
    LimitChanged(4),
    Rejected(Rejection(Stage.API, "f.csv", 3, 2, b"{}", ("id is missing",), 400)),
    Finished(Summary(RUN, Status.REJECTS, 3, Counts(100, 99, 1))),
]
DETAILS = [
    "attempt 1 failed: HTTP 503: busy; 100 records are sent again in 0.2 s",
    "refused: HTTP 400: bad; 100 records are sent again in two halves",
    "4 requests may be in flight",
]

IN_FILE = LogSettings("log")


def show(settings: OutputSettings, log: Log | None = None) -> None:
    """Report all of it."""
    report = Report(settings, log, environ={})
    for event in EVENTS:
        report.handle(event)


def test_verbose_shows_retries_splits_and_limits(capsys: pytest.CaptureFixture[str]) -> None:
    """With -v each retry, split, change of the limit and reject has a line with its time."""
    show(OutputSettings(verbose=True))
    lines = capsys.readouterr().err.splitlines()
    timed = [line[9:] for line in lines if line[2:6:3] == "::"]
    assert timed[-4:] == [*DETAILS, "rejected: f.csv, line 3: id is missing"]
    show(OutputSettings())
    lines = capsys.readouterr().err.splitlines()
    assert not any(detail in line for detail in DETAILS for line in lines)
    assert "rejected: f.csv, line 3: id is missing" in lines


@pytest.mark.parametrize(
    "settings",
    [
        OutputSettings(log=IN_FILE),
        OutputSettings(log=IN_FILE, quiet=True),
        OutputSettings(log=IN_FILE, progress=ProgressMode.NONE),
    ],
    ids=["", "-q", "--progress none"],
)
def test_log_has_everything(settings: OutputSettings, capsys: pytest.CaptureFixture[str]) -> None:
    """The log has every message with date and time, whatever is shown."""
    stream = io.StringIO()
    show(settings, Log(stream, LogFormat.TEXT, lambda: NOON))
    lines = stream.getvalue().splitlines()
    assert all(line.startswith("2026-03-02T12:00:00.000") for line in lines)
    said = [line.split(" ", 1)[1] for line in lines]
    assert said[0] == "note: pushing f to table t, keys id"
    assert said[3].startswith("progress: API answers 503, attempt 4 in 12 s, giving up at ")
    assert said[4:] == [
        f"retried: {DETAILS[0]}",
        f"split: {DETAILS[1]}",
        f"limit: {DETAILS[2]}",
        "rejected: f.csv, line 3: id is missing",
        "finished: rejects: read 100 = accepted 99 + rejected 1 + unknown 0 + unsent 0",
    ]
    assert "attempt 1" not in capsys.readouterr().err


def test_log_as_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With --log-format json each line of the log is an object with time, event and message."""
    stream = io.StringIO()
    settings = OutputSettings(log=LogSettings("log", LogFormat.JSON))
    show(settings, Log(stream, LogFormat.JSON, lambda: NOON))
    documents = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert all(document.keys() >= {"time", "event", "message"} for document in documents)
    by_event = {document["event"]: document for document in documents}
    assert by_event["retried"]["records"] == 100
    assert by_event["rejected"]["reasons"] == ["id is missing"]
    assert by_event["finished"]["summary"]["exit_code"] == 3
    assert "a note" in capsys.readouterr().err


def test_log_on_stderr_stands_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A log on stderr takes the place of everything else there."""
    stream = io.StringIO()
    settings = OutputSettings(log=LogSettings(format=LogFormat.JSON))
    show(settings, Log(stream, LogFormat.JSON))
    assert capsys.readouterr().err == ""
    assert len(stream.getvalue().splitlines()) > len(EVENTS)


def test_no_message_is_longer_than_a_screen(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, hints, notes, rejects and lists of thousands are cut to less than a screen."""
    long = "x" * 100_000
    report = Report(OutputSettings(), environ={})
    report.note(long)
    report.error(long, long)
    report.handle(Started(replace(RUN, inputs=tuple(["f"] * 5000))))
    report.handle(Rejected(Rejection(Stage.READ, "f", 1, 1, b"", (long, long))))
    types = {f"column_{number}": "string" for number in range(5000)}
    summary = Summary(
        RUN, Status.COMPLETE, 0, Counts(), column_types=types, first_body=long.encode()
    )
    report.handle(Finished(summary))
    shown = capsys.readouterr()
    lines = [*shown.out.splitlines(), *shown.err.splitlines()]
    assert max(map(len, lines)) < 1600
    assert "pushing f, f, f, f and 4,996 more to table t" in shown.err
    assert "(100,000 bytes; --json shows all of them)" in lines
