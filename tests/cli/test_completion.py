"""What shells offer while a command line is typed, by the protocol of their scripts."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.conftest import Rjcli
from tests.support.terminal import Terminal


def offered(run: Run, *words: str) -> list[str]:
    """What bash gets to offer, when the cursor is at the end of the last word."""
    done = run(
        _RJCLI_COMPLETE="complete_bash",
        COMP_WORDS="\n".join(["rjcli", *words]),
        COMP_CWORD=str(len(words)),
    )
    assert done.err == ""
    return done.out.split()


@pytest.fixture
def orders(tmp_path: Path) -> str:
    """A CSV in the current directory; one of its columns is a shell's command."""
    (tmp_path / "orders.csv").write_text('id;sku;total;"$(touch pwned)"\n1;a;2.5;x\n')
    return "orders.csv"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-k", ""], ["id", "sku", "total"]),
        (["--keys", "s"], ["sku"]),
        (["-k", "id,"], ["id,sku", "id,total"]),
        (["--select", "sku,t"], ["sku,total"]),
        (["--select", "=", "t"], ["total"]),
        (["--rename", ""], ["id=", "sku=", "total="]),
        (["--type", ""], ["id=", "sku=", "total="]),
        (["--type", "s"], [f"sku={x}" for x in ("string", "integer", "number", "boolean", "json")]),
        (["--type", "sku", "="], ["string", "integer", "number", "boolean", "json"]),
        (["--type", "sku", "=", "n"], ["number"]),
        (["--format", "n"], ["ndjson"]),
    ],
)
def test_columns_of_the_file_are_offered(
    run: Run, orders: str, words: list[str], expected: list[str]
) -> None:
    """After an option that takes columns, those of the file are offered, and then their types."""
    assert offered(run, "push", orders, *words) == expected
    assert offered(run, "push", "*.csv", *words) == expected


def test_fields_of_json_are_offered(run: Run, tmp_path: Path) -> None:
    """Of JSON and NDJSON, the fields of the first record are offered."""
    (tmp_path / "a.json").write_text('[\n{"id": 1, "name": "x"}, {"other": 1}]')
    (tmp_path / "a.ndjson").write_text('\nnot json\n{"id": 1, "name": "x"}\n')
    assert offered(run, "push", "a.json", "-k", "") == ["id", "name"]
    assert offered(run, "push", "a.ndjson", "-k", "") == ["id", "name"]


@pytest.mark.parametrize("file", ["missing.csv", ".", "-", "bad.json", "pipe"])
def test_nothing_goes_wrong_while_completing(run: Run, tmp_path: Path, file: str) -> None:
    """Where the file cannot be read, nothing is offered, and nothing is said or waited for."""
    (tmp_path / "bad.json").write_bytes(b"[\xff")
    subprocess.run(["mkfifo", tmp_path / "pipe"], check=True)  # noqa: S607 - any of them
    assert offered(run, "push", file, "-k", "") == []
    assert offered(run, "push", "-k", "") == []


def test_runs_are_offered(run: Run, tmp_path: Path) -> None:
    """`runs` offers all runs, `retry` those with rejects, `resume` those that can be resumed."""
    names = []
    for name, content in ("good", '{"id": 1}'), ("bad", '{"id": 1}\n{"no": 1}'):
        (tmp_path / f"{name}.ndjson").write_text(content)
        words = ["push", f"{name}.ndjson", "-t", name, "-k", "id", "--env", "local", "--json"]
        names.append(json.loads(run(*words).out)["run"])
    assert sorted(offered(run, "runs", "2")) == sorted(names)
    assert offered(run, "retry", "") == names[1:]
    assert offered(run, "resume", "") == []
    assert offered(run, "runs", "r") == ["rm"]
    shown = run(_RJCLI_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS="rjcli retry ").out
    assert f'"{names[1]}":"rejects, local"' in shown


def test_profiles_and_commands_are_offered(run: Run, tmp_path: Path) -> None:
    """Profiles are offered after --profile, commands first and after help."""
    config = tmp_path / ".config" / "rjcli" / "config.toml"
    config.parent.mkdir(parents=True, mode=0o700)
    config.touch(0o600)
    config.write_text("[profiles.shop]\nclient_id = 1\n[profiles.other]\nclient_id = 2\n")
    for command in ("push", "auth-check", "login", "logout", "resume"):
        assert offered(run, command, "--profile", "") == ["other", "shop"]
    assert offered(run, "help", "pu") == ["push"]
    assert offered(run, "log") == ["login", "logout"]


@pytest.mark.parametrize(
    ("shell", "marks"),
    [("bash", ["COMPREPLY", "complete_bash"]), ("zsh", ["#compdef rjcli", "complete_zsh"])],
)
@pytest.mark.parametrize("own", ["/bin/bash", "/usr/bin/zsh", ""])
def test_script_is_for_the_shell_asked_for(
    run: Run, shell: str, marks: list[str], own: str
) -> None:
    """--show-completion prints the script of the shell that is named, whichever one asks."""
    shown = run("--show-completion", shell, SHELL=own).out
    assert all(mark in shown for mark in marks)


def test_real_bash_completes(rjcli: Rjcli, orders: str) -> None:
    """In an interactive bash, the tab key completes a column, its type, and runs nothing."""
    env = rjcli.environment({"TERM": "dumb", "INPUTRC": "/dev/null", "PS1": "$ "})
    with Terminal(["--norc", "--noprofile", "-i"], env, program=["bash"]) as terminal:
        terminal.type('cd; bind "set bell-style none"; source <(rjcli --show-completion bash)')
        terminal.type("echo rea''dy")
        terminal.wait_for("ready")
        terminal.press(f"rjcli push {orders} -t o -k i\t--type to\t")
        terminal.wait_for("-k id --type total=")
        terminal.press("st\t-k")
        terminal.wait_for("total=string -k")
    assert not (rjcli.home / "pwned").exists()
