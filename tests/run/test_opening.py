"""Opening a run: which one is resumed, and what damaged state does."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rjcli.errors import UnfinishedError, UsageError
from rjcli.model import InputForm, Rejection, Stage
from rjcli.run import (
    Ledger,
    Run,
    RunRequest,
    find_run,
    list_runs,
    open_run,
    open_table_types,
)
from rjcli.run.prefix import Prefix
from rjcli.run.run import Position
from rjcli.settings.choices import Resume
from rjcli.settings.values import RunSettings

STATE = ".local/state/rjcli"


class Runs:
    """Opens runs with a home of their own."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", str(home))
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
        self.state = home / STATE
        self.notes: list[str] = []

    @contextmanager
    def open(
        self,
        name: str,
        files: tuple[str, ...] = ("a.csv",),
        *,
        resume: Resume = Resume.OFF,
        settings: RunSettings = RunSettings(),  # noqa: B008 - frozen
        **job: Any,
    ) -> Iterator[Run]:
        """Open a run of a job."""
        identity = {"table": "t", "files": [*files], **job}
        settings = replace(settings, resume=resume)
        with open_run(self.request(name, identity, settings)) as run:
            yield run

    def request(
        self,
        name: str,
        job: dict[str, Any],
        settings: RunSettings = RunSettings(),  # noqa: B008 - frozen
    ) -> RunRequest:
        """What is wanted of a run of a job."""
        target = ("http://h/v2", 1, "t")
        return RunRequest(settings, job, target, 60.0, name, "custom", {}, {}, self.notes.append)

    def finish(self, name: str, *files: str, **options: Any) -> Path:
        """Open a run and bring it to its end."""
        with self.open(name, files or ("a.csv",), **options) as run:
            ledger = Ledger(run)
            ledger.close_span(1, b"digest", None, 0)
            ledger.close(None)
            run.conclude({"status": "complete", "resumable": False, "records": {"read": 0}})
            return run.directory


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Runs in a home of their own."""
    return Runs(tmp_path, monkeypatch)


def test_last_run_is_resumed_whatever_the_clock_said(runs: Runs) -> None:
    """The run that began last is resumed, though its name and time say that it is older."""
    runs.finish("20261231-000000-t-aaaa")
    runs.finish("20250101-000000-t-bbbb")
    with runs.open("20260101-000000-t-cccc", resume=Resume.ON) as run:
        assert run.name == "20250101-000000-t-bbbb"


def test_more_inputs_at_the_end_are_the_same_job(runs: Runs) -> None:
    """A folder that gained files goes on with its run; other files are another job."""
    runs.finish("run", "a.csv", "b.csv")
    with runs.open("more", ("a.csv", "b.csv", "c.csv"), resume=Resume.ON) as run:
        assert run.name == "run"
        Ledger(run).close(None)
    with runs.open("same", ("a.csv", "b.csv", "c.csv"), resume=Resume.ON) as run:
        assert run.name == "run"
    for files in [("a.csv",), ("b.csv", "a.csv"), ("c.csv",)]:
        with pytest.raises(UsageError, match="no run to resume"):
            runs.finish("none", *files, resume=Resume.ON)
        name = f"new-{len(files)}-{files[0]}"
        with runs.open(name, files, resume=Resume.AUTO) as run:
            assert run.resumed is None


def leave(run: Run, *, finished: bool = False) -> None:
    """Stop after 1,234 records, as if killed, with work left to do or without."""
    prefix = Prefix()
    prefix.close(1_234, b"digest")
    assert len([*prefix.advance()]) == 1
    run.save(Position(prefix, None, finished=finished), 0.0)


def refusal(name: str, difference: str) -> tuple[str, str]:
    """The message and the hint for a push that is not the one to resume."""
    return (
        f"this push is not the one to resume, {name}: {difference}",
        f"rjcli runs {name} shows how to resume that one; without --resume a new run is started",
    )


def test_job_that_differs_a_little_is_not_resumed(runs: Runs) -> None:
    """Where a run of the same files is left, another job is refused, and how it differs is said."""
    with runs.open("left", ("a.csv", "b.csv")) as run:
        leave(run)
    runs.finish("other", "b.csv", "c.csv", table="u")
    others: list[tuple[dict[str, Any], str]] = [
        ({"table": "u"}, 'table: "u" now, "t" before'),
        ({"null": "x"}, 'null: "x" now, not given before'),
    ]
    for job, difference in others:
        with (
            pytest.raises(UsageError) as caught,
            runs.open("n", ("a.csv", "b.csv"), resume=Resume.ON, **job),
        ):
            pass
        assert (caught.value.message, caught.value.hint) == refusal("left", difference)
    note = "the files are not those of other with others after them"
    assert runs.notes == [note]


def test_named_directory_of_another_job_is_not_resumed(runs: Runs, tmp_path: Path) -> None:
    """A --run-dir of another job is refused to resume, and how it differs is said."""
    settings = RunSettings(directory=str(tmp_path / "run"))
    runs.finish("run", settings=settings)
    with (
        pytest.raises(UsageError) as caught,
        runs.open("next", settings=settings, resume=Resume.AUTO, table="u"),
    ):
        pass
    expected = refusal("run", 'table: "u" now, "t" before')
    assert (caught.value.message, caught.value.hint) == expected


def test_resumed_run_is_the_new_job_from_the_start(runs: Runs) -> None:
    """What goes on is said, and is kept at once: more inputs, and that there is work to do."""
    with runs.open("run") as run:
        leave(run, finished=True)
    with runs.open("next", ("a.csv", "b.csv"), resume=Resume.ON):
        pass
    assert runs.notes == ["resuming run after its first 1,234 records"]
    [left] = list_runs(runs.state)
    assert left.is_resumable
    assert left.checkpoint
    job = {"table": "t", "files": ["a.csv", "b.csv"]}
    assert (left.job, left.checkpoint.job, left.checkpoint.records) == (job, job, 1_234)


def test_summary_that_cannot_be_removed_is_an_error(runs: Runs) -> None:
    """What is in the place of a summary ends a push that resumes, and the directory is named."""
    directory = runs.finish("run")
    (directory / "summary.json").unlink()
    (directory / "summary.json").mkdir()
    with pytest.raises(UsageError) as caught, runs.open("next", resume=Resume.ON):
        pass
    assert caught.value.message == f"cannot write in {directory}: Is a directory"


def test_without_a_state_directory_no_types_are_known(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A push that has no state directory knows no column types, and says nothing about it."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    known = open_table_types(runs.request("run", {})).known
    assert (known.types, known.error) == ({}, None)


def test_same_job_is_held_by_one_process(runs: Runs) -> None:
    """While a run is open, its job and its directory are refused to others: exit 5."""
    with runs.open("one") as run:
        with pytest.raises(UnfinishedError, match="at work on the same job"), runs.open("two"):
            pass
        taken = RunSettings(directory=str(run.directory))
        with (
            pytest.raises(UnfinishedError, match="at work on"),
            runs.open("three", ("other.csv",), settings=taken),
        ):
            pass


DAMAGE = [b"", b"\xff\xfe", b"null", b"[]", b"{}", b"[" * 100_000, b'{"run": 1, "job": 2}', b"{"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["job.json", "summary.json", "checkpoint.json", "lock"])
def test_damaged_run_harms_no_other(runs: Runs, name: str, damage: bytes) -> None:
    """Whatever is in one run's files, all others are listed, found and resumed."""
    runs.finish("good")
    bad = runs.finish("bad", "b.csv")
    (bad / name).write_bytes(damage)
    assert "good" in [run.name for run in list_runs(runs.state)]
    for run in list_runs(runs.state):
        assert run.status
        assert isinstance(run.is_resumable, bool)
        assert all(type(number) is int for number in run.counts.values())
    assert find_run(runs.state, "good").name == "good"
    with runs.open("next", resume=Resume.ON) as opened:
        assert opened.name == "good"


