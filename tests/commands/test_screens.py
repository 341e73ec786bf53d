"""What a person at a terminal and a log see of a push as a whole."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import Request, always, answer
from tests.support.terminal import Terminal


def records(home: Path, count: int = 1) -> Path:
    """A file of records."""
    path = home / "r.ndjson"
    path.write_text("".join(f'{{"id": {number}}}\n' for number in range(count)))
    return path


def test_ctrl_c_is_answered_and_again_stops_now(rjcli: Rjcli, serve: Serve) -> None:
    """Ctrl-C says at once what is waited for and how long; the second one ends the push."""

    async def slow(_: Request) -> bytes:
        await asyncio.sleep(60)
        return answer()

    server = serve(slow)
    command = ["push", str(records(rjcli.home)), "-t", "t", "-k", "id"]
    env = rjcli.environment({"TERM": "xterm"})
    with Terminal([*command, "--base-url", server.base_url], env) as terminal:
        terminal.wait_for("1 in flight")
        terminal.press("\x03")
        terminal.wait_for("stopping: 1 request in flight, 10 s at most; Ctrl-C again to stop now")
        terminal.press("\x03")
        assert terminal.end() == -2


def test_refused_key_names_its_source(rjcli: Rjcli, serve: Serve) -> None:
    """When a key is refused the error names the host, and where client id and key are from."""
    server = serve(always(answer(401, b'{"code": 401, "message": "no"}')))
    key = rjcli.home / "key"
    key.write_text("another-key-1\n")
    key.chmod(0o600)
    push = ("push", records(rjcli.home), "-t", "t", "-k", "id", "--base-url", server.base_url)
    done = rjcli(*push, "--api-key-file", key)
    host = server.base_url.removeprefix("http://").split("/", maxsplit=1)[0]
    assert done.returncode == 4
    who = "client id 12 (RJCLI_CLIENT_ID), API key (--api-key-file)"
    assert f"HTTP 401: no; asked was {host}, {who}" in done.stderr
    assert "another-key-1" not in done.stderr


@pytest.mark.parametrize(
    ("status", "text"),
    [(404, "there is no Import API at this address"), (403, "access is refused")],
)
def test_status_speaks_of_no_client(rjcli: Rjcli, serve: Serve, status: int, text: str) -> None:
    """A status that is refused is about the address: no client was named."""
    done = rjcli("status", "--base-url", serve(always(answer(status, b"{}"))).base_url)
    assert done.returncode == 4
    assert f"{text}: HTTP {status}" in done.stderr
    assert "client" not in done.stderr


def test_log_file_is_private_and_grows(rjcli: Rjcli, local_api: LocalApi) -> None:
    """The log is for oneself alone, and has all pushes, failures too, and never the key."""
    log = rjcli.home / "push.log"
    file = records(rjcli.home).rename(rjcli.home / f"{CANARY_KEY}.ndjson")
    push = ("push", file, "-t", "t", "-k", "id", "-q", "--log-file", log)
    old_mask = os.umask(0)
    try:
        assert rjcli(*push, "--base-url", local_api.base_url).returncode == 0
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    first = log.read_text()
    assert "/[API key].ndjson to table t" in first
    assert " finished: complete: read 1 = accepted 1 " in first
    as_json = ("--log-format", "json")
    assert rjcli(*push, *as_json, "--base-url", local_api.base_url).returncode == 0
    address = f"http://127.0.0.1:9/{CANARY_KEY}"
    assert rjcli(*push, *as_json, "--base-url", address).returncode == 2
    lines = log.read_text().removeprefix(first).splitlines()
    events = [json.loads(line)["event"] for line in lines]
    assert (events[0], events[-2:]) == ("note", ["error", "hint"])
    assert CANARY_KEY not in log.read_text()


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        (lambda path: path.touch(0o644), "others can read or write the log file"),
        (lambda path: path.symlink_to(path.parent / "other"), "is a symbolic link"),
        (lambda path: path.mkdir(), "cannot write the log file"),
        (os.mkfifo, "cannot write the log file"),
    ],
    ids=["readable", "link", "directory", "pipe"],
)
def test_log_file_must_be_ones_own(
    rjcli: Rjcli, prepare: Callable[[Path], object], complaint: str
) -> None:
    """A log that others can read, or that is no file, is refused at once: exit 2."""
    log = rjcli.home / "push.log"
    prepare(log)
    done = rjcli("push", records(rjcli.home), "-t", "t", "--dry-run", "--log-file", log)
    assert done.returncode == 2
    assert complaint in done.stderr
