"""The reports of commands, for ``main`` to show an error on the one that there is."""

from typing import TYPE_CHECKING

from rjcli.settings.commands import JsonSettings, OutputSettings

if TYPE_CHECKING:
    from rjcli.report import LoadReport, Report

reports: "list[Report]" = []  # of the command that runs


def load_report(settings: OutputSettings) -> "LoadReport":
    """The report of a command that may load several tables."""
    from rjcli.commands.log_file import open_log
    from rjcli.report import LoadReport

    report = LoadReport(settings, open_log(settings.log))
    reports.append(report)
    return report


def report_of(settings: JsonSettings) -> "Report":
    """The report of a command."""
    from rjcli.commands.log_file import open_log
    from rjcli.report import Report

    if isinstance(settings, OutputSettings):
        report = Report(settings, open_log(settings.log))
    else:
        report = Report(OutputSettings(json=settings.json))
    reports.append(report)
    return report