@pytest.mark.parametrize("damage", [*DAMAGE, b'{"version": 99}'])
@pytest.mark.parametrize("is_named", [False, True], ids=["state", "run-dir"])
def test_damaged_checkpoint_names_a_way_out_that_works(
    runs: Runs, tmp_path: Path, damage: bytes, *, is_named: bool
) -> None:
    """A checkpoint that cannot be read is refused to resume; without --resume the push begins."""
    settings = RunSettings(directory=str(tmp_path / "run") if is_named else None)
    directory = runs.finish("run", settings=settings)
    (directory / "checkpoint.json").write_bytes(damage)
    with (
        pytest.raises(UsageError) as caught,
        runs.open("next", resume=Resume.ON, settings=settings),
    ):
        pass
    assert "checkpoint" in caught.value.message
    assert ("newer rjcli" in caught.value.message) is (b"99" in damage)
    assert "without --resume" in str(caught.value.hint)
    with runs.open("next", settings=settings) as run:
        assert run.resumed is None


def test_rejects_that_were_changed_are_not_gone_on_with(runs: Runs) -> None:
    """Rejects shorter than the checkpoint says are refused to resume, with a way out."""
    directory = runs.finish("run")
    checkpoint = json.loads((directory / "checkpoint.json").read_bytes())
    checkpoint["sizes"] = {"rejects.ndjson": 10}
    (directory / "checkpoint.json").write_text(json.dumps(checkpoint))
    (directory / "rejects.ndjson").touch(0o600)
    (directory / "rejects.ndjson").write_text("short")
    with pytest.raises(UsageError, match="has been changed"), runs.open("next", resume=Resume.ON):
        pass


