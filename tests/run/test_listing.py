"""Past runs: what is read of each, how they are found, and which are deleted after a while."""

import json
import os
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rjcli.errors import UsageError
from rjcli.private_file import Directory, make_directory
from rjcli.run.checkpoint import Checkpoint
from rjcli.run.listing import RunRecord, find_run, list_runs, prune_runs, read_checkpoint
from rjcli.run.lock import Lock

STARTED = "2026-01-01T00:00:00+00:00"
JOB = {"table": "t", "files": ["a.csv"]}
GOOD = {"status": "rejects", "resumable": True, "records": {"read": 3, "accepted": 3}}


def checkpoint(records: int = 0, *, finished: bool = False) -> Checkpoint:
    """A checkpoint of a run that has settled so many records."""
    return Checkpoint(
        "run",
        JOB,
        STARTED,
        records=records,
        accepted=records,
        taken=records,
        without_values=[],
        finished=finished,
    )


class State:
    """A state directory, with runs as they are on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs = path / "runs"

    def write(self, path: Path, content: str | bytes) -> None:
        """Write a file for oneself alone."""
        path.touch(0o600)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def run(
        self, name: str, *, kept: Checkpoint | None = None, summary: Any = None, **job: Any
    ) -> Path:
        """Write the files of a run."""
        directory = self.runs / name
        make_directory(directory)
        document = {
            "run": name,
            "job": JOB,
            "started": STARTED,
            "environment": "sandbox",
            "options": {"keys": ["id"]},
            "retries": None,
        }
        self.write(directory / "job.json", json.dumps(document | job))
        if kept:
            self.write(directory / "checkpoint.json", kept.encode())
        if summary is not None:
            self.write(directory / "summary.json", json.dumps(summary))
        return directory

    def record(self, name: str, *lines: str, **files: Any) -> RunRecord:
        """Write the files of a run, with lines in its list of tables, and read it."""
        directory = self.run(name, **files)
        if lines:
            self.write(directory / "tables.ndjson", "\n".join(lines))
        record = RunRecord.read(directory)
        assert record
        return record


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state directory without runs."""
    return State(tmp_path / "state")


def test_record_has_all_that_a_run_wrote(state: State) -> None:
    """Each member of a run's files is where its reader looks for it."""
    record = state.record(
        "run",
        kept=checkpoint(3),
        summary=GOOD,
        retries="old",
        load="night",
    )
    assert record == RunRecord(
        directory=state.runs / "run",
        name="run",
        job=JOB,
        started=datetime.fromisoformat(STARTED),
        environment="sandbox",
        options={"keys": ["id"]},
        retries="old",
        load="night",
        tables=None,
        checkpoint=checkpoint(3),
        summary=GOOD,
        is_running=False,
    )
    assert (record.status, record.is_resumable, record.counts) == ("rejects", True, GOOD["records"])


@pytest.mark.parametrize(
    "summary",
    [
        {},
        {**GOOD, "status": 1},
        {**GOOD, "resumable": "yes"},
        {**GOOD, "records": {"read": "3"}},
        {**GOOD, "records": []},
        {"status": "complete", "resumable": True},
    ],
)
def test_damaged_summary_is_none(state: State, summary: dict[str, Any]) -> None:
    """A run whose summary is not well made counts as killed, with the counts of its prefix."""
    record = state.record("run", kept=checkpoint(3), summary=summary)
    assert (record.summary, record.status, record.is_resumable) == (None, "killed", True)
    assert record.counts == {"read": 3, "accepted": 3, "rejected": 0}


def test_tables_of_a_load(state: State) -> None:
    """Of each table the last line counts; other lines, and lines that are damaged, do not."""
    one = state.run("one", kept=checkpoint(3))
    lines = [
        *("", "{", "{}", "[]", "null", "5", "[" * 100_000),
        '{"table": [], "run": null}',
        '{"table": "a", "run": null}',
        json.dumps({"table": "a", "run": str(one)}),
        '{"table": "b", "run": 5}',
        '{"table": "c", "run": "/nowhere"}',
        json.dumps({"table": "d", "run": str(state.runs / "load")}),
        '{"table": "e", "run": null}',
        '{"table": "f", "run": "/cut o',
        '{"table": "not of this load", "run": null}',
    ]
    load = state.record("load", *lines, tables={table: {} for table in "abcdef"})
    expected = {"a": RunRecord.read(one), "b": True, "c": False, "d": False, "e": False, "f": True}
    assert load.table_runs() == expected
    assert load.counts == {"read": 3, "accepted": 3, "rejected": 0}


