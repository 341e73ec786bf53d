"""What stands on a command line, and what is said of it where it is wrong."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from rjcli import __version__
from rjcli.cli.command import COMMANDS
from rjcli.settings.given import Given
from rjcli.settings.kinds import FLAG
from rjcli.settings.option import Declared
from rjcli.settings.read import read
from rjcli.settings.sources import Options, Texts, from_variables, from_words
from tests.cli.conftest import Run
from tests.conftest import Rjcli

PUSH = ["push", "-t", "t", "-k", "id", "f"]


@pytest.mark.parametrize(
    ("words", "complaint", "hint"),
    [
        (["push", "--colour"], "there is no option --colour", "rjcli push --help"),
        (["push", "--tabel", "t"], "there is no option --tabel; did you mean --table?", "push -"),
        (["push", "-t"], "-t takes a value: TABLE", "rjcli push --help"),
        (["push", "--format"], "--format takes a value: FORMAT", "rjcli push --help"),
        (["push", "--json=1"], "--json takes no value", "rjcli push --help"),
        (["resume", "a", "b"], "an argument too many: 'b'", "rjcli resume --help"),
        (["pusj"], "there is no command 'pusj'; did you mean push?", "rjcli --help"),
        (["--colour"], "there is no option '--colour'", "rjcli --help"),
        (["help", "pusj"], "there is no command 'pusj'; did you mean push?", "rjcli --help"),
        (["--show-completion", "fsh"], "the shell 'fsh'; did you mean fish?", "bash, zsh, fish"),
        (["push", "-k", "id", "f"], "no --table given", "RJCLI_TABLE"),
        (["push", "-t", "t"], "no FILE given", "- is stdin"),
        ([*PUSH, "--env", "prod"], "one of .*, not 'prod'; did you mean production?", "push -"),
        ([*PUSH, "--batch-size", "101"], "--batch-size must be a whole number from 1", "push -"),
        ([*PUSH, "-k", "id,,x"], "--keys has an empty name", "rjcli push --help"),
        ([*PUSH, "--client-id", "0"], "--client-id must be a positive whole number", "push -"),
        ([*PUSH, "-", "-"], "FILE names stdin (-) twice", "rjcli push --help"),
        ([*PUSH, "-k", os.fsdecode(b"\xff")], "--keys is not UTF-8 text", "rjcli push --help"),
        (["status", "--timeout", "1x"], "--timeout must be a time", "rjcli status --help"),
        ([*PUSH, "--dry-run", "--resume"], "--dry-run and --resume exclude each other", "dry run"),
    ],
)
def test_mistakes_are_named(run: Run, words: list[str], complaint: str, hint: str) -> None:
    """A mistake is named in plain words, with the nearest right one and where to read: exit 2."""
    done = run(*words)
    assert done.code == 2
    assert done.out == ""
    error, what_to_do = done.err.splitlines()
    start, _, rest = complaint.partition(".*")
    assert start in error
    assert rest in error
    assert hint in what_to_do
    for word in ("Value error", "unable to parse", "Invalid value", "No such", "requires"):
        assert word not in done.err


def test_variables_are_named(run: Run) -> None:
    """What is wrong with a variable is said of the variable; an empty one counts as not set."""
    done = run(*PUSH, RJCLI_JOBS="many", RJCLI_FORMAT="")
    assert "RJCLI_JOBS must be a whole number from 1 to 256, not 'many'" in done.err


@pytest.mark.parametrize(
    "words",
    [
        ["push", "--resume", "gone.csv", "-t", "t"],
        ["push", "--resume=auto", "gone.csv", "-t", "t"],
        ["push", "-tt", "--no-detect-types", "--", "gone.csv"],
        ["push", "gone.csv", "-t=t", "-t", "t"],
    ],
)
def test_words_are_split(run: Run, words: list[str]) -> None:
    """A word after --resume is a file, and what an option is given last counts."""
    done = run(*words)
    assert done.code == 2
    assert "cannot read gone.csv" in done.err


def test_version_is_shown(run: Run) -> None:
    """-V and --version tell the version that the package has."""
    assert run("-V").out == run("--version").out == f"rjcli {__version__}\n"


SAMPLES = {
    "TIME": "90s",
    "SIZE": "64k",
    "URL": "https://h",
    "CHAR": ";",
    "CHAR|none": "'",
    "COLUMN=TYPE": "a=string",
    "OLD=NEW": "a=b",
    "NAME=JSON": 'a=["x",1]',
    "N|N%": "1%",
    "N": "7",
    "ID": "7",
    "RATE": "0.5",
    "SHARE": "0.5",
    "auto": "auto",
    "fail_status": "404",
    "encoding": "utf-16",
}


def sample(option: Declared) -> str:
    """A text that the option takes."""
    kind = option.kind
    if kind is FLAG:
        return "1"
    return (kind.choices or (SAMPLES.get(option.key) or SAMPLES.get(kind.metavar, "x"),))[-1]


def plain(value: Any) -> Any:
    """Settings as lists of values, without the values' sources."""
    if isinstance(value, Given):
        return value.value
    if isinstance(value, Struct):
        return [plain(getattr(value, name)) for name in value.__struct_fields__]
    return value


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_works_from_its_variable(name: str) -> None:
    """A variable sets just what its option sets on the command line."""
    command = COMMANDS[name]
    options = [*command.options.values()]
    positional = {"files": Texts(["f"]), "run": "r", "file": "f", "directory": "d"}
    base = from_words(options, {"table": "y", **positional})

    def settings(given: Options) -> list[Any]:
        return [plain(read(each, {**base, **given})) for each in command.settings]

    for option in options:
        if not (option.is_positional or option.is_required):
            text = sample(option)
            word = True if option.kind is FLAG else text
            by_variable = settings(from_variables(options, {option.variable: text}))
            assert by_variable == settings(from_words(options, {option.key: word})) != settings({})


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("rjcli pu", ["push"]),
        ("rjcli push --form", ["--format"]),
        ("rjcli push f.csv --format ", ["auto", "json", "ndjson", "csv", "tsv"]),
        ("rjcli login --store k", ["keyring"]),
        ("rjcli push --min-r", ["--min-records"]),
    ],
)
def test_words_are_completed(run: Run, words: str, offered: list[str]) -> None:
    """Commands, options and choices are completed."""
    at = len(words.split()) - (not words.endswith(" "))
    lines = words.replace(" ", "\n")
    done = run(_RJCLI_COMPLETE="complete_bash", COMP_WORDS=lines, COMP_CWORD=str(at))
    assert done.out.split() == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion_is_for_the_shell_asked_for(run: Run, shell: str) -> None:
    """The script is that of the shell named, else that of $SHELL, wherever it is asked for."""
    named = run("--show-completion", shell, SHELL="/bin/tcsh").out
    assert f"complete_{shell}" in named
    assert run("--show-completion", SHELL=f"/usr/bin/{shell}").out == named


