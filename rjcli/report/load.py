"""What is seen of a load: its tables side by side, and the account of each and of all."""

import json
from typing import Protocol

from rich.filesize import decimal

from rjcli.errors import RjcliError
from rjcli.events import (
    Event,
    Finished,
    LoadDescription,
    LoadSummary,
    Progressed,
    Rejected,
    Started,
    Summary,
)
from rjcli.model import Noted
from rjcli.report.closing import next_steps
from rjcli.report.console import Console, PlainConsole
from rjcli.report.progress import PlainProgress
from rjcli.report.report import STATUS_STYLES, Report
from rjcli.run.load_document import load_document
from rjcli.run.summary import failure_document
from rjcli.settings.choices import ProgressMode
from rjcli.settings.commands import OutputSettings

_FAILURE_STYLE = "bold red"
_OUTCOMES = ("accepted", "rejected", "unknown", "unsent")


class LoadProgressDisplay(Protocol):
    """Shows how far the tables of a load are."""

    def start(self, bytes_total: int) -> None:
        """Begin to show; the clock starts here."""

    def begin(self, table: str) -> None:
        """A table begins."""

    def update(self, table: str, progressed: Progressed) -> None:
        """Take in where a table is."""

    def end(self, table: str, bytes_read: int) -> None:
        """A table has ended."""

    def stop(self) -> None:
        """Show no more."""


class NoLoadProgress:
    """Shows nothing."""

    def start(self, bytes_total: int) -> None: ...

    def begin(self, table: str) -> None: ...

    def update(self, table: str, progressed: Progressed) -> None: ...

    def end(self, table: str, bytes_read: int) -> None: ...

    def stop(self) -> None: ...


class PlainLoadProgress(NoLoadProgress):
    """A plain line for each table every ten seconds, which begins with its name."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tables: dict[str, PlainProgress] = {}

    def begin(self, table: str) -> None:
        self._tables[table] = PlainProgress(_Labelled(self._console, f"{table}: "))
        self._tables[table].start()

    def update(self, table: str, progressed: Progressed) -> None:
        self._tables[table].update(progressed)

    def end(self, table: str, bytes_read: int) -> None:
        del bytes_read  # its line is printed elsewhere
        self._tables.pop(table, None)


class _Labelled(PlainConsole):
    """Prints lines on another console, all with a label."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._label = label

    def print_line(
        self, text: str, *, label: str = "", style: str = "", unbroken: bool = False
    ) -> None:
        label = f"{self._label}{label}"
        self._console.print_line(text, label=label, style=style, unbroken=unbroken)


class LoadReport(Report):
    """Shows how a load goes: results on stdout, everything else on stderr."""

    def __init__(self, settings: OutputSettings) -> None:
        super().__init__(settings)
        self._tables = self._choose_tables()
        self._shown: set[str] = set()  # messages of errors

    def start(self, load: LoadDescription) -> None:
        """Show what is about to be loaded, and where to."""
        tables = ", ".join(load.tables) or "no tables"
        self.note(f"loading {tables} ({load.file})")
        client = "" if load.client_id is None else f", client id {load.client_id}"
        self.note(f"environment {load.environment}, {load.host}{client}")
        for table in load.skipped:
            self.note(f"{table}: there are no files, and it is skipped")
        self._tables.start(load.bytes_total)

    def handle_of(self, table: str, event: Event) -> None:
        """Show an event of the push of a table."""
        match event:
            case Started(run):
                self._tables.begin(table)
                files = f"{len(run.inputs):,} file{'' if len(run.inputs) == 1 else 's'}"
                keys = ", ".join(run.keys) or "of each record"
                self.note(f"{table}: pushing {files}, keys {keys}")
            case Noted(text):
                self.note(f"{table}: {text}")
            case Progressed():
                self._tables.update(table, event)
            case Rejected():
                self.handle(event)
            case Finished(summary):
                self._tables.end(table, summary.bytes_read)
                self._finish_table(table, summary)

    def finish(self, summary: LoadSummary) -> None:
        """Show how it went."""
        self._tables.stop()
        if summary.message and not any(each.message for each in summary.tables.values()):
            self.error(summary.message, summary.hint)
        if self._settings.json:
            self._out.write(json.dumps(load_document(summary)) + "\n")
        elif not (self._settings.quiet and summary.exit_code == 0):
            self._print_results(summary)

    def problems(self, error: RjcliError, problems: list[RjcliError]) -> int:
        """Show all that is wrong with a load file. Returns the exit code."""
        for problem in problems:
            self.error(problem.message, problem.hint)
        if self._settings.json:
            self._out.write(json.dumps(failure_document(error)) + "\n")
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

    def _choose_tables(self) -> LoadProgressDisplay:
        mode = self._settings.progress
        if self._settings.quiet or mode is ProgressMode.NONE:
            return NoLoadProgress()
        if mode is ProgressMode.AUTO:
            mode = ProgressMode.BAR if self._err.is_live else ProgressMode.PLAIN
        if mode is ProgressMode.PLAIN:
            return PlainLoadProgress(self._err)
        if isinstance(self._err, PlainConsole):
            return NoLoadProgress()  # there is nothing to draw a bar on
        from rjcli.report.load_bar import LoadBar

        return LoadBar(self._err)


def _account(document: dict[str, dict[str, int]]) -> str:
    records = document["records"]
    fates = " + ".join(f"{outcome} {records[outcome]:,}" for outcome in _OUTCOMES)
    return f"read {records['read']:,} = {fates}"
