"""GitHub Actions: annotations and the table on a job's page, as its runner reads them."""

from pathlib import Path

import pytest

from rjcli.events import Counts, Finished, Rejected, RunDescription, Started, Status, Summary
from rjcli.model import Rejection, Stage
from rjcli.report import Report
from rjcli.report.github import summary_table
from rjcli.settings.commands import OutputSettings

RUN = RunDescription(
    "r", "sandbox", "https://a.test/v2", "a.test", 1, "orders", ("id",), ("f",), dry_run=False
)
SUMMARY = Summary(RUN, Status.REJECTS, 3, Counts(1005, 1003, 2), message="a|b <i>x</i> `c` [d](e)")


def rejection(file: str, line: int, *reasons: str) -> Rejected:
    """The event of a rejected record."""
    return Rejected(Rejection(Stage.API, file, line, line, b"{}", reasons))


def report(tmp_path: Path) -> Report:
    """A report in a step of GitHub Actions."""
    page = tmp_path / "page.md"
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(page)}
    return Report(OutputSettings(), environ=environ)


def test_rejects_are_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of rejects the first ten are annotations of their file and line, and escaped as such."""
    shown = report(tmp_path)
    shown.handle(Started(RUN))
    shown.handle(rejection("a,b:c%.csv", 7, "50% off\n::error::owned", "two"))
    shown.handle(rejection("-", 3, "no keys"))
    for line in range(20):
        shown.handle(rejection("f.csv", line, "bad"))
    lines = capsys.readouterr().err.splitlines()[2:]
    assert lines[0] == (
        r"::error file=a%2Cb%3Ac%25.csv,line=7,title=rejected::"
        r"a,b:c%25.csv, line 7: 50%25 off\n::error::owned; two"
    )
    assert lines[1] == "::error title=rejected::stdin, line 3: no keys"
    assert len([line for line in lines if line.startswith("::")]) == 10
    assert lines[-1] == "more records were rejected; --verbose shows each"


def test_nothing_is_annotated_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    """Outside of GitHub Actions there are no annotations."""
    shown = Report(OutputSettings(), environ={})
    shown.handle(rejection("f.csv", 3, "bad"))
    assert capsys.readouterr().err == "rejected: f.csv, line 3: bad\n"


def test_page_has_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each push adds a table to the job's page, and nothing in it is Markdown or HTML."""
    for _ in range(2):
        report(tmp_path).handle(Finished(SUMMARY))
    page = (tmp_path / "page.md").read_text()
    assert page == 2 * summary_table(SUMMARY)
    header, line, row, _, message = page.split("\n")[1:6]
    assert header.count("|") == line.count("|") == row.count("|") == 9
    assert row == "| orders | sandbox | rejects | 1,005 | 1,003 | 2 | 0 | 0 |"
    assert not set("|<>`[]") & set(message)
    assert "rejects: read 1,005" in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the page cannot be written the push is reported all the same."""
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/nowhere/page.md"}
    Report(OutputSettings(), environ=environ).handle(Finished(SUMMARY))
    assert "rejects: read 1,005" in capsys.readouterr().out
