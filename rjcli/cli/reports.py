"""What a command shows: on its streams, and in its log."""

from typing import TYPE_CHECKING

from rjcli.settings.commands import JsonSettings, OutputSettings

if TYPE_CHECKING:
    from rjcli.report import LoadReport, Report

opened: "list[Report]" = []
"""The reports of the command that runs, the one with its log first."""


def report_on(settings: JsonSettings) -> "Report":
    """Open the report of a command; a push has a log as well."""
    from rjcli.commands.log_file import open_log
    from rjcli.report import Report

    if isinstance(settings, OutputSettings):
        report = Report(settings, open_log(settings.log))
    else:
        report = Report(OutputSettings(json=settings.json))
    opened.append(report)
    return report


def load_report(settings: OutputSettings) -> "LoadReport":
    """Open the report of a load."""
    from rjcli.commands.log_file import open_log
    from rjcli.report import LoadReport

    report = LoadReport(settings, open_log(settings.log))
    opened.append(report)
    return report
