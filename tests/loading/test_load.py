"""Loads: tables side by side, each with its own run; what fails, stops and goes on later."""

import asyncio
import json
import threading
import time
from pathlib import Path

import orjson
import pytest

import rjcli
from rjcli.loading.outcome import urgency
from tests.conftest import LocalApi, Serve
from tests.loading.conftest import Folder, Tables
from tests.support.scripted import Request, Script, always, answer

DENIED = answer(401, b'{"code":401}')
BAD = b'{"id":\n'


def three(folder: Folder, top: str = "", count: int = 250) -> None:
    """A load of three tables of so many records each."""
    for table in "abc":
        folder.records(f"{table}.ndjson", range(count))
    folder.entries(top, **{table: f'files = "{table}*.ndjson"' for table in "abc"})


def stopping_after(requests: int) -> Script:
    """Accept so many requests, and be gone for one; accept all others."""
    count = 0

    async def script(_: Request) -> bytes | None:
        nonlocal count
        count += 1
        return None if count == requests + 1 else answer()

    return script


def test_all_tables_land(folder: Folder, local_api: LocalApi) -> None:
    """Each table gets its records, and the totals are the sums."""
    three(folder)
    result = folder.load(local_api).check()
    assert (result.status, result.read, result.accepted, result.requests) == (
        "complete",
        750,
        750,
        9,
    )
    assert [each.accepted for each in result.tables.values()] == [250, 250, 250]
    assert all(len(local_api.records(table)) == 250 for table in "abc")


def test_a_table_that_fails_does_not_stop_the_others(folder: Folder, serve: Serve) -> None:
    """The others are loaded, the exit code is the worst, and resuming loads the rest alone."""
    three(folder, "parallel = 1\njobs = 1")
    tables = Tables(serve, {"a": stopping_after(1)})
    result = folder.load(tables.server)
    assert (result.exit_code, result.status) == (5, "failed")
    assert [each.exit_code for each in result.tables.values()] == [5, 0, 0]
    assert len(tables.ids["a"]) == 100
    assert result.message
    assert "a: " in result.message
    again = folder.load(tables.server, resume=True)
    assert (again.exit_code, again.accepted, again.requests, again.run) == (0, 750, 2, result.run)
    assert tables.ids == {table: [*range(250)] for table in "abc"}
    with pytest.raises(rjcli.UsageError, match="no load to resume"):
        folder.load(tables.server, "a", resume=True)


def test_a_wait_holds_all_tables(folder: Folder, serve: Serve) -> None:
    """After a 503 with Retry-After on one table, no table sends anything before its time."""
    times: list[tuple[float, str]] = []
    is_first = True

    async def busy(request: Request) -> bytes:
        nonlocal is_first
        times.append((time.monotonic(), request.target))
        if is_first:
            is_first = False
            return answer(503, b"{}", Retry_After="1")
        return answer()

    three(folder, "jobs = 1\nbatch-size = 50", count=200)
    result = folder.load(serve(busy), retry_for=60)
    assert result.exit_code == 0
    assert len({target for _, target in times}) == 3
    assert times[1][0] - times[0][0] > 0.9


def test_a_denied_table_stops_all(folder: Folder, serve: Serve) -> None:
    """A 401 for one table stops all: those not begun are not begun."""
    three(folder, "parallel = 1")
    tables = Tables(serve, {"a": always(DENIED)})
    result = folder.load(tables.server)
    assert (result.exit_code, result.error) == (4, "access")
    assert [each.exit_code for each in result.tables.values()] == [4, 4, 4]
    assert not tables.ids
    fixed = Tables(serve, {})
    assert folder.load(fixed.server, resume="auto").accepted == 750


