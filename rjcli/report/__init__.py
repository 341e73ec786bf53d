"""Reporting: what people and scripts get to see of a run."""

from rjcli.report.report import Report
from rjcli.report.summary import summary_document
from rjcli.report.text import visible

__all__ = ["Report", "summary_document", "visible"]
