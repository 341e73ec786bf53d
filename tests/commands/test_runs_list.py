"""`rjcli runs`: its list, and what it deletes."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run, run

__all__ = ["run"]


@pytest.fixture
def names(run: Run, tmp_path: Path) -> list[str]:
    """Three runs, the newest first: of table b with a reject, and two of table a."""
    (tmp_path / "a.ndjson").write_text('{"id": 1}\n')
    (tmp_path / "b.ndjson").write_text('{"id": 1}\n{"no": 1}\n')
    found = []
    for table in ("a", "a", "b"):
        words = ("push", f"{table}.ndjson", "-t", table, "-k", "id", "--env", "local", "--json")
        found.append(str(json.loads(run(*words).out)["run"]))
    return found[::-1]


def listed(run: Run, *words: str) -> list[str]:
    """The names of the runs that a command line lists."""
    return [each["run"] for each in json.loads(run("runs", *words, "--json").out)["runs"]]


def test_list_is_a_table(run: Run, names: list[str]) -> None:
    """Runs are listed under a header, the newest first, in 80 columns and without colours."""
    header, *rows = run("runs").out.splitlines()
    assert header.split() == ["RUN", "STATUS", "ENV", "READ", "ACCEPTED", "REJECTED"]
    assert [row.split() for row in rows] == [
        [names[0], "rejects", "local", "2", "1", "1"],
        [names[1], "complete", "local", "1", "1", "0"],
        [names[2], "complete", "local", "1", "1", "0"],
    ]
    assert max(map(len, [header, *rows])) <= 80


def test_list_is_cut_and_says_so(run: Run, names: list[str]) -> None:
    """--limit shows the newest; --status, --table and --older-than choose; JSON has all."""
    assert len(run("runs", "--limit", "1").out.splitlines()) == 2
    assert listed(run, "--limit", "2") == names[:2]
    assert listed(run) == names
    assert listed(run, "--status", "rejects") == names[:1]
    assert listed(run, "-t", "a") == names[1:]
    assert listed(run, "--older-than", "1d") == []
    assert listed(run, "--older-than", "0s") == names
    assert run("runs", "--status", "rejected").code == 2


def test_run_is_shown_by_how_its_name_begins(run: Run, names: list[str]) -> None:
    """`rjcli runs RUN` takes the beginning of one name, and says what to do next."""
    shown = run("runs", names[0][:-1])
    assert f"once the rejects are fixed: rjcli retry {names[0]}" in shown.out
    [known] = json.loads(run("runs", "--json", "--status", "rejects").out)["runs"]
    assert json.loads(run("runs", names[0], "--json").out) == known
    members = ("base_url", "client_id", "keys", "batches", "requests", "message", "hint", "error")
    assert known.keys() >= {*members}
    assert known["keys"] == ["id"]
    assert run("runs", names[0][:2]).code == 2


def test_runs_are_deleted(run: Run, names: list[str]) -> None:
    """`rjcli runs rm` deletes the runs named, or those that options select."""
    assert run("runs", "rm", names[2]).out == f"deleted: {names[2]}\n"
    assert listed(run) == names[:2]
    done = run("runs", "rm", "--older-than", "0s")
    assert f"kept: with {names[0]} would be lost: 1 reject not fixed yet" in done.err
    assert listed(run) == names[:1]


def test_unfinished_work_is_deleted_only_by_force(run: Run, names: list[str]) -> None:
    """A run with rejects is deleted only with --force, and then it is said what was lost."""
    done = run("runs", "rm", *names)
    assert done.code == 2
    assert f"with {names[0]} would be lost: 1 reject not fixed yet" in done.err
    assert "rjcli retry" in done.err
    assert listed(run) == names
    done = run("runs", "rm", "--force", *names)
    assert f"lost with {names[0]}: 1 reject not fixed yet" in done.err
    assert listed(run) == []


@pytest.mark.parametrize("words", [[], ["--limit", "1"], ["nonsense"], ["--force"]])
def test_nothing_is_deleted_by_mistake(run: Run, names: list[str], words: list[str]) -> None:
    """`rm` without a choice, with a variable's choice, or with a wrong name deletes nothing."""
    assert run("runs", "rm", *words, RJCLI_TABLE="a").code == 2
    assert listed(run) == names