def test_later_nights_send_what_is_new(folder: Folder, serve: Serve) -> None:
    """A file more is all that is sent, and old rejects turn no later night red."""
    folder.records("a-1.ndjson", range(3), BAD)
    folder.records("b.ndjson", range(3))
    folder.entries("max-rejects = 1", a='files = "a-*"', b='files = "b.ndjson"')
    tables = Tables(serve, {})
    first = folder.load(tables.server, resume="auto")
    assert (first.exit_code, first.rejected) == (3, 1)
    second = folder.load(tables.server, resume="auto")
    assert (second.exit_code, second.requests, second.rejected) == (0, 0, 1)
    assert second.run != first.run
    folder.records("a-2.ndjson", range(3, 6))
    third = folder.load(tables.server, resume="auto")
    assert (third.exit_code, third.requests, third.accepted) == (0, 1, 9)
    folder.records("a-3.ndjson", range(6, 9), BAD)
    fourth = folder.load(tables.server, resume="auto")
    assert (fourth.exit_code, fourth.rejected) == (3, 2)
    assert tables.ids == {"a": [*range(9)], "b": [0, 1, 2]}


def test_a_file_before_others_sends_all_again(folder: Folder, serve: Serve) -> None:
    """A new file that sorts before those that were loaded has all sent, so that later ones stay."""
    folder.records("a-2.ndjson", [2])
    folder.entries("jobs = 1\nbatch-size = 1", a='files = "a-*"')
    tables = Tables(serve, {})
    folder.load(tables.server, resume="auto").check()
    folder.records("a-1.ndjson", [1])
    notes: list[str] = []
    folder.load(tables.server, resume="auto", on_note=notes.append).check()
    assert tables.ids["a"] == [2, 1, 2]
    assert any("the files are not those of" in note for note in notes)


def test_types_of_a_table_are_kept(folder: Folder, serve: Serve) -> None:
    """A later load keeps a table's column types, and sends nothing that no longer fits."""
    for table in "ab":
        (folder.path / f"{table}.csv").write_text("id,zip\n1,2\n")
    folder.entries(a='files = "a.csv"', b='files = "b.csv"')
    tables = Tables(serve, {})
    folder.load(tables.server).check()
    (folder.path / "a.csv").write_text("id,zip\n1,x\n")
    result = folder.load(tables.server, dry_run=True)
    assert [each.exit_code for each in result.tables.values()] == [2, 0]
    result = folder.load(tables.server)
    assert [each.exit_code for each in result.tables.values()] == [2, 0]
    assert "column 'zip' is integer" in (result.message or "")
    assert tables.ids == {"a": [1], "b": [1, 1]}


def test_what_a_first_load_did_not_come_to_is_sent_anew(folder: Folder, serve: Serve) -> None:
    """A load that was to send everything again does so, though it is resumed with auto."""
    three(folder, "parallel = 1", count=3)
    folder.load(Tables(serve, {}).server, resume="auto").check()
    tables = Tables(serve, {"a": always(DENIED)})
    assert folder.load(tables.server).exit_code == 4
    tables = Tables(serve, {})
    assert folder.load(tables.server, resume="auto").check()
    assert tables.ids == {table: [0, 1, 2] for table in "abc"}


def test_runs_are_linked(folder: Folder, serve: Serve) -> None:
    """The run of a load names those of its tables, and keeps the summary of all."""
    three(folder, count=3)
    result = folder.load(Tables(serve, {}).server)
    assert result.run_dir
    directory = Path(result.run_dir)
    assert directory.stat().st_mode & 0o777 == 0o700
    lines = (directory / "tables.ndjson").read_text().split("\n")
    found = {line["table"]: line["run"] for line in map(json.loads, filter(None, lines))}
    assert found == {table: each.run_dir for table, each in result.tables.items()}
    summary = json.loads((directory / "summary.json").read_text())
    assert summary["records"]["accepted"] == 9
    assert {*summary["tables"]} == {*"abc"}
    job = json.loads((Path(found["a"]) / "job.json").read_text())
    assert job["load"] == result.run


def test_a_directory_of_its_own(folder: Folder, serve: Serve, tmp_path: Path) -> None:
    """With run_dir the load and its tables are kept there, and resumed from there."""
    three(folder, "parallel = 1\njobs = 1")
    tables = Tables(serve, {"a": stopping_after(1)})
    directory = tmp_path / "kept"
    result = folder.load(tables.server, run_dir=directory)
    assert (result.exit_code, result.run_dir) == (5, str(directory))
    assert result.tables["a"].run_dir == str(directory / "tables" / "a")
    with pytest.raises(rjcli.UsageError, match="holds a run that can be resumed"):
        folder.load(tables.server, run_dir=directory)
    again = folder.load(tables.server, run_dir=directory, resume=True)
    assert (again.exit_code, again.requests) == (0, 2)


