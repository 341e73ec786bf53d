"""Large inputs are read by a process of their own: nobody notices, whatever happens to it."""

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

import rjcli as rjcli_package
from tests.conftest import CANARY_KEY, Rjcli, Serve
from tests.support.scripted import Request, ScriptedServer, always, answer, ids

LARGE = 12_000  # records that are worth a process
PROCESSES = Path("/proc")
PACKAGE = Path(rjcli_package.__file__).parent

pytestmark = pytest.mark.skipif(not PROCESSES.exists(), reason="looks at processes in /proc")


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A file of NDJSON: every 1,000th record is malformed, the one behind it is poisoned."""
    path = tmp_path / os.fsdecode(b"large-\xff.ndjson")  # no text
    text = "x" * 400
    lines = [orjson.dumps({"id": number, "text": text}) for number in range(LARGE)]
    for number in range(0, LARGE, 1000):
        lines[number] = b"{%d" % number
        lines[number + 1] = b'{"id":%d,"poison":1}' % (number + 1)
    path.write_bytes(b"\n".join(lines))
    return path


async def refuse_poison(request: Request) -> bytes:
    """Refuse what has poison in it."""
    return answer(400, b'{"code":400}') if b"poison" in request.body else answer()


def arguments(server: ScriptedServer, file: str | Path, *more: str) -> list[str]:
    """The arguments of a push."""
    return ["push", str(file), "-t", "t", "-k", "id", "--base-url", server.base_url, *more]


@contextmanager
def running(
    rjcli: Rjcli, *command: str, stdin: int = subprocess.DEVNULL
) -> Iterator["tuple[subprocess.Popen[str], int]"]:
    """A push in a process group of its own, and the number of the process that reads for it."""
    with subprocess.Popen(
        [sys.executable, "-m", "rjcli", *command],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=rjcli.home,
        env=rjcli.environment(),
        text=True,
        process_group=0,
    ) as push:
        children = PROCESSES / str(push.pid) / "task" / str(push.pid) / "children"
        eventually(lambda: children.read_text() != "")
        try:
            yield push, int(children.read_text())
        finally:
            push.kill()


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has its own way with a signal."""
    [line] = re.findall(r"SigCgt:\s*(\w+)", (PROCESSES / str(pid) / "status").read_text())
    return bool(int(line, 16) >> (number - 1) & 1)


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it that nobody asked for its status yet."""
    try:
        return "State:\tZ" in (PROCESSES / str(pid) / "status").read_text()
    except FileNotFoundError:
        return True


QUIET = ("--progress", "none")  # lines with times are never the same


def test_one_process_or_two_is_the_same(rjcli: Rjcli, serve: Serve, large: Path) -> None:
    """The same requests, rejects, errors and account, whoever reads."""
    told = []
    usable = os.sched_getaffinity(0)
    for processors in (usable, {min(usable)}):
        server = serve(refuse_poison)
        os.sched_setaffinity(0, processors)
        try:
            done = rjcli(*arguments(server, large, "-j", "1", "--json", "--skip", "7", *QUIET))
        finally:
            os.sched_setaffinity(0, usable)
        assert done.returncode == 3, done.stderr
        document = json.loads(done.stdout)
        told.append(
            (
                sorted(request.body for request in server.requests),
                Path(document["rejects"]).read_bytes(),
                Path(document["errors"]).read_bytes(),
                sorted(
                    done.stderr.replace(server.base_url.removeprefix("http://"), "").split("\n")
                ),
                [document[name] for name in ("records", "batches", "bytes_read", "bytes_sent")],
            )
        )
    one, other = told
    assert one == other
    assert one[-1][0]["rejected"] == 22


def test_reader_knows_no_key(rjcli: Rjcli, serve: Serve) -> None:
    """The process that reads has the API key neither in its environment nor its arguments."""
    server = serve(always(answer()))
    command = arguments(server, "-", "--format", "ndjson")
    with running(rjcli, *command, stdin=subprocess.PIPE) as (push, reader):
        eventually(
            lambda: b"rjcli.producer.worker" in (PROCESSES / str(reader) / "cmdline").read_bytes()
        )
        for name in ("environ", "cmdline"):
            assert CANARY_KEY.encode() in (PROCESSES / str(push.pid) / "environ").read_bytes()
            assert CANARY_KEY.encode() not in (PROCESSES / str(reader) / name).read_bytes()
        output, errors = push.communicate('{"id":1}')
    assert push.returncode == 0, errors
    assert "accepted 1 " in output


def test_killed_reader_is_reported_and_resumed(rjcli: Rjcli, serve: Serve, large: Path) -> None:
    """Where the process that reads is killed, what it read is delivered; the rest is resumed."""
    server = serve(always(answer()))
    command = arguments(server, large, "--json")
    with running(rjcli, *command, "--rate-limit", "50") as (push, reader):
        eventually(lambda: len(server.requests) > 2)
        os.kill(reader, signal.SIGKILL)
        output, errors = push.communicate(timeout=30)
    document = json.loads(output)
    assert push.returncode == 5
    assert "the process that reads the inputs has ended (SIGKILL)" in errors
    records = document["records"]
    assert 0 < records["accepted"] < LARGE
    assert records["read"] == sum(records.values()) - records["read"]
    done = rjcli(*command, "--resume")
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["records"]["accepted"] == LARGE - 12
    assert sorted(ids(server)) == [number for number in range(LARGE) if number % 1000]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("source", ["silent pipe", "large file"])
def test_reader_ends_with_its_push(
    rjcli: Rjcli, serve: Serve, large: Path, source: str, end: signal.Signals
) -> None:
    """However a push ends, the process that reads for it ends, be it waiting or at work."""
    server = serve(always(answer()))
    file = "-" if source == "silent pipe" else large
    command = arguments(server, file, "--rate-limit", "5")
    with running(rjcli, *command, stdin=subprocess.PIPE) as (push, reader):
        eventually(lambda: catches(push.pid, signal.SIGTERM))
        if file == large:
            eventually(lambda: bool(server.requests))
        assert not is_gone(reader)
        push.send_signal(end)
        eventually(lambda: is_gone(reader))
        assert push.wait(20) == (-end if end == signal.SIGKILL else 128 + end)


def test_ctrl_c_goes_to_both_and_concerns_one(rjcli: Rjcli, serve: Serve, large: Path) -> None:
    """Ctrl-C, which all processes of a command get, stops a push in good order."""
    server = serve(always(answer()))
    with running(rjcli, *arguments(server, large, "--rate-limit", "20", "--json")) as (push, _):
        eventually(lambda: len(server.requests) > 2)
        os.killpg(push.pid, signal.SIGINT)
        output, errors = push.communicate(timeout=20)
    assert push.returncode == 130
    assert "stopped by SIGINT" in errors
    assert "Traceback" not in errors
    records = json.loads(output)["records"]
    assert 0 < records["accepted"] == len(ids(server))
    assert records["read"] == sum(records.values()) - records["read"]


def test_defect_in_the_reader_is_told_as_any(rjcli: Rjcli, serve: Serve, large: Path) -> None:
    """A defect in the process that reads ends the push with exit 1, and shows none of the data."""
    flaw = "import rjcli.reading.ndjson\nrjcli.reading.ndjson.parse_block = None\n"
    (rjcli.home / "sitecustomize.py").write_text(flaw)
    env = {"PYTHONPATH": str(rjcli.home), "RJCLI_TRACE": "1"}
    done = rjcli(*arguments(serve(always(answer())), large), env=env)
    assert done.returncode == 1
    assert "a defect in rjcli: TypeError in ndjson.py" in done.stderr
    assert "reading/ndjson.py, line" in done.stderr
    assert "Traceback" not in done.stderr
    assert "xxx" not in done.stderr


@pytest.mark.parametrize("executable", ["", "/nowhere/python"])
def test_without_another_process_it_works_as_well(
    rjcli: Rjcli, serve: Serve, large: Path, executable: str
) -> None:
    """Where no process can be started, what is large is read by the one that sends."""
    server = serve(always(answer()))
    start = f"import sys; sys.executable = {executable!r}; from rjcli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments(server, large)],
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment(),
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert len(ids(server)) == LARGE - 12


def test_copy_of_rjcli_in_any_directory_reads_with_itself(
    rjcli: Rjcli, serve: Serve, large: Path
) -> None:
    """Where modules are found, and what is printed at start-up, makes no difference to reading."""
    server = serve(always(answer()))
    home = rjcli.home / "a:b"
    shutil.copytree(PACKAGE, home / "rjcli")
    (home / "sitecustomize.py").write_text("print('hello')\n")
    start = f"import sys; sys.path.insert(0, {str(home)!r}); from rjcli.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments(server, large, "--json")],
        capture_output=True,
        cwd=home,
        env=rjcli.environment({"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(rjcli.home)}),
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["records"]["accepted"] == LARGE - 12


def test_reader_that_cannot_start_is_done_without(rjcli: Rjcli, serve: Serve, large: Path) -> None:
    """Where the process that reads ends before it begins, the push reads."""
    server = serve(always(answer()))
    flaw = (
        "import sys\nif 'rjcli.producer.worker' in sys.orig_argv[-1] or sys.argv == ['-c']: exit(9)"
    )
    (rjcli.home / "sitecustomize.py").write_text(flaw)
    done = rjcli(*arguments(server, large), env={"PYTHONPATH": str(rjcli.home)})
    assert done.returncode == 3, done.stderr
    assert len(ids(server)) == LARGE - 12


def test_reader_is_gone_when_all_is_read(rjcli: Rjcli, serve: Serve) -> None:
    """The process that reads does not stay while the last requests are on their way."""
    count = 0

    async def script(_: Request) -> bytes:
        nonlocal count
        count += 1
        await asyncio.sleep(0 if count == 1 else 60)
        return answer()

    server = serve(script)
    command = arguments(server, "-", "--batch-size", "1")
    with running(rjcli, *command, stdin=subprocess.PIPE) as (push, reader):
        assert push.stdin
        push.stdin.write('{"id":1}\n{"id":2}\n')
        push.stdin.close()
        eventually(lambda: not (PROCESSES / str(reader)).exists())
        assert push.poll() is None


@pytest.mark.parametrize("padding", [0, 500], ids=["one process", "two processes"])
def test_share_of_rejects_is_of_all_that_was_read(rjcli: Rjcli, serve: Serve, padding: int) -> None:
    """A percentage of rejects is judged by all records read, those in no batch yet included."""
    lines = [b'{"id":%d,"x":"%b"}\n' % (number, b"x" * padding) for number in range(12_000)]
    lines[199:205] = [b"{bad\n"] * 6
    file = rjcli.home / "r.ndjson"
    file.write_bytes(b"".join(lines))
    command = arguments(serve(always(answer())), file, "--max-rejects", "5%", "--json")
    document = json.loads(rjcli(*command).stdout)
    assert (document["exit_code"], document["records"]["accepted"]) == (3, 11_994)


@pytest.mark.parametrize(
    ("content", "keys", "end"),
    [
        (b'{"id":1}\n' + b"\n" * 300_000, ["-k", "id"], 0),
        (b'{"no":1}\n' * 500, [], 2),
        (b"\n" * 100, ["-k", "id"], 0),
    ],
)
def test_all_bytes_read_are_told(
    rjcli: Rjcli, serve: Serve, content: bytes, keys: list[str], end: int
) -> None:
    """What was read is told in whole, also where nothing came of it."""
    (rjcli.home / "r.ndjson").write_bytes(content)
    server = serve(always(answer()))
    command = ["push", "r.ndjson", "-t", "t", "--base-url", server.base_url, "--json", *keys]
    document = json.loads(rjcli(*command).stdout)
    assert (document["exit_code"], document["bytes_read"]) == (end, len(content))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_done_without(
    rjcli: Rjcli, serve: Serve, large: Path, closed: str
) -> None:
    """Whoever closes stdin, stdout or stderr gets a push as ever, and no traceback."""
    server = serve(always(answer()))
    command = shlex.join([sys.executable, "-m", "rjcli", *arguments(server, large)])
    done = subprocess.run(
        ["/bin/sh", "-c", f"{command} {closed}"],
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment(),
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert b"Traceback" not in done.stderr
    assert len(ids(server)) == LARGE - 12
