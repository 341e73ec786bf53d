"""What is seen of a load: its tables side by side, and the account of each and of all."""

from typing import TYPE_CHECKING

from rich.filesize import decimal

from rjcli.errors import RjcliError, plural
from rjcli.events import (
    Event,
    Finished,
    LimitChanged,
    LoadDescription,
    LoadSummary,
    Progressed,
    Rejected,
    Retried,
    Split,
    Started,
    Summary,
)
from rjcli.model import Noted
from rjcli.report.closing import next_steps
from rjcli.report.report import STATUS_STYLES, Report
from rjcli.run.load_document import load_document
from rjcli.run.summary import failure_document
from rjcli.settings.commands import OutputSettings

if TYPE_CHECKING:
    from rjcli.report.log import Log

_FAILURE_STYLE = "bold red"
_OUTCOMES = ("accepted", "rejected", "unknown", "unsent")


class LoadReport(Report):
    """Shows how a load goes: results on stdout, everything else on stderr."""

    def __init__(self, settings: OutputSettings, log: "Log | None" = None) -> None:
        super().__init__(settings, log)
        self._shown: set[str] = set()  # messages of errors

    def start(self, load: LoadDescription) -> None:
        """Show what is about to be loaded, and where to."""
        tables = ", ".join(load.tables) or "no tables"
        self.note(f"loading {tables} ({load.file})")
        client = "" if load.client_id is None else f", client id {load.client_id}"
        self.note(f"environment {load.environment}, {load.host}{client}")
        for table in load.skipped:
            self.note(f"{table}: there are no files, and it is skipped")
        self._progress.start()
        self._log_progress.start()

    def handle_of(self, table: str, event: Event) -> None:
        """Show an event of the push of a table."""
        match event:
            case Started(run):
                keys = ", ".join(run.keys) or "of each record"
                self.note(f"{table}: pushing {plural(len(run.inputs), 'file')}, keys {keys}")
            case Noted(text):
                self.note(f"{table}: {text}")
            case Progressed():
                self._progress.update(event, table)
                self._log_progress.update(event, table)
            case Rejected() | Retried() | Split() | LimitChanged():
                self.handle(event)
            case Finished(summary):
                self._progress.end(table)
                self._log_progress.end(table)
                self._finish_table(table, summary)

    def finish(self, summary: LoadSummary) -> None:
        """Show how it went."""
        self._progress.stop()
        self.has_finished = True
        if summary.message and not any(each.message for each in summary.tables.values()):
            self.error(summary.message, summary.hint)
        if self._settings.json:
            self._print_document(load_document(summary))
        elif not (self._settings.quiet and summary.exit_code == 0):
            self._print_results(summary)

    def problems(self, error: RjcliError, problems: list[RjcliError]) -> int:
        """Show all that is wrong with a load file. Returns the exit code."""
        for problem in problems:
            self.error(problem.message, problem.hint)
        if self._settings.json:
            self._print_document(failure_document(error))
        return error.exit_code

    def _finish_table(self, table: str, summary: Summary) -> None:
        if summary.message and summary.message not in self._shown:
            self._shown.add(summary.message)
            self.error(f"{table}: {summary.message}", summary.hint)
        counts = summary.counts
        fates = f"{counts.accepted:,} accepted, {counts.rejected:,} rejected"
        self.note(f"{table}: {summary.status}, {fates}, {summary.seconds:.1f} s")

    def _print_results(self, summary: LoadSummary) -> None:
        document = load_document(summary)
        for table, each in summary.tables.items():
            label = f"{table}: {each.status}: "
            style = STATUS_STYLES.get(each.status, _FAILURE_STYLE)
            self._out.print_line(_account(document["tables"][table]), label=label, style=style)
            for purpose, command in next_steps(each):
                if not (summary.resume and each.artifacts and command == each.artifacts.resume):
                    self._out.print_line(command, label=f"  {purpose}: ", unbroken=True)
        label = f"{'dry run' if summary.load.dry_run else 'load'}, {summary.status}: "
        style = STATUS_STYLES.get(summary.status, _FAILURE_STYLE)
        self._out.print_line(_account(document), label=label, style=style)
        would = "a load would send " if summary.load.dry_run else ""
        self._out.print_line(
            f"{would}{document['requests']:,} requests, {decimal(document['bytes_read'])} read,"
            f" {decimal(document['bytes_sent'])} sent, {summary.seconds:.1f} s"
        )
        if summary.resume:
            self._out.print_line(summary.resume, label="to load what is left: ", unbroken=True)


def _account(document: dict[str, dict[str, int]]) -> str:
    records = document["records"]
    fates = " + ".join(f"{outcome} {records[outcome]:,}" for outcome in _OUTCOMES)
    return f"read {records['read']:,} = {fates}"