def test_the_same_load_runs_once(folder: Folder, serve: Serve) -> None:
    """A second load of the same file ends with 5 while the first one goes on."""
    began, release = threading.Event(), threading.Event()

    async def wait(_: Request) -> bytes:
        began.set()
        while not release.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        return answer()

    three(folder, count=3)
    server = serve(wait)
    results: list[rjcli.LoadResult] = []
    thread = threading.Thread(target=lambda: results.append(folder.load(server)))
    thread.start()
    began.wait(10)
    second = folder.load(server, resume="auto")
    release.set()
    thread.join()
    assert (second.exit_code, second.tables) == (5, {})
    assert second.message
    assert "the same load" in second.message
    assert results[0].exit_code == 0


def test_a_table_pushed_elsewhere_fails_alone(folder: Folder, serve: Serve) -> None:
    """A table that another push holds ends with 5, and is left for later; the others are loaded."""
    began, release = threading.Event(), threading.Event()

    async def wait(_: Request) -> bytes:
        began.set()
        while not release.is_set():  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        return answer()

    three(folder, count=3)
    tables = Tables(serve, {"a": wait})
    thread = threading.Thread(target=lambda: folder.load(tables.server, "a"))
    thread.start()
    began.wait(10)
    result = folder.load(tables.server)
    release.set()
    thread.join()
    assert [each.exit_code for each in result.tables.values()] == [5, 0, 0]
    again = folder.load(tables.server, resume="auto")
    assert (again.exit_code, again.run) == (0, result.run)


def test_at_most_so_many_tables_at_a_time(folder: Folder, serve: Serve) -> None:
    """With parallel = 2 a third table is not sent before one of the first has ended."""
    open_tables: set[str] = set()
    most = 0

    async def script(request: Request) -> bytes:
        nonlocal most
        open_tables.add(request.target)
        most = max(most, len(open_tables))
        await asyncio.sleep(0.01)
        if orjson.loads(request.body)[-1]["id"] == 249:
            open_tables.remove(request.target)
        return answer()

    three(folder, "parallel = 2\njobs = 2\nbatch-size = 50")
    assert folder.load(serve(script)).exit_code == 0
    assert most <= 2


def test_a_dry_run_sends_nothing(folder: Folder, serve: Serve) -> None:
    """A dry run reads everything, says what would be sent, and leaves no load to resume."""
    three(folder, count=3)
    folder.records("c.ndjson", range(3), BAD)
    server = serve(always(answer()))
    result = folder.load(server, dry_run=True)
    assert (result.exit_code, result.read, result.unsent, result.rejected) == (3, 10, 9, 1)
    assert (result.run, server.requests) == (None, [])


def test_callbacks_name_the_table(folder: Folder, serve: Serve) -> None:
    """Rejected records come with their table, and an error of the callback stops the load."""
    three(folder, count=3)
    folder.records("c.ndjson", range(3), BAD)
    server = serve(always(answer()))
    seen: list[tuple[str, int]] = []
    result = folder.load(server, on_reject=lambda table, each: seen.append((table, each.number)))
    assert seen == [("c", 4)]
    assert [len(each.rejects) for each in result.tables.values()] == [0, 0, 1]
    with pytest.raises(rjcli.NotAllAcceptedError):
        result.check()

    def fail(*_: object) -> None:
        raise LookupError

    stopped = folder.load(server, on_reject=fail)
    assert isinstance(stopped.cause, LookupError)
    assert stopped.exit_code == 6


def test_urgency() -> None:
    """Of several exit codes the one counts that a person must see to first."""
    codes = [143, 1, 4, 2, 6, 5, 3, 0]
    assert [*map(urgency, codes)] == [*range(8)]
    assert urgency(129) == urgency(130)