def test_deleted_working_directory_is_no_crash(
    runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run begins also where the working directory is gone."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    runs.finish("run")


def reject(run: Run, text: bytes) -> None:
    """Reject one record, and save."""
    run.start_input(1, InputForm())
    run.reject([Rejection(Stage.READ, "a.csv", 1, 1, text, ("bad",), position=1)])
    run.save(Position(Prefix(), None), 0.0)


def test_run_stays_in_its_directory(runs: Runs, tmp_path: Path) -> None:
    """What is put in the place of a run's directory gets none of its files."""
    with runs.open("run") as run:
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        run.directory.rename(tmp_path / "moved")
        run.directory.symlink_to(elsewhere)
        reject(run, b"[")
        run.conclude({})
    assert list(elsewhere.iterdir()) == []
    assert (tmp_path / "moved" / "rejects.ndjson").read_bytes() == b"[\n"
    assert (tmp_path / "moved" / "summary.json").exists()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_a_run_leaves_is_private(runs: Runs, tmp_path: Path, umask: int) -> None:
    """Directories have mode 0700 and files 0600, whatever the umask."""
    before = os.umask(umask)
    try:
        with runs.open("run") as run:
            reject(run, b"[")
            run.conclude({})
    finally:
        os.umask(before)
    made = [*(tmp_path / ".local").rglob("*")]
    assert {path.name for path in made} > {"runs", "locks", "index", "tables", "rejects.ndjson"}
    for path in made:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize("place", ["", ".local", ".local/state", STATE, f"{STATE}/locks"])
def test_state_that_others_can_change_is_refused(runs: Runs, tmp_path: Path, place: str) -> None:
    """If others can change the state directory, or one above it up to home, there is no run."""
    runs.finish("run")
    (tmp_path / place).chmod(0o777)
    with pytest.raises(UsageError, match="others can change the directory"), runs.open("next"):
        pass
    (tmp_path / place).chmod(0o700)
    runs.finish("next")


def test_run_directory_may_be_in_a_shared_place(runs: Runs, tmp_path: Path) -> None:
    """--run-dir may be where others have theirs, as in /tmp, but must not be changed by others."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    settings = RunSettings(directory=str(shared / "run"))
    assert runs.finish("run", settings=settings).stat().st_mode & 0o777 == 0o700
    (shared / "run").chmod(0o770)
    with pytest.raises(UsageError, match="others can change"), runs.open("next", settings=settings):
        pass


@pytest.mark.parametrize(
    "pattern", ["locks/*.lock", "runs/run/lock", "runs/run/rejects.ndjson", "tables/*/*.ndjson"]
)
def test_file_with_a_second_name_is_refused(runs: Runs, tmp_path: Path, pattern: str) -> None:
    """A lock or another file of a run that has a second name is not opened, with a way out."""
    with runs.open("run") as run:
        reject(run, b"[")
    [path] = runs.state.glob(pattern)
    os.link(path, tmp_path / "second")
    with (
        pytest.raises(UsageError, match=f"{path} has more than one name"),
        runs.open("run", resume=Resume.ON),
    ):
        pass
    (tmp_path / "second").unlink()
    with runs.open("run", resume=Resume.ON):
        pass


def test_index_that_is_damaged_is_read_as_far_as_it_can_be(runs: Runs) -> None:
    """Bytes in the index of runs that are no text do not hide the runs on its other lines."""
    with runs.open("run") as run:
        reject(run, b"[")
    [index] = (runs.state / "index").iterdir()
    index.write_bytes(b"\xff\xfe\n" + index.read_bytes() + b'"\xff')
    with runs.open("next", resume=Resume.ON) as resumed:
        assert resumed.name == "run"
