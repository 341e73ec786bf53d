"""What the help shows."""

import re

import pytest

from rjcli.cli.command import COMMANDS
from rjcli.cli.help import EXIT_CODES
from tests.cli.conftest import Run
from tests.conftest import Rjcli
from tests.support.terminal import Terminal

GROUPS = [
    *("Target", "Input", "CSV", "Shape", "Delivery", "Tolerance", "Guards", "Run", "Output", "Log"),
    *("Values", "Exit codes"),
]


def words_of(text: str) -> str:
    """A page without its frames, as one line."""
    return " ".join(re.sub("[─-╿]", " ", text).split())


def titles(text: str) -> list[str]:
    """The titles of a page's groups, in their order."""
    return re.findall(r"^╭─ (.*?) ─", text, re.MULTILINE)


def test_push_is_explained_in_groups(run: Run) -> None:
    """`push --help` has usage and examples first, then the groups, and exit codes last."""
    done = run("push", "--help")
    assert done.code == 0
    assert done.err == ""
    assert done.out.startswith("Usage: rjcli push [OPTIONS] FILE...\n\nLoad files into a table.\n")
    assert done.out.index("Examples") < done.out.index("╭")
    assert titles(done.out) == GROUPS
    last = words_of(done.out[done.out.index("╭─ Exit codes") :])
    assert all(f"{code} {text}" in last for code, text in EXIT_CODES.items())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(run: Run, name: str) -> None:
    """Each option stands in its command's help with its line and its default."""
    shown = words_of(run(name, "-h", COLUMNS="200").out)
    for option in COMMANDS[name].options.values():
        assert re.search(rf"(?<![\w-]){re.escape(option.flag)}(?![\w-])", shown), option.flag
        assert option.help.rstrip(".") in shown


@pytest.mark.parametrize(
    "line",
    [
        "-j, --jobs N Maximum requests in flight (1 to 256; default: 8).",
        "--retry-for TIME How long one batch is retried (default: 15m).",
        "--max-batch-bytes SIZE Maximum request of several records (default: 4 MiB).",
        "--format FORMAT File format (auto, json, ndjson, csv or tsv; default: auto).",
        "--env ENV Which API to talk to (production, sandbox or local; default: production).",
        "--resume[=auto] Continue the last run of this push",
    ],
)
def test_values_are_shown_as_people_write_them(run: Run, line: str) -> None:
    """Choices, ranges and defaults are shown in words and units."""
    assert line in words_of(run("push", "-h", COLUMNS="200").out)


@pytest.mark.parametrize("name", ["", *COMMANDS])
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_help_fits_its_terminal(run: Run, name: str, columns: int) -> None:
    """Help is as wide as the terminal at most, without control characters or a library's words."""
    done = run(*([name, "-h"] if name else []), COLUMNS=str(columns))
    assert done.code == 0
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(line.isprintable() for line in lines)
    for word in ("<list", "<str", "[default", "(production)", "900.0", "required", "env var"):
        assert word not in done.out


@pytest.mark.parametrize(
    "words", [["push", "--help"], ["push", "-h"], ["help", "push"], ["push", "x", "--jobs", "-h"]]
)
def test_help_is_found_in_every_usual_way(run: Run, words: list[str]) -> None:
    """-h, --help and `rjcli help push` show the same page; a value that looks so is a value."""
    done = run(*words)
    assert ("Usage: rjcli push" in done.out) is ("--jobs" not in words)


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"], ["help"]])
def test_commands_are_listed(run: Run, words: list[str]) -> None:
    """Without a command, the help lists all of them with a line on each."""
    done = run(*words)
    assert done.code == 0
    shown = words_of(done.out)
    assert all(f"{name} {each.help.splitlines()[0]}" in shown for name, each in COMMANDS.items())


def test_help_needs_no_unicode(rjcli: Rjcli) -> None:
    """Where the output's encoding is ASCII, frames are drawn in ASCII."""
    done = rjcli("runs", "--help", env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "+- Runs -" in done.stdout
    assert "\\u" not in done.stdout


def test_colours_are_for_terminals(rjcli: Rjcli) -> None:
    """On a terminal the help is coloured, unless NO_COLOR is set."""
    for variables, coloured in ({}, True), ({"NO_COLOR": "1"}, False):
        env = rjcli.environment({"TERM": "xterm-256color", **variables})
        with Terminal(["push", "--help"], env) as terminal:
            assert terminal.end() == 0
        assert bool(re.search(r"\x1b\[[0-9;]*3[0-9]m", terminal.shown)) is coloured