def test_completion_is_installed(run: Run, tmp_path: Path) -> None:
    """The script of a shell is put where that shell finds it."""
    done = run("--install-completion", "zsh", SHELL="/bin/bash")
    assert "complete_zsh" in (tmp_path / ".zfunc/_rjcli").read_text()
    assert str(tmp_path / ".zfunc/_rjcli") in done.out


def test_bash_completes(rjcli: Rjcli) -> None:
    """The script for bash, sourced there, completes what is typed."""
    script = """
        source <(rjcli --show-completion bash)
        COMP_WORDS=(rjcli push --comp) COMP_CWORD=2
        _rjcli_completion rjcli
        echo "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [str(shutil.which("bash")), "-c", script],
        env=rjcli.environment({"PATH": path}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "--compression\n"


HEAVY = ("pydantic", "rich.console", "httpx", "aiohttp", "tomlkit", "keyring")


def test_commands_start_without_what_they_do_not_need(rjcli: Rjcli) -> None:
    """Reading a command line imports neither HTTP nor rich, nor what typer converts values with."""
    code = (
        "import sys\n"
        "from rjcli.cli import main\n"
        "sys.argv = ['rjcli', 'push', '-t', 't', '-k', 'id', '-k', 'sku', '--jobs', '500', 'f']\n"
        "try: main()\n"
        f"finally: print(*({{*sys.modules}} & {{*{HEAVY!r}}}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=rjcli.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "--jobs must be" in done.stderr
    assert done.stdout == "\n"
