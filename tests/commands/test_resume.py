"""Resuming: after whatever ended a push, the same command with --resume finishes the job."""

import asyncio
import bz2
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import LocalApi, Rjcli, Serve
from tests.support.faulty import FaultyTable
from tests.support.scripted import Request, Script, ScriptedServer, always, answer, ids

KILLS = int(os.environ.get("RJCLI_TEST_KILLS", "4"))
REFUSED = answer(400, b'{"code":400,"message":"Bad Request","reasons":["poison"]}')


def start(
    rjcli: Rjcli, *arguments: str | Path, env: Mapping[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Start rjcli, and do not wait for it."""
    return subprocess.Popen(
        [sys.executable, "-m", "rjcli", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=rjcli.home,
        env=rjcli.environment(env),
        text=True,
    )


def write(path: Path, records: Iterable[Any]) -> Path:
    """Write records as NDJSON; what is bytes is written as it is."""
    lines = (each if isinstance(each, bytes) else orjson.dumps(each) for each in records)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def numbered(count: int) -> list[Any]:
    """Records with as many keys."""
    return [{"id": number} for number in range(count)]


def stopping_at(batches: int) -> Script:
    """Acknowledge so many requests, and be gone for the next; then acknowledge everything."""
    count = 0

    async def script(_: Request) -> bytes | None:
        nonlocal count
        count += 1
        return None if count == batches + 1 else answer()

    return script


def checkpoints(state: Path) -> Iterable[Path]:
    """The checkpoints of all runs."""
    return state.glob("runs/*/checkpoint.json")


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_requests(server: ScriptedServer, count: int) -> None:
    """Wait until a server was asked so often."""
    wait_until(lambda: len(server.requests) >= count)


def push(server: ScriptedServer | LocalApi, file: str | Path, *more: str) -> list[str]:
    """The arguments of a push of one batch at a time."""
    address = ["--base-url", server.base_url, "-t", "t", "-k", "id", "-j", "1", "--json"]
    return ["push", str(file), *address, *more]


class RunDescription:
    """An input with repeated keys, malformed and poisoned records; what must come of it.

    Every other one is so large that another process reads it.
    """

    def __init__(self, seed: int, count: int) -> None:
        text = "x" * 800 * (seed % 2)
        chance = random.Random(seed)
        numbers = range(1, count + 1)
        self.malformed = set(chance.sample(numbers, count // 150))
        self.poisoned = set(chance.sample(numbers, count // 400)) - self.malformed
        self.records: list[Any] = []
        self.last: dict[int, int] = {}
        for number in numbers:
            key = chance.randrange(count // 10)
            if number in self.malformed:
                self.records.append(b'{"id": %d, "version": %d' % (key, number))
                continue
            self.records.append({"id": key, "version": number, "text": text})
            if number not in self.poisoned:
                self.last[key] = number

    def rejects(self) -> bytes:
        """The rejected records as they stand in the input."""
        rejected = sorted(self.malformed | self.poisoned)
        found = (self.records[number - 1] for number in rejected)
        lines = (each if isinstance(each, bytes) else orjson.dumps(each) for each in found)
        return b"".join(line + b"\n" for line in lines)


def test_killed_again_and_again_nothing_is_lost(rjcli: Rjcli, serve: Serve) -> None:
    """However often a push is killed: last versions in the table, each reject once, all told."""
    chance = random.Random(KILLS)
    for seed in range(1, KILLS // 2 + 1):
        kills = 0
        job = RunDescription(seed, 6_000)
        table = FaultyTable(
            seed,
            fail=0.02,
            drop=0.02,
            drop_after_apply=0.02,
            delay=0.02,
            poison=frozenset(job.poisoned),
        )
        server = serve(table)
        file = write(rjcli.home / "r.ndjson", job.records)
        arguments = ["push", str(file), "-t", "t", "-k", "id", "--base-url", server.base_url]
        arguments += ["--json", "--resume=auto", "--retry-for", "60", "--jobs", "4"]
        done = False
        while not done:
            process = start(rjcli, *arguments)
            try:
                seconds = chance.uniform(0.3, 1.5) if kills < 2 else 50
                output, errors = process.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills += 1
                continue
            done = True
        document = json.loads(output)
        assert process.returncode == 3, errors
        assert table.versions == job.last
        rejected = len(job.malformed) + len(job.poisoned)
        counts = {"accepted": 6_000 - rejected, "rejected": rejected, "unknown": 0, "unsent": 0}
        assert document["records"] == {"read": 6_000, **counts}
        assert Path(document["rejects"]).read_bytes() == job.rejects()
        told = [json.loads(line) for line in Path(document["errors"]).read_text().splitlines()]
        assert [each["record"] for each in told] == sorted(job.malformed | job.poisoned)
        assert json.loads((Path(document["run_dir"]) / "summary.json").read_bytes()) == document


def test_interrupted_push_says_how_to_go_on(rjcli: Rjcli, serve: Serve) -> None:
    """SIGINT in the middle: exit 130, what is unsent, and a command that finishes the job."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", numbered(5000))
    arguments = ["push", str(file), "-t", "t", "-k", "id", "--base-url", server.base_url]
    process = start(rjcli, *arguments, "--rate-limit", "20", "-j", "2")
    wait_for_requests(server, 5)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "stopped by SIGINT" in errors
    assert "interrupted: read" in output
    assert "unsent 0\n" not in output
    [command] = [line for line in output.splitlines() if "rjcli resume" in line]
    words = command.partition("rjcli ")[2].split()
    done = rjcli(*words, "--rate-limit", "1000", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"]["accepted"] == 5000
    assert set(ids(server)) == set(range(5000))
    assert len(ids(server)) < 5000 + 4 * 2 * 100


def test_resume_sends_only_what_comes_after_the_prefix(rjcli: Rjcli, serve: Serve) -> None:
    """A push that broke off after three batches goes on with the fourth, in the same run."""
    server = serve(stopping_at(3))
    file = write(rjcli.home / "r.ndjson", [*numbered(50), b"[", *numbered(950)])
    first = json.loads(rjcli(*push(server, file)).stdout)
    assert (first["exit_code"], first["resumable"]) == (5, True)
    assert first["records"]["accepted"] == 300
    sent = len(ids(server))
    done = rjcli(*push(server, file, "--resume"))
    second = json.loads(done.stdout)
    assert done.returncode == 3
    assert second["run"] == first["run"]
    assert second["records"] == {
        "read": 1001,
        "accepted": 1000,
        "rejected": 1,
        "unknown": 0,
        "unsent": 0,
    }
    assert ids(server)[sent:] == [*range(250, 950)]
    assert Path(second["rejects"]).read_bytes() == b"[\n"
    assert not second["resumable"]


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_compressed_input_is_resumed(rjcli: Rjcli, serve: Serve, compress: Any) -> None:
    """A compressed file is resumed as any other."""
    server = serve(stopping_at(2))
    file = rjcli.home / "r.ndjson.x"
    file.write_bytes(compress(write(rjcli.home / "r", numbered(500)).read_bytes()))
    rjcli(*push(server, file))
    document = json.loads(rjcli(*push(server, file, "--resume")).stdout)
    assert document["records"]["accepted"] == 500
    assert document["requests"] == 3


def test_stdin_fed_again_is_resumed(rjcli: Rjcli, serve: Serve) -> None:
    """What came through a pipe is resumed when it comes again, also as CSV with its types."""
    server = serve(stopping_at(2))
    content = b"id,n\n" + b"".join(b"%d,%d\n" % (number, number) for number in range(500))
    arguments = push(server, "-", "--format", "csv")
    assert rjcli(*arguments, stdin=content).returncode == 5
    done = rjcli(*arguments, "--resume", stdin=content)
    document = json.loads(done.stdout)
    assert document["records"]["accepted"] == 500
    assert document["column_types"] == {"id": "integer", "n": "integer"}
    assert "copied to disk" not in done.stderr  # the types are known


def test_json_array_is_resumed(rjcli: Rjcli, serve: Serve) -> None:
    """A pretty-printed JSON array is resumed; its rejects are NDJSON with their values."""
    server = serve(stopping_at(2))
    file = rjcli.home / "r.json"
    records = [*numbered(150), {"no": "id"}, *numbered(500)[150:]]
    file.write_bytes(orjson.dumps(records, option=orjson.OPT_INDENT_2))
    rjcli(*push(server, file))
    document = json.loads(rjcli(*push(server, file, "--resume")).stdout)
    assert document["records"]["accepted"] == 500
    assert Path(document["rejects"]).read_bytes() == b'{     "no": "id"   }\n'


def test_file_that_grew_is_resumed_with_the_types_it_had(rjcli: Rjcli, serve: Serve) -> None:
    """After a complete run, only new records are sent, with the column types of before."""
    server = serve(always(answer()))
    file = rjcli.home / "r.csv"
    file.write_text("id,n\n1,1\n2,2\n")
    assert rjcli(*push(server, file)).returncode == 0
    with file.open("a") as grown:
        grown.write("3,x\n4,4\n")
    done = rjcli(*push(server, file, "--resume"))
    assert done.returncode == 3
    assert json.loads(done.stdout)["records"]["read"] == 4
    assert ids(server) == [1, 2, 4]
    assert (rjcli.home / "r.csv").read_text().startswith("id,n\n")


def test_resume_that_cannot_read_keeps_the_types(rjcli: Rjcli, serve: Serve) -> None:
    """A resume that ends before it reads anything leaves the column types to the next one."""
    server = serve(always(answer()))
    file = rjcli.home / "r.csv"
    file.write_text("id,n\n1,1\n2,2\n")
    assert rjcli(*push(server, file)).returncode == 0
    file.write_bytes("id,n\n".encode("utf-16"))
    assert "is UTF-16" in rjcli(*push(server, file, "--resume")).stderr
    file.write_text("id,n\n1,1\n2,2\n3,x\n4,4\n")
    done = rjcli(*push(server, file, "--resume"))
    assert done.returncode == 3
    assert ids(server) == [1, 2, 4]


def test_finished_run_resumed_sends_nothing(rjcli: Rjcli, serve: Serve) -> None:
    """Resuming a complete run on the same file sends nothing, and tells of the whole job."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", numbered(5))
    rjcli(*push(server, file))
    done = rjcli(*push(server, file, "--resume"))
    assert done.returncode == 0
    assert json.loads(done.stdout)["records"]["accepted"] == 5
    assert len(server.requests) == 1


def test_nothing_to_resume(rjcli: Rjcli, serve: Serve) -> None:
    """Without a run to resume, --resume is refused, and --resume=auto says so and begins."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", numbered(5))
    refused = rjcli(*push(server, file, "--resume"))
    assert refused.returncode == 2
    assert "--resume=auto" in refused.stderr
    assert not server.requests
    done = rjcli(*push(server, file, "--resume=auto"))
    assert done.returncode == 0
    assert "there is no run to resume" in done.stderr
    anew = rjcli(*push(server, file))
    assert json.loads(anew.stdout)["run"] != json.loads(done.stdout)["run"]
    assert len(server.requests) == 2


def test_rejects_are_reported_once(rjcli: Rjcli, serve: Serve) -> None:
    """When a file has grown, the exit code is about the new records; the counts are about all."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", [{"id": 1}, b"["])
    assert rjcli(*push(server, file)).returncode == 3
    with file.open("ab") as grown:
        grown.write(b'{"id":2}\n')
    done = rjcli(*push(server, file, "--resume"))
    document = json.loads(done.stdout)
    assert (done.returncode, document["status"]) == (0, "complete")
    assert document["records"]["rejected"] == 1
    with file.open("ab") as grown:
        grown.write(b"]\n")
    assert rjcli(*push(server, file, "--resume")).returncode == 3


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda lines: [lines[0].replace(b"0", b"7"), *lines[1:]],
            "has changed within its first 300 records",
        ),
        (lambda lines: lines[:150], "has only 150 records now"),
    ],
)
def test_changed_input_is_refused(rjcli: Rjcli, serve: Serve, change: Any, complaint: str) -> None:
    """An input whose loaded part has changed, or is gone, is refused: exit 2, nothing sent."""
    server = serve(stopping_at(3))
    file = write(rjcli.home / "r.ndjson", numbered(500))
    rjcli(*push(server, file))
    sent = len(server.requests)
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))
    done = rjcli(*push(server, file, "--resume"))
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(server.requests) == sent


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-t", "other"], 'table: "other" now, "t" before'),
        (["-k", "id2"], '--keys: ["id", "id2"] now, ["id"] before'),
        (["--client-id", "13"], "client id: 13 now, 12 before"),
        (["--select", "id"], '--select: ["id"] now, not given before'),
        (["--limit", "9"], "--limit: 9 now, not given before"),
        (["--env", "sandbox"], "base URL: "),
    ],
)
def test_other_job_is_refused(
    rjcli: Rjcli, serve: Serve, arguments: list[str], complaint: str
) -> None:
    """--resume with another table, keys, client, environment or options names what differs."""
    server = serve(stopping_at(3))
    file = write(rjcli.home / "r.ndjson", numbered(500))
    rjcli(*push(server, file))
    sent = len(server.requests)
    base = push(server, file)
    if "sandbox" in arguments:
        at = base.index("--base-url")
        del base[at : at + 2]
    done = rjcli(*base, *arguments, "--resume")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(server.requests) == sent
    run_dir = next((rjcli.home / ".local/state/rjcli/runs").iterdir())
    assert rjcli(*base, *arguments, "--resume", "--run-dir", run_dir).returncode == 2


@pytest.mark.parametrize(
    "damage", [lambda text: text[: len(text) // 2], lambda _: b"\x00\xff", lambda _: b""]
)
def test_damaged_checkpoint_is_refused(rjcli: Rjcli, serve: Serve, damage: Any) -> None:
    """A truncated or overwritten checkpoint is no ground to go on from: exit 2, and says so."""
    server = serve(stopping_at(3))
    file = write(rjcli.home / "r.ndjson", numbered(500))
    document = json.loads(rjcli(*push(server, file)).stdout)
    checkpoint = Path(document["run_dir"]) / "checkpoint.json"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    done = rjcli(*push(server, file, "--resume"))
    assert done.returncode == 2
    assert "is damaged" in done.stderr
    assert rjcli(*push(server, file)).returncode == 0


def test_killed_runs_requests_are_in_doubt(rjcli: Rjcli, serve: Serve) -> None:
    """What a killed run had in flight may be applied late; the newest version is sent again."""
    sent: list[list[int]] = []
    hold = True

    async def script(request: Request) -> bytes | None:
        sent.append([record["version"] for record in orjson.loads(request.body)])
        if hold and len(sent) > 1:
            await asyncio.sleep(30)
        return answer()

    server = serve(script)
    records = [{"id": "first", "version": 0}, *({"id": "a", "version": n} for n in (1, 2))]
    file = write(rjcli.home / "r.ndjson", records)
    arguments = push(server, file, "--batch-size", "1")
    process = start(rjcli, *arguments)
    wait_for_requests(server, 2)
    process.kill()
    process.communicate()
    hold = False
    sent.clear()
    done = rjcli(*arguments, "--resume", "--settle", "3")
    assert done.returncode == 0, done.stderr
    assert "sent again" in done.stderr
    assert sent[-3:] == [[1], [2], [2]]


def test_keys_in_doubt_outlive_the_run(rjcli: Rjcli, serve: Serve) -> None:
    """A key in doubt when its run is killed is sent again by the next push of that table."""
    sent: list[list[int]] = []
    killed = False

    async def script(request: Request) -> bytes | None:
        sent.append([record["version"] for record in orjson.loads(request.body)])
        if not killed and (sent.count([1]) == 1 or sent[-1] == [3]):
            return None  # but it may have been applied
        return answer()

    server = serve(script)
    records = [{"id": key, "version": n} for n, key in enumerate(["f", "a", "a", "z"])]
    file = write(rjcli.home / "r.ndjson", records)
    arguments = push(server, file, "--batch-size", "1", "--retry-for", "60", "--settle", "4")
    process = start(rjcli, *arguments)
    state = rjcli.home / ".local/state/rjcli"
    wait_until(lambda: any('"records": 3' in path.read_text() for path in checkpoints(state)))
    process.kill()
    process.communicate()
    killed = True
    sent.clear()
    other = write(rjcli.home / "other.ndjson", [{"id": "o", "version": 9}])
    done = rjcli(*push(server, other, "--settle", "4"))
    assert done.returncode == 0, done.stderr
    assert "a push of this table was killed" in done.stderr
    assert sorted(sent) == [[2], [9]]
    assert not [*state.glob("tables/*/*.ndjson")]


def test_input_that_shrinks_while_it_is_read_is_an_error(rjcli: Rjcli, serve: Serve) -> None:
    """A file that is cut off while it is pushed ends with exit 2, and not as if it were whole."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", numbered(100_000))
    process = start(rjcli, *push(server, file, "--rate-limit", "100"))
    wait_for_requests(server, 1)
    os.truncate(file, 1000)
    document = json.loads(process.communicate(timeout=50)[0])
    assert document["exit_code"] == 2
    assert "has shrunk while it was read" in document["message"]
    assert document["records"]["read"] < 100_000
