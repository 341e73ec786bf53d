"""Reporting: what people and scripts get to see of a run."""

from rjcli.report.report import Report
from rjcli.report.summary import summary_document

__all__ = ["Report", "summary_document"]
