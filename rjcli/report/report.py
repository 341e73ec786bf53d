"""Events and errors become what is seen on stdout and stderr."""

import json
import sys
from typing import Any

from rjcli.errors import RjcliError, UnfinishedError
from rjcli.events import (
    Event,
    Finished,
    Progressed,
    Rejected,
    RunDescription,
    Started,
    Status,
    Summary,
)
from rjcli.model import Noted, Rejection
from rjcli.report.closing import next_steps, summary_lines
from rjcli.report.console import PlainConsole, open_console
from rjcli.report.progress import NoProgress, PlainProgress, ProgressDisplay
from rjcli.run.summary import failure_document, summary_document
from rjcli.settings.choices import ProgressMode
from rjcli.settings.commands import OutputSettings
from rjcli.settings.option_kinds import STDIN

REJECTIONS_SHOWN = 10
_MOST_CHARACTERS = 1500  # of a message: less than a screen

STATUS_STYLES = {Status.COMPLETE: "bold green", Status.REJECTS: "bold yellow"}


class Report:
    """Shows how a run goes: results on stdout, everything else on stderr."""

    def __init__(self, settings: OutputSettings) -> None:
        self._settings = settings
        self._out = open_console(sys.stdout)
        self._err = open_console(sys.stderr)
        self._progress = self._choose_progress()
        self._rejections = 0

    def handle(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Started(run):
                self._start(run)
            case Noted(text):
                self.note(text)
            case Progressed():
                self._progress.update(event)
            case Rejected(rejection):
                self._reject(rejection)
            case Finished(summary):
                self._progress.stop()
                self._finish(summary)

    def note(self, text: str) -> None:
        """Show something worth knowing; not with ``--quiet``."""
        if not self._settings.quiet:
            self._err.print_line(text)

    def command(self, purpose: str, command: str) -> None:
        """Show a command to copy, and what it is for; not with ``--quiet``."""
        if not self._settings.quiet:
            self._err.print_line(command, label=f"{purpose}: ", unbroken=True)

    def error(self, message: str, hint: str | None) -> None:
        """Show what went wrong and what to do next."""
        if len(message) > _MOST_CHARACTERS:
            message = f"{message[:_MOST_CHARACTERS]}…"
        self._err.print_line(message, label="rjcli: error: ", style="bold red")
        if hint:
            self._err.print_line(hint, label="what to do: ")

    def failure(self, error: RjcliError) -> None:
        """Show an error that came before there was a run to sum up."""
        self.error(error.message, error.hint)
        if self._settings.json:
            self._print_document(failure_document(error))

    def line(self, text: str) -> None:
        """Print a line of a result on stdout, at once."""
        self._out.print_line(text)

    def result(self, document: dict[str, Any], *lines: str) -> None:
        """Print a result on stdout: the document with ``--json``, else the lines."""
        if self._settings.json:
            self._print_document(document)
        elif not self._settings.quiet:
            for line in lines:
                self._out.print_line(line)

    def _start(self, run: RunDescription) -> None:
        keys = f"keys {', '.join(run.keys)}" if run.keys else "each record's own keys"
        inputs = ["stdin" if file == STDIN else file for file in run.inputs]
        self.note(f"pushing {', '.join(inputs)} to table {run.table}, {keys}")
        client = "" if run.client_id is None else f", client id {run.client_id}"
        self.note(f"environment {run.environment}, {run.host}{client}")
        self._progress.start()

    def _reject(self, rejection: Rejection) -> None:
        self._rejections += 1
        if self._settings.quiet:
            return
        if self._rejections <= REJECTIONS_SHOWN or self._settings.verbose:
            label = f"rejected: {rejection.file}, line {rejection.line}: "
            self._err.print_line("; ".join(rejection.reasons), label=label, style="yellow")
        elif self._rejections == REJECTIONS_SHOWN + 1:
            self.note("more records were rejected; --verbose shows each")

    def _finish(self, summary: Summary) -> None:
        if summary.message:
            self.error(summary.message, summary.hint)
        if self._settings.json:
            self._print_document(summary_document(summary))
        elif not (self._settings.quiet and summary.exit_code == 0):
            label = f"{'dry run, ' if summary.run.dry_run else ''}{summary.status}: "
            first, *others = summary_lines(summary)
            self._out.print_line(
                first, label=label, style=STATUS_STYLES.get(summary.status, "bold red")
            )
            for line in others:
                self._out.print_line(line)
            for purpose, command in next_steps(summary):
                self._out.print_line(command, label=f"{purpose}: ", unbroken=True)

    def exit_code(self, exit_code: int) -> int:
        """The exit code of a command: another one if its results could not be written."""
        error = self._out.lost
        if error is None or exit_code:
            return exit_code
        self.error(f"cannot write the results: {error.strerror}", "look into the run: rjcli runs")
        return UnfinishedError.exit_code

    def _print_document(self, document: dict[str, Any]) -> None:
        """Print an object on one line, in ASCII, so that no text in it can act on a terminal."""
        self._out.write(json.dumps(document) + "\n")

    def _choose_progress(self) -> ProgressDisplay:
        mode = self._settings.progress
        if self._settings.quiet or mode is ProgressMode.NONE:
            return NoProgress()
        if mode is ProgressMode.AUTO:
            mode = ProgressMode.BAR if self._err.is_live else ProgressMode.PLAIN
        if mode is ProgressMode.PLAIN:
            return PlainProgress(self._err)
        if isinstance(self._err, PlainConsole):
            return NoProgress()  # there is nothing to draw a bar on
        from rjcli.report.terminal import BarProgress

        return BarProgress(self._err)
