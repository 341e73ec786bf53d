"""The API key is never seen: not in what is shown, logged or kept, whatever goes wrong."""

import asyncio
import base64
import binascii
import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

import pytest

from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.certificates import Certificate
from tests.support.scripted import CREATED, Request, ScriptedServer, always, answer

# Python loads it first: every library logs all it can, to stderr.
LOUD = "import logging\nlogging.basicConfig(level=logging.DEBUG)\n"
CRASH = """
import asyncio

def run(_, coroutine, **__):
    coroutine.close()
    secret = "rj-canary-1234"
    try:
        raise ValueError(secret)
    except ValueError as error:
        raise RuntimeError(f"apikey={secret}") from error

asyncio.Runner.run = run
"""


def reveals(data: bytes) -> bool:
    """Whether data holds the canary key: plain, percent-encoded, or anywhere within base64."""
    key = CANARY_KEY.encode()
    if key in unquote_to_bytes(unquote_to_bytes(data)):
        return True
    for run in re.findall(rb"[A-Za-z0-9+/_-]{12,}", data):
        for start in range(4):
            part = run[start:].replace(b"-", b"+").replace(b"_", b"/")
            if key in binascii.a2b_base64(part[: len(part) // 4 * 4]):
                return True
    return False


def encoded(text: str) -> list[str]:
    """A text in the forms in which a server may echo it."""
    return [
        text,
        quote(text, safe=""),
        "".join(f"%{byte:02X}" for byte in text.encode()),
        *(base64.b64encode(f"{text:>{len(text) + n}}".encode()).decode() for n in range(3)),
    ]


def echo(request: Request, status: int) -> bytes:
    """An answer that echoes the whole address in its body and headers, in every form."""
    echoes = encoded(request.target)
    body = json.dumps({"code": status, "message": echoes[0], "reasons": [*echoes, {"a": echoes}]})
    headers = {f"X_Echo_{number}": text for number, text in enumerate(echoes)}
    return answer(
        status,
        body.encode(),
        **headers,
        Location=echoes[0],
        Retry_After=CANARY_KEY,
        Set_Cookie=f"={CANARY_KEY}=; (=@",
        WWW_Authenticate=f"Basic realm={CANARY_KEY}",
    )


def page(request: Request) -> bytes:
    """A proxy's page."""
    return answer(200, f"<html>{encoded(request.target)}</html>".encode())


Reply = Callable[[Request], bytes | None]

FAILURES: dict[str, Reply] = {
    "dropped": lambda _: None,
    "dropped within the answer": lambda request: echo(request, 201)[:-9],
    "garbage": lambda request: f"{request.target}\r\n\r\n".encode() * 9,
    "echo as the reason phrase": lambda request: (
        f"HTTP/1.1 500 {request.target}\r\nContent-Length: 0\r\n\r\n".encode()
    ),
    "reason phrase in no encoding": lambda _: b"HTTP/1.1 500 \xff\xfe\r\nContent-Length: 0\r\n\r\n",
    "echo as a status": lambda _: f"HTTP/1.1 {CANARY_KEY}\r\n\r\n".encode(),
    "page": page,
    "huge": lambda request: answer(500, f'{{"message":"{request.target * 60_000}"}}'.encode()),
    "huge header": lambda request: answer(201, CREATED, X_Echo=request.target * 9_000),
    "many headers": lambda request: answer(
        201, CREATED, **{f"X_{number}": request.target for number in range(2_000)}
    ),
    "compressed as not asked for": lambda request: answer(
        201, request.target.encode(), Content_Encoding="gzip"
    ),
    "broken chunks": lambda request: (
        f"HTTP/1.1 201 OK\r\nTransfer-Encoding: chunked\r\n\r\n{request.target}\r\n".encode()
    ),
    **{
        f"echo with {status}": lambda request, status=status: echo(request, status)  # type: ignore[misc]
        for status in (200, 302, 400, 401, 404, 500)
    },
}


@pytest.fixture
def loud(rjcli: Rjcli) -> dict[str, str]:
    """An environment in which Python and all libraries log as much as they can."""
    directory = rjcli.home / "loud"
    directory.mkdir()
    (directory / "sitecustomize.py").write_text(LOUD)
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    return {"PYTHONPATH": str(directory), "PYTHONDEVMODE": "1", "PYTHONWARNINGS": "always"}


def check(rjcli: Rjcli, done: "subprocess.CompletedProcess[str]") -> None:
    """Look for the key in all that a command wrote."""
    assert not reveals((done.stdout + done.stderr).encode()), done.stderr
    assert not re.search("Traceback|Unclosed|never retrieved|defect", done.stderr), done.stderr
    assert not [p for p in rjcli.home.rglob("*") if p.is_file() and reveals(p.read_bytes())]


COMMANDS = (["push", "r.ndjson", "-t", "t", "-k", "id", "-v"], ["auth-check", "--json"])


@pytest.mark.parametrize("failure", FAILURES)
def test_canary_key_is_nowhere(
    rjcli: Rjcli, serve: Serve, loud: dict[str, str], failure: str
) -> None:
    """Whatever a server answers, the key is in no output, log or file, in no common encoding."""

    async def script(request: Request) -> bytes | None:
        return FAILURES[failure](request)

    server = serve(script)
    echoes = "echo" in failure
    for arguments in COMMANDS if echoes else COMMANDS[:1]:
        done = rjcli(
            *arguments,
            "--base-url",
            server.base_url,
            env=loud | {"RJCLI_TIMEOUT": "2" if echoes else "0.7"},
        )
        assert CANARY_KEY in server.requests[-1].target
        assert "apikey" not in done.stdout + done.stderr
        check(rjcli, done)


def test_key_with_special_characters_is_nowhere(
    rjcli: Rjcli, serve: Serve, loud: dict[str, str]
) -> None:
    """A key that addresses encode is in no output or file, however its address is echoed."""
    key = "aB3+xY9/kL2=Qw=="

    async def script(request: Request) -> bytes | None:
        echoes = [
            *encoded(request.target),
            request.target.encode().hex(),
            base64.b64encode(base64.b64encode(request.target.encode())).decode(),
            base64.b32encode(request.target.encode()).decode(),
            "".join(f"\\x{byte:02x}" for byte in request.target.encode()),
            "".join(f"%u{byte:04x}" for byte in request.target.encode()),
            "".join(f"&#{byte}" for byte in request.target.encode()),
            "".join(f"={byte:02X}" for byte in request.target.encode()),
        ]
        echoed.extend(echoes)
        if b'"id": 1' in request.body and b'"id": 2' in request.body:
            return answer(400, b'{"message":"split"}')
        if b'"id": 2' in request.body:
            return answer()
        return answer(400, json.dumps({"message": echoes[0], "reasons": echoes}).encode())

    echoed: list[str] = []
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n{"id": 2}\n')
    env = loud | {"RJCLI_API_KEY": key}
    push = [*COMMANDS[0], "--run-dir", "run", "--base-url", serve(script).base_url]
    done = rjcli(*push, env=env)
    assert done.returncode == 3, done.stderr
    files = [path for path in (rjcli.home / "run").iterdir() if path.is_file()]
    assert "errors.ndjson" in {path.name for path in files}
    written = [done.stdout, done.stderr, *(path.read_text() for path in files)]
    parts = [key, quote(key, safe="")]
    parts += [echo[at : at + 16] for echo in echoed[1:] for at in range(0, len(echo) - 15, 8)]
    assert not [part for text in written for part in parts if part in text]


@pytest.mark.parametrize("failure", ["refused", "no TLS", "untrusted", "timeout", "no such host"])
def test_canary_key_is_nowhere_without_an_answer(
    rjcli: Rjcli, serve: Serve, loud: dict[str, str], tmp_path: Path, failure: str
) -> None:
    """Where no answer comes at all, the key is in no output, log or file either."""

    async def wait(_: Request) -> None:
        await asyncio.sleep(30)

    with (
        socket.create_server(("127.0.0.1", 0)) as closed,
        ScriptedServer(always(answer()), Certificate.self_signed().server(tmp_path)) as secure,
    ):
        closed.close()
        plain = serve(wait)
        base_url = {
            "refused": "http://127.0.0.1:9",
            "no TLS": f"https://127.0.0.1:{plain.port}",
            "untrusted": secure.base_url,
            "timeout": plain.base_url,
            "no such host": "https://host.invalid",
        }[failure]
        for arguments in (*COMMANDS, ["status"]):
            done = rjcli(*arguments, "--base-url", base_url, env=loud | {"RJCLI_TIMEOUT": "0.5"})
            assert done.returncode == 5
            check(rjcli, done)
        assert CANARY_KEY not in "".join(request.target for request in secure.requests)


def test_success_is_silent_about_the_key(
    rjcli: Rjcli, local_api: LocalApi, loud: dict[str, str]
) -> None:
    """Nothing that succeeds shows or logs the key, nor an address with it."""
    push = ["push", "r.ndjson", "-t", "t", "-k", "id", "-v"]
    for arguments in (push, ["auth-check"], ["status", "--json"]):
        done = rjcli(*arguments, "--base-url", local_api.base_url, env=loud)
        assert done.returncode == 0, done.stderr
        assert "apikey" not in done.stderr
        check(rjcli, done)


@pytest.mark.parametrize("command", [["push", "r.ndjson", "-t", "t", "-k", "id"], ["auth-check"]])
def test_key_is_in_no_argument(
    rjcli: Rjcli, serve: Serve, loud: dict[str, str], command: list[str]
) -> None:
    """While a request is on its way, the key is in no argument of the process."""
    seen = []

    def read_arguments() -> bytes:
        return Path(f"/proc/{process.pid}/cmdline").read_bytes()

    async def look(_: Request) -> bytes:
        seen.append(read_arguments())
        return answer()

    with subprocess.Popen(
        [sys.executable, "-m", "rjcli", *command, "--base-url", serve(look).base_url],
        cwd=rjcli.home,
        env=rjcli.environment(loud),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        pass
    assert process.returncode == 0
    assert b"--base-url" in seen[0]
    assert not reveals(seen[0])


@pytest.mark.parametrize("status", [301, 307, 308])
def test_redirect_is_not_followed(rjcli: Rjcli, serve: Serve, status: int) -> None:
    """A server that points to another one does not get the key sent there, nor anything else."""
    other = serve(always(answer()))

    async def redirect(request: Request) -> bytes:
        return answer(status, b"", Location=f"{other.base_url}{request.target}")

    server = serve(redirect)
    push = ["push", "-", "-t", "t", "-k", "id"]
    for command in (push, ["auth-check"]) if status == 307 else (push,):
        done = rjcli(*command, "--base-url", server.base_url, stdin=b'{"id": 1}')
        assert done.returncode == 5
        assert f"HTTP {status}" in done.stderr
    assert (other.connections, other.requests) == (0, [])


def test_crash_shows_where_and_nothing_else(rjcli: Rjcli, local_api: LocalApi) -> None:
    """An unforeseen error is shown without its text, and traced on demand without any value."""
    (rjcli.home / "sitecustomize.py").write_text(CRASH)
    env = {"PYTHONPATH": str(rjcli.home)}
    command = ("auth-check", "--json", "--base-url", local_api.base_url)
    plain, traced = (rjcli(*command, env=env | {"RJCLI_TRACE": on}) for on in ("", "1"))
    for done in (plain, traced):
        assert done.returncode == 1
        assert not reveals((done.stdout + done.stderr).encode())
        assert "RuntimeError in sitecustomize.py, line 10" in done.stderr
        assert "RJCLI_TRACE=1" in done.stderr
        assert json.loads(done.stdout)["exit_code"] == 1
    assert plain.stderr.count("\n") == 2
    assert re.search(r"^commands/status\.py, line \d+, in auth_check$", traced.stderr, re.MULTILINE)
    assert re.search(r"^ValueError$", traced.stderr, re.MULTILINE)
    assert str(rjcli.home) not in traced.stderr
