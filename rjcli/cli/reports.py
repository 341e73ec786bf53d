"""What a command shows: on its streams, and in its log."""

from typing import TYPE_CHECKING, TypeVar

from rjcli.settings.commands import JsonSettings, OutputSettings

if TYPE_CHECKING:
    from rjcli.report import LoadReport, Report

Kind = TypeVar("Kind", bound="Report")

opened: "list[Report]" = []
"""The reports of the command that runs, the one with its log first."""


def report_on(settings: JsonSettings) -> "Report":
    """Open the report of a command; a push has a log as well."""
    from rjcli.report import Report

    if not isinstance(settings, OutputSettings):
        settings = OutputSettings(json=settings.json)
    return _open(Report, settings)


def load_report(settings: OutputSettings) -> "LoadReport":
    """Open the report of a load."""
    from rjcli.report import LoadReport

    return _open(LoadReport, settings)


def _open(kind: "type[Kind]", settings: OutputSettings) -> "Kind":
    from rjcli.commands.log_file import open_log

    report = kind(settings, open_log(settings.log))
    opened.append(report)
    return report
