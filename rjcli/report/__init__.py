"""Reporting: what people and scripts get to see of a push."""

from rjcli.report.load import LoadReport
from rjcli.report.report import Report

__all__ = ["LoadReport", "Report"]
