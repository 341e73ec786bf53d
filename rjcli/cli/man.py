"""``python -m rjcli.cli.man``: the manual page, made of what the help is made of (`make man`)."""

import re
import sys
from collections.abc import Iterable, Iterator

import rjcli.cli.declarations  # noqa: F401 - it declares the commands
from rjcli import __version__
from rjcli.cli.command import COMMANDS, Command
from rjcli.cli.help import EXIT_CODES, OPTIONS, PROGRAM, description, label, unwrapped, value_notes

_FILES = {
    "~/.config/rjcli/config.toml": "Profiles, or below $XDG_CONFIG_HOME.",
    "~/.local/state/rjcli": "Runs, and what is known of tables, or below $XDG_STATE_HOME.",
}


def manual() -> str:
    """The manual page, in the language of man(7)."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield f'.TH RJCLI 1 "" "rjcli {__version__}" "User Commands"'
    yield from _section("NAME", f"rjcli \\- {_text(PROGRAM[0].lower() + PROGRAM[1:].rstrip('.'))}")
    yield from _section("SYNOPSIS", "\\fBrjcli\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR]")
    yield from _section("OPTIONS")
    yield from _terms(OPTIONS.items())
    yield from _section("COMMANDS")
    for command in COMMANDS.values():
        yield from _command(command)
    yield from _section("VALUES")
    options = [option for command in COMMANDS.values() for option in command.options.values()]
    yield from _terms(value_notes(options))
    yield from _section("EXIT STATUS")
    yield from _terms(EXIT_CODES.items())
    yield from _section("FILES")
    yield from _terms(_FILES.items())


def _command(command: Command) -> Iterator[str]:
    yield f".SS rjcli {_text(command.name)}"
    yield from _paragraphs(command.help)
    for about, line in command.examples:
        yield from (".PP", _text(about) + ":", ".PP", ".nf", ".RS", _text(line), ".RE", ".fi")
    shown = command.options.values()
    for group in dict.fromkeys(option.group.title for option in shown):
        members = [option for option in shown if option.group.title == group]
        yield from (".PP", f"\\fI{_text(group)}.\\fR {_text(members[0].group.help)}")
        yield from _terms((label(option).strip(), description(option)) for option in members)


def _section(title: str, *lines: str) -> Iterator[str]:
    yield f".SH {title}"
    yield from lines


def _paragraphs(text: str) -> Iterator[str]:
    for place, paragraph in enumerate(unwrapped(text).split("\n\n")):
        if place:
            yield ".PP"
        yield _text(paragraph)


def _terms(terms: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in terms:
        yield from (".TP", f"\\fB{_text(re.sub(' +', ' ', name))}\\fR", _text(text))


def _text(text: str) -> str:
    """A line of text: no character of it is a request, or is drawn as another one."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    escaped = escaped.replace("^", "\\(ha").replace("~", "\\(ti").replace("`", "\\(ga")
    return f"\\&{escaped}" if escaped.startswith(".") else escaped


if __name__ == "__main__":
    sys.stdout.write(manual())
