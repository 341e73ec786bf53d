"""Signals that come before, while and after a command works."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rjcli.private_file import Directory
from tests.commands.test_login import keyring
from tests.conftest import CANARY_KEY, Rjcli, Serve
from tests.support.scripted import Request, always, answer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

MOMENTS = int(os.environ.get("RJCLI_TEST_MOMENTS", "12"))
LAST_SECONDS = 0.5
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENTRY = "from rjcli.cli import main; main()"  # as the installed command does


def start(rjcli: Rjcli, *arguments: str, **environ: str) -> "subprocess.Popen[bytes]":
    """Start rjcli; return once its first line has been run."""
    process = subprocess.Popen(
        [sys.executable, "-c", ENTRY, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=rjcli.home,
        env=rjcli.environment(environ),
    )
    while not (holds(process.pid, "SigBlk") or holds(process.pid, "SigCgt")):
        assert process.poll() is None
        time.sleep(0.001)
    return process


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def holds(pid: int, field: str) -> bool:
    """Whether all signals are in a set of a process, as /proc/PID/status names it."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith(field)]
    return all(int(line.split()[1], 16) >> number - 1 & 1 for number in SIGNALS[:2])


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_early_signal_is_accounted_for(rjcli: Rjcli, moment: int) -> None:
    """A signal at any moment from the first import on ends a push in good order, accounted for."""
    (rjcli.home / "r.ndjson").write_bytes(b'{"id": 1}\n' * 200_000)
    push = ("push", "r.ndjson", "-t", "t", "-k", "id", "--env", "local", "--json")
    number = SIGNALS[moment % len(SIGNALS)]
    with start(rjcli, *push) as process:
        time.sleep(LAST_SECONDS * moment / MOMENTS)
        process.send_signal(number)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + number, errors
    assert output, errors
    document = json.loads(output)
    assert (document["status"], document["exit_code"]) == ("interrupted", 128 + number)
    counts = document["records"]
    assert counts["read"] == sum(counts.values()) - counts["read"]
    assert b"Traceback" not in errors
    assert b"Exception ignored" not in errors


async def silence(_: Request) -> bytes | None:
    """Answer nothing for a minute."""
    await asyncio.sleep(60)
    return None


def stop(process: "subprocess.Popen[bytes]") -> dict[str, Any]:
    """Have rjcli stopped by SIGTERM, within less than it would wait otherwise."""
    process.send_signal(signal.SIGTERM)
    output, errors = process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM, errors
    assert b"Traceback" not in errors
    document: dict[str, Any] = json.loads(output)
    assert document["error"] == "interrupted"
    return document


@pytest.mark.parametrize("command", ["status", "auth-check"])
def test_check_is_stopped_while_it_waits_for_an_answer(
    rjcli: Rjcli, serve: Serve, command: str
) -> None:
    """A signal ends a command that waits for the API, with exit 143 and its --json object."""
    server = serve(silence)
    with start(
        rjcli, command, "--base-url", server.base_url, "--json", RJCLI_TIMEOUT="60"
    ) as check:
        eventually(lambda: bool(server.requests))
        stop(check)


def test_push_is_stopped_while_it_waits_for_a_lock(rjcli: Rjcli, serve: Serve) -> None:
    """A signal ends a push that waits for another one to let go of what its table has in doubt."""
    server = serve(always(answer()))
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    arguments = ("push", "r.ndjson", "-t", "t", "-k", "id", "--base-url", server.base_url)
    environ = {"RJCLI_SETTLE": "1"}
    assert rjcli(*arguments, env=environ).returncode == 0
    [table] = (rjcli.home / ".local/state/rjcli/tables").iterdir()
    with (
        Directory(table) as directory,
        directory.locked(),
        start(rjcli, *arguments, "--json", **environ) as push,
    ):
        eventually(lambda: holds(push.pid, "SigCgt"))
        time.sleep(0.5)
        stop(push)
    assert len(server.requests) == 1


def test_push_is_stopped_while_a_keyring_hangs(rjcli: Rjcli, serve: Serve) -> None:
    """A signal ends a push that waits for the system keyring."""
    server = serve(always(answer()))
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    arguments = ["--base-url", server.base_url, "--no-check", "--client-id", "12"]
    done = rjcli("login", *arguments, stdin=CANARY_KEY.encode(), env=keyring("Working"))
    assert done.returncode == 0, done.stderr
    push = ("push", "r.ndjson", "-t", "t", "-k", "id", "--json")
    with start(rjcli, *push, **keyring("Hanging")) as process:
        eventually(lambda: holds(process.pid, "SigCgt"))
        time.sleep(0.5)
        stop(process)
    assert server.requests == []


def test_push_without_hangup_outlives_its_terminal(rjcli: Rjcli, serve: Serve) -> None:
    """Where SIGHUP is ignored, as with nohup, it does not stop a push."""
    server = serve(silence)
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    push = ("push", "r.ndjson", "-t", "t", "-k", "id", "--base-url", server.base_url)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start(rjcli, *push, "--json", RJCLI_TIMEOUT="3")
    finally:
        signal.signal(signal.SIGHUP, before)
    with process:
        eventually(lambda: bool(server.requests))
        process.send_signal(signal.SIGHUP)
        output, _ = process.communicate(timeout=20)
    assert json.loads(output)["error"] == "unavailable"


def test_import_is_not_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that comes while a module is imported is heard when it has been."""
    lines = ["import os, signal, time", "os.kill(os.getpid(), signal.SIGTERM)", "done = True"]
    (tmp_path / "imported.py").write_text("\n".join(lines))
    script = (
        "from rjcli.commands.signals import listen; import time, sys; listen()\n"
        "try:\n"
        "    import imported\n"
        "    time.sleep(5)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(10 if sys.modules['imported'].done else 11)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 10
