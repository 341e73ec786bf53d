"""`rjcli load` as a process: what it prints, how it stops, and how it goes on after that."""

import asyncio
import json
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from rjcli.events import Counts, Progressed, RunDescription, Started
from rjcli.report import LoadReport
from rjcli.settings.commands import OutputSettings
from tests.commands.test_resume import start, wait_until
from tests.conftest import Rjcli, Serve
from tests.support.faulty import FaultyTable
from tests.support.scripted import Request, ScriptedServer, always, answer
from tests.support.terminal import Terminal

TABLES = ("customers", "lines", "orders")


class Shop:
    """Three tables of versioned records, where keys repeat, on a server with faults."""

    def __init__(self, rjcli: Rjcli, serve: Serve, **faults: Any) -> None:
        self.rjcli = rjcli
        self.tables = {
            name: FaultyTable(seed=number, **faults) for number, name in enumerate(TABLES)
        }
        self.server = serve(self._answer)
        self.last: dict[str, dict[int, int]] = {name: {} for name in TABLES}
        entries = [
            f'[[load]]\ntable = "{name}"\nkeys = ["id"]\nfiles = "{name}-*"\n' for name in TABLES
        ]
        top = f'base-url = "{self.server.base_url}"\nparallel = 2\nretry-for = 60\nsettle = 0\n'
        (rjcli.home / "shop.toml").write_text(top + "\n".join(entries))

    def write(self, table: str, night: int, count: int) -> None:
        """Write a file of a table."""
        numbers = range(night * 10**6, night * 10**6 + count)
        records = [{"id": number % (count // 3), "version": number} for number in numbers]
        self.last[table].update((each["id"], each["version"]) for each in records)
        lines = b"".join(orjson.dumps(each) + b"\n" for each in records)
        (self.rjcli.home / f"{table}-{night}.ndjson").write_bytes(lines)

    async def _answer(self, request: Request) -> bytes | None:
        found = re.search("/table/([a-z_]+)/", request.target)
        assert found
        return await self.tables[found[1]](request)

    def check(self) -> None:
        """Every key has its last version."""
        assert {name: table.versions for name, table in self.tables.items()} == self.last


ENV = {"RJCLI_RETRY_FOR": "60"}


def document(done: "subprocess.CompletedProcess[str]") -> Any:
    """What was printed with --json; nothing else may be."""
    [line] = done.stdout.splitlines()
    found = json.loads(line)
    assert done.returncode == found["exit_code"]
    for each in [found, *found["tables"].values()]:
        counts = dict(each["records"])
        assert counts.pop("read") == sum(counts.values())
    return found


def test_a_killed_load_is_resumed_and_goes_on_the_next_night(rjcli: Rjcli, serve: Serve) -> None:
    """Whatever the faults and wherever it is killed, the last versions stay in all tables."""
    shop = Shop(rjcli, serve, fail=0.05, drop=0.02, drop_after_apply=0.02, delay=0.005)
    for table in TABLES:
        shop.write(table, 1, 3000)
    process = start(rjcli, "load", "shop.toml", "--json", env=ENV)
    wait_until(lambda: len(shop.server.requests) >= 25)
    process.kill()
    process.communicate()
    [load] = [each["run"] for each in runs(rjcli) if each["tables"] is not None]
    shown = rjcli("runs", load).stdout
    assert "killed" in shown
    assert "orders: not begun" in shown
    done = document(rjcli("resume", load, "--json", env=ENV))
    assert (done["run"], done["exit_code"], done["records"]["accepted"]) == (load, 0, 9000)
    shop.check()
    assert all(each["status"] == "complete" for each in runs(rjcli))
    shop.write("lines", 2, 600)
    before = len(shop.server.requests)
    done = document(rjcli("load", "shop.toml", "--resume=auto", "--json", env=ENV))
    assert (done["records"]["accepted"], done["batches"]["accepted"]) == (9600, 6)
    assert {each.target.split("/")[5] for each in shop.server.requests[before:]} == {"lines"}
    shop.check()


def runs(rjcli: Rjcli) -> list[Any]:
    """All runs, the newest first."""
    return list(json.loads(rjcli("runs", "--json").stdout)["runs"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_tables(rjcli: Rjcli, serve: Serve, number: int) -> None:
    """All tables stop in good order, their accounts add up, and the rest is loaded later."""
    shop = Shop(rjcli, serve, delay=0.01)
    for table in TABLES:
        shop.write(table, 1, 3000)
    process = start(rjcli, "load", "shop.toml", "--json", env=ENV)
    wait_until(lambda: len(shop.server.requests) >= 25)
    process.send_signal(number)
    stdout, stderr = process.communicate()
    assert process.returncode == 128 + number, stderr
    done = document(subprocess.CompletedProcess([], process.returncode, stdout))
    assert (done["status"], done["error"]) == ("interrupted", "interrupted")
    assert done["resume"] == f"rjcli resume {done['run']}"
    assert done["tables"]["orders"]["records"]["read"] == 0
    assert stderr.count("stopped by") == 1
    done = document(rjcli("resume", "--last", "--json", env=ENV))
    assert (done["exit_code"], done["records"]["accepted"], done["resume"]) == (0, 9000, None)
    shop.check()


def test_a_full_disk_ends_what_needs_it(rjcli: Rjcli, serve: Serve) -> None:
    """The table whose rejects find no room ends with 5, the others end well, resuming ends all."""
    shop = Shop(rjcli, serve)
    for table in TABLES:
        shop.write(table, 1, 300)
    bad = b"".join(b'{"id":%d\n' % number for number in range(3000))
    (rjcli.home / "lines-2.ndjson").write_bytes(bad)

    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    command = [sys.executable, "-m", "rjcli", "load", "shop.toml", "--json"]
    done = subprocess.run(
        command,
        cwd=rjcli.home,
        env=rjcli.environment(ENV),
        capture_output=True,
        text=True,
        preexec_fn=fill,
        check=False,
    )
    found = document(done)
    codes = {table: each["exit_code"] for table, each in found["tables"].items()}
    assert codes == {"customers": 0, "lines": 5, "orders": 0}
    assert found["error"] == "disk"
    found = document(rjcli("resume", found["run"], "--json", env=ENV))
    assert (found["exit_code"], found["records"]["rejected"]) == (3, 3000)
    shop.check()


def test_what_is_printed(rjcli: Rjcli, serve: Serve) -> None:
    """Lines name their table; results are on stdout; rejects have their commands."""
    server = serve(always(answer()))
    folder(rjcli, server, a=b'{"id":1}\n', b=b'{"id":1}\n{"id":\n')
    done = rjcli("load", "shop.toml", env=ENV)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    assert lines[0] == "a: complete: read 1 = accepted 1 + rejected 0 + unknown 0 + unsent 0"
    assert lines[1] == "b: rejects: read 2 = accepted 1 + rejected 1 + unknown 0 + unsent 0"
    assert [line.split(":")[0] for line in lines[2:5]] == [
        "  rejects",
        "  what is wrong with each",
        "  once they are fixed",
    ]
    assert lines[5] == ("load, rejects: read 3 = accepted 2 + rejected 1 + unknown 0 + unsent 0")
    assert "loading a, b (shop.toml)" in done.stderr
    assert "a: complete, 1 accepted, 0 rejected" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    retry = lines[4].split(": ")[1].split()
    fixed = Path(lines[2].split(": ")[1])
    fixed.write_bytes(b'{"id":2}\n')
    assert rjcli(*retry[1:], env=ENV).returncode == 0


def test_plain_lines_name_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Off a terminal each table has lines of its own, which begin with its name."""
    monkeypatch.setattr("rjcli.report.progress.PLAIN_SECONDS", 0)
    report = LoadReport(OutputSettings())
    run = RunDescription(
        "r", "custom", "http://h", "h", 1, "orders", ("id",), ("f",), dry_run=False
    )
    report.handle_of("orders", Started(run))
    report.handle_of("orders", Progressed(Counts(200, 100), 50, 100, 1))
    assert (
        "orders: sending: 25% done, 100 accepted, 0 rejected, 1 in flight"
        in capsys.readouterr().err
    )


def test_a_bar_has_a_line_for_each_table(rjcli: Rjcli, serve: Serve) -> None:
    """On a terminal all tables share a bar, and each has one; in the end the account stays."""

    async def slowly(_: Request) -> bytes:
        await asyncio.sleep(0.7)  # until the bar is drawn again
        return answer()

    server = serve(slowly)
    folder(rjcli, server, first=b'{"id":1}\n', second=b'{"id":1}\n')
    file = str(rjcli.home / "shop.toml")
    environment = rjcli.environment({"TERM": "xterm", "COLUMNS": "100"})
    with Terminal(["load", file], environment) as terminal:
        terminal.wait_for("load, complete: ")
    for name in ("first", "second"):
        assert re.search(
            rf"\n?{name} +([━─]{{10}} +\d+%|\d+ bytes read) .*accepted", terminal.shown
        )


def folder(rjcli: Rjcli, server: ScriptedServer, **contents: bytes) -> None:
    """Write a load file, and a file for each of its tables."""
    entries = [f'base-url = "{server.base_url}"']
    for table, content in contents.items():
        (rjcli.home / f"{table}.ndjson").write_bytes(content)
        entries.append(f'[[load]]\ntable = "{table}"\nkeys = "id"\nfiles = "{table}.ndjson"')
    (rjcli.home / "shop.toml").write_text("\n".join(entries))


def test_quiet_is_silent_only_if_all_is_well(rjcli: Rjcli, serve: Serve) -> None:
    """With -q nothing is printed on either stream, unless a table is not all accepted."""
    server = serve(always(answer()))
    folder(rjcli, server, a=b'{"id":1}\n', b=b'{"id":1}\n')
    done = rjcli("load", "shop.toml", "-q")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    folder(rjcli, server, a=b'{"id":1}\n', b=b'{"id":\n')
    done = rjcli("load", "shop.toml", "-q")
    assert done.returncode == 3
    assert "b: rejects" in done.stdout


def test_errors_of_the_file_come_all_at_once(rjcli: Rjcli) -> None:
    """Each problem has a line of its own, and with --json stdout has one object."""
    (rjcli.home / "shop.toml").write_text("job = 2\n[[load]]\ntable = 'a'\nkees = 1\n")
    done = rjcli("load", "shop.toml", "--json")
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert (found["exit_code"], found["error"], found["records"]["read"]) == (2, "usage", 0)
    assert done.stderr.count("rjcli: error: ") == 3
    assert "did you mean jobs?" in done.stderr


def test_small_tables_need_no_process_of_their_own(rjcli: Rjcli, serve: Serve) -> None:
    """Twenty small tables are read by the one process that sends them."""
    server = serve(always(answer()))
    folder(rjcli, server, **{f"t{number}": b'{"id":1}\n' for number in range(20)})
    script = (
        "import sys\n"
        "def refuse(event, _): assert event != 'subprocess.Popen'\n"
        "sys.addaudithook(refuse)\n"
        "sys.argv[1:] = ['load', 'shop.toml', '--json']\n"
        "from rjcli.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=rjcli.home,
        env=rjcli.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert len(document(done)["tables"]) == 20
