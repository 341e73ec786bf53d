"""Events and errors become what is seen on stdout and stderr."""

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from rjcli.errors import RjcliError, UnfinishedError
from rjcli.events import (
    Detail,
    Event,
    Finished,
    LimitChanged,
    Progressed,
    Rejected,
    Retried,
    RunDescription,
    Split,
    Started,
    Status,
    Summary,
)
from rjcli.model import Noted, Rejection
from rjcli.report.closing import next_steps, summary_lines
from rjcli.report.console import PlainConsole, SilentConsole, open_console
from rjcli.report.lines import (
    REJECTION_CHARACTERS,
    describe_detail,
    list_inputs,
    name_detail,
    shortened,
)
from rjcli.report.progress import NoProgress, PlainProgress, ProgressDisplay, stamp_of
from rjcli.run.summary import failure_document, summary_document
from rjcli.settings.choices import ProgressMode
from rjcli.settings.commands import OutputSettings
from rjcli.visible_text import visible

if TYPE_CHECKING:
    from rjcli.report.log import Log

REJECTIONS_SHOWN = 10  # as many as GitHub shows of a step's annotations
STATUS_STYLES = {Status.COMPLETE: "bold green", Status.REJECTS: "bold yellow"}


class Report:
    """Shows how a run goes: results on stdout, everything else on stderr.

    ``log`` gets all of it, whatever is shown; None: there is none.
    """

    def __init__(
        self,
        settings: OutputSettings,
        log: "Log | None" = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._out = open_console(sys.stdout)
        # A log on stderr takes the place of what is shown there.
        is_logged = log is not None and settings.log.file is None
        self._err = SilentConsole() if is_logged else open_console(sys.stderr)
        self._log = log
        self._environ = environ
        self._is_github = environ.get("GITHUB_ACTIONS") == "true"
        self._progress = self._choose_progress()
        self._log_progress: ProgressDisplay = NoProgress()
        if log:
            self._log_progress = PlainProgress(log, stamp=lambda _: "")
        self._rejections = 0
        self.has_finished = False  # has shown the summary of a push
        self.has_answered = False  # has printed the one object of --json

    def handle(self, event: Event) -> None:
        """Show an event."""
        match event:
            case Started(run):
                self._start(run)
            case Noted(text):
                self.note(text)
            case Progressed():
                self._progress.update(event)
                self._log_progress.update(event)
            case Rejected(rejection):
                self._reject(rejection)
            case Retried() | Split() | LimitChanged():
                self._detail(event)
            case Finished(summary):
                self.has_finished = True
                if self._settings.json:  # first, so that nothing can keep it from being printed
                    self._print_document(summary_document(summary))
                self._progress.stop()
                self._finish(summary)

    def note(self, text: str) -> None:
        """Show something worth knowing; not with ``--quiet``."""
        self._add("note", text)
        if not self._settings.quiet:
            self._err.print_line(shortened(text))

    def command(self, purpose: str, command: str) -> None:
        """Show a command to copy, and what it is for; not with ``--quiet``."""
        self._add("note", f"{purpose}: {command}")
        if not self._settings.quiet:
            self._err.print_line(command, label=f"{purpose}: ", unbroken=True)

    def error(self, message: str, hint: str | None) -> None:
        """Show what went wrong and what to do next."""
        self._add("error", message)
        self._err.print_line(shortened(message), label="rjcli: error: ", style="bold red")
        if hint:
            self._add("hint", hint)
            self._err.print_line(shortened(hint), label="what to do: ")

    def failure(self, error: RjcliError) -> None:
        """Show an error that came before there was a run to sum up."""
        self.error(error.message, error.hint)
        if self._settings.json and not self.has_answered:
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
        self.note(f"pushing {list_inputs(run.inputs)} to table {run.table}, {keys}")
        client = "" if run.client_id is None else f", client id {run.client_id}"
        self.note(f"environment {run.environment}, {run.host}{client}")
        self._progress.start()
        self._log_progress.start()

    def _reject(self, rejection: Rejection) -> None:
        self._rejections += 1
        reasons = "; ".join(rejection.reasons)
        file = shortened(list_inputs([rejection.file]), REJECTION_CHARACTERS)
        place = f"{file}, line {rejection.line}: "
        if self._log:
            self._add("rejected", f"{place}{reasons}", rejection.facts())
        if self._settings.quiet:
            return
        if self._is_github and self._rejections <= REJECTIONS_SHOWN:
            from rjcli.report.github import annotation

            text = shortened(visible(f"{place}{reasons}"), REJECTION_CHARACTERS)
            self._err.print_line(annotation(rejection, text))
        elif self._rejections <= REJECTIONS_SHOWN or self._settings.verbose:
            text = shortened(reasons, REJECTION_CHARACTERS)
            self._err.print_line(text, label=f"{self._stamp()}rejected: {place}", style="yellow")
        if self._rejections == REJECTIONS_SHOWN + 1 and not self._settings.verbose:
            self.note("more records were rejected; --verbose shows each")

    def _detail(self, event: Detail) -> None:
        if not (self._log or self._settings.verbose):
            return
        text = describe_detail(event)
        self._add(name_detail(event), text, asdict(event))
        if self._settings.verbose and not self._settings.quiet:
            self._err.print_line(shortened(text, REJECTION_CHARACTERS), label=self._stamp())

    def _stamp(self) -> str:
        """The time before a line among others with a time."""
        is_plain = self._settings.verbose and isinstance(self._progress, PlainProgress)
        return stamp_of(time.time()) if is_plain else ""

    def _finish(self, summary: Summary) -> None:
        if self._is_github:
            from rjcli.report.github import add_summary

            add_summary(summary, self._environ)
        if summary.message:
            self.error(summary.message, summary.hint)
        document, steps = summary_document(summary), next_steps(summary)
        label = f"{'dry run, ' if summary.run.dry_run else ''}{summary.status}: "
        first, *others = summary_lines(summary)
        # Of a dry run's records nothing gets into a file.
        self._add("finished", f"{label}{first}", {"summary": {**document, "first_body": None}})
        for purpose, command in steps:
            self._add("next", f"{purpose}: {command}")
        if self._log and self._log.lost:
            self.note(f"the log is not complete: {self._log.lost.strerror}")
        if not (self._settings.json or (self._settings.quiet and summary.exit_code == 0)):
            style = STATUS_STYLES.get(summary.status, "bold red")
            self._out.print_line(first, label=label, style=style)
            for line in others:
                self._out.print_line(line)
            for purpose, command in steps:
                self._out.print_line(command, label=f"{purpose}: ", unbroken=True)

    def _add(self, event: str, text: str, facts: Mapping[str, Any] | None = None) -> None:
        """Add to the log, if there is one."""
        if self._log:
            self._log.add(event, text, facts)

    def exit_code(self, exit_code: int) -> int:
        """The exit code of a command: another one if its results could not be written."""
        error = self._out.lost
        if error is None or exit_code:
            return exit_code
        self.error(f"cannot write the results: {error.strerror}", "look into the run: rjcli runs")
        return UnfinishedError.exit_code

    def _print_document(self, document: dict[str, Any]) -> None:
        """Print an object on one line, in ASCII, so that no text in it can act on a terminal."""
        self.has_answered = True
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
        from rjcli.report.bar import BarProgress

        return BarProgress(self._err)
