"""The target as a process: a pipe to a tap, signals, kills, and what is on stdout."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import CANARY_KEY, CLIENT_ID, LocalApi, Serve
from tests.singer.tap import lines_of, record, schema, state
from tests.support.faulty import FaultyTable
from tests.support.scripted import Request, always, answer, ids

_TARGET = [sys.executable, "-c", "from rjcli.singer.main import main; main()"]


@contextmanager
def target(base_url: str, home: Path, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A target that waits for what a tap writes."""
    configuration = home / "config.json"
    configuration.write_text(json.dumps({"base_url": base_url, "settle": 0, **options}))
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "RJCLI_CLIENT_ID": str(CLIENT_ID),
        "RJCLI_API_KEY": CANARY_KEY,
        "PYTHONWARNINGS": "error",
    }
    with subprocess.Popen(
        [*_TARGET, "--config", str(configuration)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def write(process: "subprocess.Popen[bytes]", *messages: Any) -> None:
    """Write as a tap does."""
    assert process.stdin
    process.stdin.write(lines_of(messages))
    process.stdin.flush()


def read_line(process: "subprocess.Popen[bytes]") -> bytes:
    """The next line on stdout, and not a byte more."""
    assert process.stdout
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(process.stdout.fileno(), 1)):
        line += byte
    return line


def test_state_of_a_quiet_tap_comes_after_a_while(serve: Serve, home: Path) -> None:
    """A part-filled batch and its state wait `flush_after` for a tap that writes nothing more."""
    server = serve(always(answer()))
    with target(server.base_url, home, flush_after=0.1) as process:
        write(process, schema("t", "id"), record("t", id=1), state({"at": 1}))
        assert read_line(process) == b'{"at": 1}\n'
        write(process, state({"at": 2}))
        assert read_line(process) == b'{"at": 2}\n'
        output, log = process.communicate(timeout=30)
    assert (process.returncode, output) == (0, b"")
    assert CANARY_KEY.encode() not in log
    assert b"METRIC" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_in_good_order(serve: Serve, home: Path, number: signal.Signals) -> None:
    """On a signal requests in flight end, states that are earned by then come, and no others."""
    table: list[int] = []
    proceed = threading.Event()

    async def slow(request: Request) -> bytes:
        records = orjson.loads(request.body)
        if records[0]["id"] >= 200:
            while not proceed.is_set():
                await _pause()
        table.extend(each["id"] for each in records)
        return answer()

    server = serve(slow)
    with target(server.base_url, home, jobs=1) as process:
        write(process, schema("t", "id"))
        for start in range(0, 1000, 100):
            write(process, *(record("t", id=start + each) for each in range(100)), state(start))
        while not any(each >= 200 for each in ids(server)):
            time.sleep(0.01)
        process.send_signal(number)
        time.sleep(0.3)
        proceed.set()
        output, log = process.communicate(timeout=30)
    assert process.returncode == 128 + number, log
    assert output, log.decode()
    *_, last = output.splitlines()
    assert int(last) == 200
    assert max(table) == 299
    assert number.name.encode() in log


async def _pause() -> None:
    import asyncio  # noqa: PLC0415

    await asyncio.sleep(0.01)


def test_nothing_but_states_is_on_stdout(local_api: LocalApi, home: Path) -> None:
    """What anything prints to stdout goes to stderr, and states are whole lines."""
    code = (
        "import os, sys; from rjcli.singer import target; from rjcli.singer.main import main;"
        "target.log.info('x'); old = target.Target._declare\n"
        "async def noisy(*a):\n print('noise'); os.write(1, b'noise'); await old(*a)\n"
        "target.Target._declare = noisy; main()"
    )
    configuration = home / "config.json"
    configuration.write_text(json.dumps({"base_url": local_api.base_url, "settle": 0}))
    done = subprocess.run(
        [sys.executable, "-c", code, "--config", str(configuration)],
        input=lines_of([schema("t", "id"), record("t", id=1), state("x" * 100_000)]),
        capture_output=True,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "RJCLI_CLIENT_ID": str(CLIENT_ID),
            "RJCLI_API_KEY": CANARY_KEY,
        },
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == b'"%b"\n' % (b"x" * 100_000)
    assert done.stderr.count(b"noise") == 2


def test_killed_targets_lose_nothing(serve: Serve, home: Path) -> None:
    """Killed again and again, and started from its last state: newest versions, never ahead."""
    table = FaultyTable(seed=1, fail=0.05, drop=0.03, drop_after_apply=0.03, delay=0.01)
    server = serve(table)
    versions, position = 8000, 0
    ahead: list[int] = []
    for kill_after in (0.25, 0.4, 0.3, None):
        with target(server.base_url, home, retry_for=60, flush_after=0.05, jobs=4) as process:
            feeder = threading.Thread(target=_feed, args=(process, position, versions))
            feeder.start()
            states = [b"%d\n" % position]
            if kill_after:
                states.append(read_line(process))
                time.sleep(kill_after)
                process.kill()
            feeder.join()
            output, log = process.communicate(timeout=60)
            if kill_after is None:
                assert process.returncode == 0, log
        states += output.splitlines(keepends=True)
        # A last line that a kill has cut is none.
        position = int([line for line in states if line.endswith(b"\n")][-1])
        ahead += [key for key in range(300) if table.versions.get(key, -1) < _newest(key, position)]
    assert ahead == []
    assert position == versions
    assert table.versions == {key: _newest(key, versions) for key in range(300)}


def _newest(key: int, count: int) -> int:
    """The newest version of a key among so many records; -1 if it has none."""
    return max(range(key, count, 300), default=-1)


def _feed(process: "subprocess.Popen[bytes]", position: int, versions: int) -> None:
    """Write what a tap does from a position on."""
    try:
        write(process, schema("t", "id"))
        for number in range(position, versions):
            write(process, record("t", id=number % 300, version=number))
            if number % 50 == 49:
                write(process, state(number + 1))
                time.sleep(0.01)
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    except BrokenPipeError:
        pass


def test_successor_of_a_killed_target_repeats(serve: Serve, home: Path) -> None:
    """What a late request overwrites after its target was killed, the next target repairs.

    The state that is on stdout covers it, so that no tap sends that record again.
    """
    late = threading.Event()
    table: dict[int, int] = {}
    held: list[int] = []

    async def script(request: Request) -> bytes | None:
        [each] = orjson.loads(request.body)
        if not held:
            held.append(each["version"])
            while not late.is_set():
                await _pause()
            table[each["id"]] = each["version"]
            return None
        table[each["id"]] = each["version"]
        return answer()

    options = {"settle": 0.5, "timeout": 0.3, "flush_after": 0, "retry_for": 60}
    server = serve(script)
    with target(server.base_url, home, **options) as process:
        write(process, schema("t", "id"), record("t", id=1, version=1), state(1))
        assert read_line(process) == b"1\n"
        write(process, record("t", id=1, version=2), state(2))
        assert read_line(process) == b"2\n"
        process.kill()
    late.set()
    while table != {1: 1}:
        time.sleep(0.01)
    with target(server.base_url, home, **options) as process:
        write(process, schema("t", "id"))
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"was killed, and its requests may still be applied" in log
    assert table == {1: 2}


def test_stdout_that_nobody_reads_ends_the_load(serve: Serve, home: Path) -> None:
    """Where a state cannot be written, the load ends with exit code 5 and no traceback."""
    server = serve(always(answer()))
    with target(server.base_url, home, flush_after=0) as process:
        assert process.stdout
        process.stdout.close()
        write(process, schema("t", "id"), record("t", id=1), state(1))
        process.wait(30)
        assert process.stderr
        log = process.stderr.read()
    assert process.returncode == 5
    assert b"cannot write a state to stdout" in log
    assert b"Traceback" not in log


def test_memory_stays_flat(serve: Serve, home: Path) -> None:
    """An endless stream with a state after each record takes no more memory than a short one."""
    server = serve(always(answer()))

    def peak(records: int) -> int:
        with target(server.base_url, home, flush_after=0.1) as process:
            write(process, schema("t", "id"), schema("rare", "id"), record("rare", id=0))
            for start in range(0, records, 500):
                messages: list[Any] = []
                for number in range(start, start + 500):
                    messages += [record("t", id=number, x="x" * 50), state({"at": number})]
                write(process, *messages)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            found = sum(_peak(pid) for pid in [str(process.pid), *children])
            output, _ = process.communicate(timeout=60)
            assert (process.returncode, output[-1:]) == (0, b"\n")
        return found

    if not Path("/proc/self/status").exists():
        pytest.skip("there is no telling here how much memory a process has taken")
    assert peak(40_000) < peak(4_000) * 1.3


def _peak(pid: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])