def test_list_of_tables_that_is_not_ours_is_none(state: State, tmp_path: Path) -> None:
    """A symbolic link in the place of the list is not followed: all tables are left to do."""
    state.write(tmp_path / "elsewhere", '{"table": "a", "run": null}\n')
    load = state.record("load", tables={"a": {}})
    (load.directory / "tables.ndjson").symlink_to(tmp_path / "elsewhere")
    assert load.table_runs() == {"a": True}


@pytest.mark.parametrize("tables", [5, "a", [1]])
def test_load_whose_tables_are_damaged_is_none(state: State, tables: Any) -> None:
    """A load whose tables cannot be read is passed over where runs are listed."""
    state.run("load", tables=tables)
    assert list_runs(state.path) == []


def test_runs_are_listed_from_the_newest(state: State) -> None:
    """The order is that of the moments, whatever the names and the time zones."""
    moments = {
        "b": "2026-01-01T12:00:00+00:00",
        "a": "2026-01-01T12:30:00+02:00",
        "d": "2026-01-02T00:00:00+00:00",
        "c": "2025-01-02T00:00:00+00:00",
    }
    for name, started in moments.items():
        state.run(name, started=started)
    assert [run.name for run in list_runs(state.path)] == ["d", "b", "a", "c"]


def test_run_is_found_by_name_start_and_directory(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole name counts before names that begin so; with a slash it is a directory."""
    for name in ("run", "run-1", "other", "[a-z]"):
        state.run(name)
    for name, expected in {"run": "run", "run-": "run-1", "o": "other", "[a": "[a-z]"}.items():
        assert find_run(state.path, name).name == expected
    monkeypatch.chdir(state.runs)
    assert find_run(state.path / "nowhere", "./run-1").directory == state.runs / "run-1"
    inner = state.runs / "other" / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert find_run(state.path, "..").name == "other"
    monkeypatch.chdir(state.runs / "run")
    assert find_run(state.path, ".").name == "run"


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("r", "r may be several runs: r1, r2, r3, r4, r5", "write more of the name"),
        ("s", "s may be several runs: s1, s2", "write more of the name"),
        ("x", "there is no run x", "rjcli runs lists them"),
        ("*", "there is no run *", "rjcli runs lists them"),
        ("./r1", "there is no run ./r1", "rjcli runs lists them"),
    ],
)
def test_run_that_is_not_found(state: State, name: str, message: str, hint: str) -> None:
    """A name of no run is refused, and one of several with the first five of them."""
    for each in ("r6", "r5", "r4", "r3", "r2", "r1", "s2", "s1"):
        state.run(each)
    with pytest.raises(UsageError) as caught:
        find_run(state.path, name)
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_runs_of_long_ago_are_deleted(state: State) -> None:
    """Those go that are older than 30 days and done; what can be of use to anyone stays."""
    done = checkpoint(3, finished=True)
    (state.run("damaged", kept=done) / "job.json").write_text("{")
    state.run("finished", kept=done)
    state.run("young", kept=done)
    state.run("without-progress", kept=checkpoint())
    state.run("resumable", kept=checkpoint(3))
    state.write(state.run("rejects", kept=done) / "rejects.csv", "id\n")
    retried = state.run("retried", kept=done)
    for name in ("rejects.csv", "retried"):
        state.write(retried / name, "")
    state.run("damaged-checkpoint")
    state.run("load-left", tables={"a": {}})
    state.record("load-done", '{"table": "a", "run": null}', tables={"a": {}})
    running = state.run("running", kept=done)
    with Directory(running) as directory, Lock(directory, "lock", "it", STARTED):
        for directory_ in state.runs.iterdir():
            days = 29 if directory_.name == "young" else 31
            os.utime(directory_, times=(0, time.time() - days * 86_400))
        prune_runs(state.path)
    assert {path.name for path in state.runs.iterdir()} == {
        "damaged",
        "young",
        "resumable",
        "rejects",
        "damaged-checkpoint",
        "load-left",
        "running",
    }


@pytest.mark.parametrize("is_link", [False, True])
def test_checkpoint_that_cannot_be_read_is_named(state: State, *, is_link: bool) -> None:
    """The message says which file it is, and None is only for a missing one."""
    directory = state.run("run")
    assert read_checkpoint(directory) is None
    path = directory / "checkpoint.json"
    if is_link:
        path.symlink_to(directory / "job.json")
        message = f"the checkpoint {path} is a symbolic link"
    else:
        state.write(path, "{}")
        message = f"the checkpoint {path} is damaged"
    with pytest.raises(UsageError) as caught:
        read_checkpoint(directory)
    assert caught.value.message == message
