"""The run of a load on disk: what it holds, when it is continued, and what is refused."""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from rjcli.errors import UsageError
from rjcli.run import LoadRequest, LoadRun, open_load_run
from rjcli.settings.choices import Resume
from rjcli.settings.values import RunSettings

TABLES = ("a", "b", "c")
IS_A_DIRECTORY = os.strerror(errno.EISDIR)


class Loads:
    """Opens the runs of one load, in a state directory of their own or where it is said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.runs = path / "rjcli" / "runs"
        self.notes: list[str] = []

    @contextmanager
    def open(
        self,
        name: str,
        resume: Resume = Resume.OFF,
        directory: Path | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> Iterator[LoadRun]:
        """Open a run of the load."""
        request = LoadRequest(
            settings=RunSettings(resume=resume, directory=str(directory) if directory else None),
            job={"load": "shop.toml"},
            name=name,
            environment="sandbox",
            options=dict(options),
            tables={table: {"keys": ["id"]} for table in TABLES},
            environ={"XDG_STATE_HOME": str(self.path)},
            note=self.notes.append,
        )
        with open_load_run(request) as run:
            yield run


@pytest.fixture
def loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Loads:
    """Loads with a home of their own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return Loads(tmp_path)


def job_of(run: LoadRun) -> dict[str, Any]:
    """What a load's run says that it was asked to do."""
    document: dict[str, Any] = json.loads((run.directory / "job.json").read_bytes())
    return document


@pytest.mark.parametrize("resume", [Resume.OFF, Resume.AUTO])
def test_new_load_says_what_it_is(loads: Loads, resume: Resume) -> None:
    """A new run has its request, its tables line by line, and its summary; nothing is noted."""
    with loads.open("new", resume, options={"jobs": 2}) as run:
        run.begin("a", Path("/runs/a"))
        run.give_up("b")
        run.conclude({"status": "complete"})
    job = job_of(run)
    assert datetime.fromisoformat(job.pop("started")).tzinfo
    assert job == {
        "run": "new",
        "job": {"load": "shop.toml"},
        "environment": "sandbox",
        "options": {"jobs": 2},
        "retries": None,
        "tables": {table: {"keys": ["id"]} for table in TABLES},
    }
    lines = filter(None, (run.directory / "tables.ndjson").read_text().splitlines())
    assert [*map(json.loads, lines)] == [
        {"table": "a", "run": "/runs/a"},
        {"table": "b", "run": None},
    ]
    assert json.loads((run.directory / "summary.json").read_bytes()) == {"status": "complete"}
    assert (run.directory, run.name, run.shown) == (loads.runs / "new", "new", "new")
    assert (run.starts_over, loads.notes) == (frozenset(), [])


@pytest.mark.parametrize(
    ("first", "starts_over"),
    [
        ({}, {"c"}),
        ({"resume": "false"}, {"c"}),
        ({"resume": "auto"}, set()),
        ({"resume": True}, set()),
    ],
)
def test_continued_load_is_the_one_that_was_begun(
    loads: Loads, first: dict[str, Any], starts_over: set[str]
) -> None:
    """It keeps name, place, time and tables; tables not begun start over if they were to."""
    with loads.open("first", options=first) as run:
        run.begin("a", Path("/runs/a"))
        run.give_up("b")
        run.conclude({})
    began = job_of(run)
    for name in ("second", "third"):
        with loads.open(name, Resume.ON, options={"resume": "true", "jobs": 3}) as again:
            assert not (again.directory / "summary.json").exists()
        assert (again.directory, again.name, again.shown) == (run.directory, "first", "first")
        assert again.starts_over == starts_over
        options = {"resume": first.get("resume", "off"), "jobs": 3}
        assert job_of(again) == {**began, "options": options}
    assert loads.notes == ["resuming the load first"] * 2
    assert [path.name for path in loads.runs.iterdir()] == ["first"]


def test_last_load_counts_unless_it_is_finished(loads: Loads) -> None:
    """A new run begins after one that is finished, and wherever resuming was not asked for."""
    for name in ("first", "second"):
        with loads.open(name) as run:
            assert run.name == name
    with loads.open("third", Resume.AUTO) as run:
        assert run.name == "second"
        for table in TABLES:
            run.give_up(table)
    with loads.open("fourth", Resume.ON) as run:
        assert (run.name, run.directory) == ("fourth", loads.runs / "fourth")


@pytest.mark.parametrize("is_named", [False, True])
def test_no_load_to_resume(loads: Loads, tmp_path: Path, *, is_named: bool) -> None:
    """Where nothing is to be resumed the message says so, and how to begin, which works."""
    directory = tmp_path / "run" if is_named else None
    with pytest.raises(UsageError) as caught, loads.open("load", Resume.ON, directory):
        pass
    assert caught.value.message == "there is no load to resume"
    assert caught.value.hint == (
        "load without --resume, or with --resume=auto, which starts one then"
    )
    with loads.open("load", Resume.AUTO, directory) as run:
        assert run.name == "load"


def test_load_in_a_directory_of_its_own(loads: Loads, tmp_path: Path) -> None:
    """It is shown by its directory, and what an earlier load left there is no part of a new one."""
    directory = tmp_path / "my run"
    with loads.open("first", directory=directory) as run:
        assert (run.name, run.directory, run.shown) == ("first", directory, f"'{directory}'")
        for table in TABLES:
            run.give_up(table)
        run.conclude({})
    with loads.open("second", directory=directory) as run:
        assert run.name == "second"
        assert sorted(path.name for path in directory.iterdir()) == ["job.json", "lock"]
    with loads.open("third", Resume.ON, directory) as run:
        assert (run.name, run.directory) == ("second", directory)


def test_what_cannot_be_written_is_named(loads: Loads) -> None:
    """The message says which file of the load it is, and where."""
    with loads.open("load") as run:
        where = run.directory
        (where / ".summary.json.new").mkdir()
        with pytest.raises(UsageError) as caught:
            run.conclude({})
        assert caught.value.message == f"cannot write summary.json in {where}: {IS_A_DIRECTORY}"
        (where / "tables.ndjson").mkdir()
        with pytest.raises(UsageError) as caught:
            run.begin("a", where)
        assert caught.value.message == f"cannot write tables.ndjson in {where}: {IS_A_DIRECTORY}"
        (where / "tables.ndjson").rmdir()
        (where / "tables.ndjson").symlink_to(where / "elsewhere")
        with pytest.raises(UsageError) as caught:
            run.give_up("a")
        path = where / "tables.ndjson"
        assert caught.value.message == f"the list of tables {path} is a symbolic link"
    (where / "summary.json").mkdir()
    with pytest.raises(UsageError) as caught, loads.open("load", Resume.ON):
        pass
    assert caught.value.message == f"cannot write in {where}: {IS_A_DIRECTORY}"
