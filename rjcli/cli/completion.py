"""Completion of command lines: the shells' scripts, and the values of options.

Typer speaks with the shells. What a value may be is found out here: profiles, runs, and
the columns of a file that has been typed already. Nothing that goes wrong is shown,
as it would land in the middle of what somebody types.
"""

import contextlib
import glob
import io
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.completion
import typer.main

from rjcli.cli.command import COMMANDS, VARIABLE
from rjcli.errors import UsageError
from rjcli.settings.choices import ColumnType
from rjcli.settings.kinds import Complete, nearest, quoted
from rjcli.settings.option import Declared

_SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
_MOST_RUNS = 50
_MOST_BLOCKS = 20  # of a file, to find its first record in
# Others would need quoting; what a file says is never to be run by a shell.
_PLAIN_NAME = re.compile(r"\w[\w.-]*")

Values = Iterable[str | tuple[str, str]]
"""Values, or values each with a word on it."""


def complete(make_app: Callable[[Iterable[str]], typer.Typer]) -> None:
    """Complete what has been typed, which a shell says in the environment."""
    app = make_app(COMMANDS)
    app.command("help", help="Show what a command does, and its options.")(_help)
    typer.completion.completion_init()  # type: ignore[attr-defined] # which it imports
    command = typer.main.get_command(app)
    if os.environ[VARIABLE] == "complete_bash":
        _complete_in_bash(command)
    else:
        command([], prog_name="rjcli")


def show_completion(shell: str, *, install: bool) -> None:
    """Print the script that completes command lines in a shell, or install it."""
    if shell not in _SHELLS:
        raise UsageError(
            f"no completion for the shell {quoted(shell)}{nearest(shell, _SHELLS)}",
            hint=f"name one of {', '.join(_SHELLS)}: rjcli --show-completion bash",
        )
    wanted = {"prog_name": "rjcli", "complete_var": VARIABLE, "shell": shell}
    if install:
        _, path = typer.completion.install(**wanted)  # type: ignore[attr-defined]
        typer.echo(f"installed in {path}; new shells complete rjcli")
    else:
        typer.echo(typer.completion.get_completion_script(**wanted))  # type: ignore[attr-defined]


def completer(option: Declared) -> Callable[[typer.Context, str], Values]:
    """What offers values of an option, as typer calls it."""

    def complete(ctx: typer.Context, incomplete: str) -> Values:
        if option.kind.complete is None:
            return option.kind.choices
        with contextlib.suppress(Exception):
            return [*_OFFERS[option.kind.complete](ctx.obj or {}, incomplete)]
        return []

    return complete


def _help(name: Annotated[str, typer.Argument(autocompletion=lambda: [*COMMANDS])]) -> None:
    """Show what a command does. Only completed here."""


def _complete_in_bash(command: Any) -> None:
    """Complete for bash, which takes an equals sign for a word, and replaces what follows it."""
    words = os.environ["COMP_WORDS"].split("\n")
    last = int(os.environ["COMP_CWORD"])
    joined: list[str] = []
    for word in words[: last + 1]:
        follows = bool(joined) and joined[-1].endswith("=")
        if joined and (word.startswith("=") or follows):
            joined[-1] += word
        else:
            joined.append(word)
    replaced = joined[-1].rpartition("=")[0] + "=" if "=" in joined[-1] else ""
    os.environ["COMP_WORDS"], os.environ["COMP_CWORD"] = "\n".join(joined), str(len(joined) - 1)
    with contextlib.redirect_stdout(io.StringIO()) as shown, contextlib.suppress(SystemExit):
        command([], prog_name="rjcli")
    for line in shown.getvalue().splitlines():
        sys.stdout.write(f"{line.removeprefix(replaced)}\n")


def _profiles(_: Mapping[str, Any], __: str) -> Values:
    from rjcli.credentials.profiles import list_profiles

    for profile in list_profiles(os.environ):
        yield profile.name, profile.target.environment


def _runs(_: Mapping[str, Any], __: str, wanted: str = "name") -> Values:
    """Names of runs, the newest first, of which something is true."""
    from rjcli.run import list_runs, state_directory

    found = (run for run in list_runs(state_directory(os.environ)) if getattr(run, wanted))
    for run in islice(found, _MOST_RUNS):
        yield run.name, f"{run.status}, {run.environment}"


def _runs_or_rm(words: Mapping[str, Any], incomplete: str) -> Values:
    if not words.get("runs"):
        yield "rm", "delete some"
    yield from _runs(words, incomplete)


def _columns(words: Mapping[str, Any], incomplete: str) -> Values:
    """The list as it stands, with each column that it may go on with."""
    before, comma, _ = incomplete.rpartition(",")
    listed = {*before.split(",")}
    return [f"{before}{comma}{name}" for name in _names(words) if name not in listed]


def _renamed(words: Mapping[str, Any], incomplete: str) -> Values:
    return [f"{value}=" for value in _columns(words, incomplete)]


def _typed(words: Mapping[str, Any], incomplete: str) -> Values:
    """Columns, and once one of them is meant, the types that it may have."""
    values = [str(value) for value in _columns(words, incomplete)]
    found = [value for value in values if value.startswith(incomplete.partition("=")[0])]
    column = incomplete.rpartition("=")[0] if "=" in incomplete.rpartition(",")[2] else ""
    if column or len(found) == 1:
        return [f"{column or found[0]}={each}" for each in ColumnType]
    return [f"{value}=" for value in values]


_OFFERS: Mapping[Complete, Callable[[Mapping[str, Any], str], Values]] = {
    Complete.PROFILES: _profiles,
    Complete.RUNS: _runs_or_rm,
    Complete.RESUMABLE: lambda words, typed: _runs(words, typed, "is_resumable"),
    Complete.REJECTED: lambda words, typed: _runs(words, typed, "rejects"),
    Complete.COLUMNS: _columns,
    Complete.RENAMED: _renamed,
    Complete.TYPES: _typed,
}


def _names(words: Mapping[str, Any]) -> Iterator[str]:
    """The names of the fields of the first file, as far as they need no quoting."""
    from rjcli.reading import Input, Source
    from rjcli.settings.option import options_of
    from rjcli.settings.read import read
    from rjcli.settings.sources import from_words
    from rjcli.settings.values import InputSettings

    typed = str(Path(next(iter(words["files"]))).expanduser())  # bash has expanded nothing yet
    path = next(iter([*sorted(glob.glob(typed)), typed]))  # noqa: PTH207 - also where it is absolute
    if not Path(path).is_file():  # a pipe would be empty afterwards
        return
    wanted = [option for option in options_of(InputSettings) if option.key != "type"]
    settings = read(InputSettings, from_words(wanted, {**words, "files": path}))
    file = Input(Source(path), settings)
    for _ in islice(file.identify(), _MOST_BLOCKS):
        pass
    for name in file.first_names(_MOST_BLOCKS):
        if _PLAIN_NAME.fullmatch(name):
            yield name
