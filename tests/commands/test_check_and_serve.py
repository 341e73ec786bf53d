"""`rjcli status`, `auth-check`, `serve` and the program as a whole, as real processes."""

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import urllib.request
from collections.abc import Mapping

import pytest

from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import always, answer


def test_status_asks_without_a_key(rjcli: Rjcli, serve: Serve) -> None:
    """`status` asks the root address of the chosen environment, and sends no key."""
    server = serve(always(answer(200, b"")))
    done = rjcli(
        "status", "--base-url", f"{server.base_url}/v2", "--json", env={"RJCLI_API_KEY": ""}
    )
    assert json.loads(done.stdout)["status"] == "operational"
    assert [(request.method, request.target) for request in server.requests] == [("GET", "/")]


def test_status_of_a_broken_api_exits_5(rjcli: Rjcli, serve: Serve) -> None:
    """An API that answers 500 is not operational: exit 5."""
    done = rjcli("status", "--base-url", serve(always(answer(500, b""))).base_url)
    assert done.returncode == 5
    assert "HTTP 500" in done.stderr


def test_auth_check_tells_good_from_bad(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`auth-check` exits 0 for the right key, 4 for a wrong one."""
    good = rjcli("auth-check", "--base-url", local_api.base_url)
    bad = rjcli("auth-check", "--base-url", local_api.base_url, env={"RJCLI_API_KEY": "no"})
    assert (good.returncode, bad.returncode) == (0, 4)


def test_auth_check_asks_the_chosen_address(rjcli: Rjcli, serve: Serve) -> None:
    """`auth-check` asks the chosen address, version path included."""
    server = serve(always(answer(200, b"{}")))
    rjcli("auth-check", "--base-url", f"{server.base_url}/v3")
    assert [request.target for request in server.requests] == [
        f"/v3/client/12/authenticate?apikey={CANARY_KEY}"
    ]


def test_every_command_names_the_host_that_it_asked(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`status`, `auth-check` and `login` print environment and host, and whose credentials."""
    host = local_api.base_url.removeprefix("http://")
    address = ("--base-url", local_api.base_url)
    assert rjcli("status", *address).stdout == f"operational: custom, {host}\n"
    shown = rjcli("auth-check", *address, "--client-id", "12").stdout
    who = "client id 12 (--client-id), API key (RJCLI_API_KEY)"
    assert shown == f"authorized: custom, {host}, {who}\n"
    document = json.loads(rjcli("auth-check", *address, "--json").stdout)
    assert document["host"] == host
    assert (document["client_id_from"], document["api_key_from"]) == (
        "RJCLI_CLIENT_ID",
        "RJCLI_API_KEY",
    )
    refused = rjcli("auth-check", *address, env={"RJCLI_API_KEY": "no"}).stderr
    assert f"asked was custom, {host}, client id 12 (RJCLI_CLIENT_ID)" in refused
    login = rjcli("login", *address, "--store", "file", stdin=f"{CANARY_KEY}\n".encode())
    assert f"custom, {host}, client id 12" in login.stdout


def test_command_line_beats_a_variable(rjcli: Rjcli, serve: Serve) -> None:
    """An address on the command line is asked, and never one of a variable under its name."""
    named, other = serve(always(answer(200, b"{}"))), serve(always(answer(200, b"{}")))
    env = {"RJCLI_BASE_URL": other.base_url}
    assert rjcli("auth-check", "--base-url", named.base_url, env=env).returncode == 0
    shown = rjcli("status", "--env", "local", env=env).stdout
    assert shown.startswith("operational: local, 127.0.0.1:")
    both = rjcli("status", "--env", "sandbox", "--base-url", named.base_url)
    assert (both.returncode, "--env and --base-url both say" in both.stderr) == (2, True)
    both = rjcli("status", env=env | {"RJCLI_ENV": "sandbox"})
    assert (both.returncode, "RJCLI_ENV and RJCLI_BASE_URL both say" in both.stderr) == (2, True)
    assert (len(named.requests), other.connections) == (1, 0)


def test_auth_check_is_not_fooled_by_a_page(rjcli: Rjcli, serve: Serve) -> None:
    """A proxy's page with status 200 authenticates nobody."""
    server = serve(always(answer(200, b"<html>log in</html>")))
    assert rjcli("auth-check", "--base-url", server.base_url).returncode == 5


def test_key_file_must_be_private(rjcli: Rjcli, local_api: LocalApi) -> None:
    """An API key file that others can read is refused; a private one works."""
    file = rjcli.home / "key"
    file.write_text(f"{CANARY_KEY}\n")
    arguments = ("auth-check", "--base-url", local_api.base_url, "--api-key-file", file)
    file.chmod(0o644)
    refused = rjcli(*arguments, env={"RJCLI_API_KEY": ""})
    file.chmod(0o600)
    accepted = rjcli(*arguments, env={"RJCLI_API_KEY": ""})
    assert (refused.returncode, accepted.returncode) == (2, 0)
    assert "chmod 600" in refused.stderr


@pytest.mark.parametrize(
    "reply",
    [
        None,
        answer(200, f"<p>/v2/client/12?apikey={CANARY_KEY}</p>".encode()),
        answer(400, f'{{"message":"no {CANARY_KEY}","reasons":["{CANARY_KEY}"]}}'.encode()),
        answer(401, f'{{"message":"bad key {CANARY_KEY}"}}'.encode()),
        answer(302, b"", Location=f"/?apikey={CANARY_KEY}"),
        b"HTTP/1.1 rj-canary-1234\r\n\r\n",
    ],
)
def test_key_is_never_shown(rjcli: Rjcli, serve: Serve, reply: bytes | None) -> None:
    """The API key is in no output and no file, whatever the server answers, however verbose."""
    server = serve(always(reply))
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    for arguments in (["push", "r.ndjson", "-t", "t", "-k", "id", "-v"], ["auth-check"]):
        done = rjcli(*arguments, "--base-url", server.base_url)
        assert CANARY_KEY in server.requests[-1].target
        assert CANARY_KEY not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert not [
        path
        for path in rjcli.home.rglob("*")
        if path.is_file() and CANARY_KEY.encode() in path.read_bytes()
    ]


def test_serve_answers_until_it_is_stopped(rjcli: Rjcli) -> None:
    """`serve` says where it is, answers there, and ends with exit 0 on SIGINT."""
    command = [sys.executable, "-m", "rjcli", "serve", "--port", "0"]
    with subprocess.Popen(
        command, cwd=rjcli.home, env=rjcli.environment(), stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        base_url = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert base_url
        with urllib.request.urlopen(f"{base_url[0]}/") as reply:  # noqa: S310 - loopback
            assert reply.status == 200
        assert rjcli("auth-check", "--base-url", base_url[0]).returncode == 0
        server.send_signal(signal.SIGINT)
        assert CANARY_KEY not in server.stdout.read()
    assert server.returncode == 0


@pytest.mark.parametrize("options", [(), ("-v",)])
def test_serve_logs_requests_where_it_is_asked_to(rjcli: Rjcli, options: tuple[str, ...]) -> None:
    """Off a terminal each request is logged with -v, without the key, and else none is."""
    command = [sys.executable, "-m", "rjcli", "serve", "--port", "0", *options]
    with subprocess.Popen(
        command,
        cwd=rjcli.home,
        env=rjcli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        first, _, page = (server.stdout.readline() for _ in range(3))
        base_url = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert base_url
        url = f"{base_url[0]}/v2/client/12/authenticate?apikey={CANARY_KEY}"
        with urllib.request.urlopen(url) as reply:  # noqa: S310 - loopback
            assert reply.status == 200
        server.send_signal(signal.SIGINT)
        _, logged = server.communicate(timeout=30)
    assert f"change its faults: {base_url[0]}/" in page
    line = r"\d\d:\d\d:\d\d GET /v2/client/12/authenticate: 200, \d+ ms\n"
    assert re.fullmatch(line if options else "", logged)


def test_serve_refuses_a_port_in_use(rjcli: Rjcli, serve: Serve) -> None:
    """A port in use is a clear error with exit 2."""
    done = rjcli("serve", "--port", str(serve(always(None)).port))
    assert done.returncode == 2
    assert "cannot listen" in done.stderr


@pytest.mark.parametrize("columns", [40, 60, 200])
def test_bar_fits_the_terminal(rjcli: Rjcli, serve: Serve, columns: int) -> None:
    """On a terminal the bar shows counts while it runs, and leaves only whole lines."""

    async def slowly(_: object) -> bytes:
        await asyncio.sleep(0.4)
        return answer()

    file = rjcli.home / "r.ndjson"
    file.write_text("".join(f'{{"id": {number}}}\n' for number in range(500)))
    command = ["push", str(file), "-t", "t", "-k", "id", "--base-url", serve(slowly).base_url]
    shown = on_terminal(rjcli, command, columns)
    assert re.search(rb"\d+ accepted", shown)
    lines = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"\r", shown).replace(b"\n", b"\r").split(b"\r")
    assert max(len(line.decode()) for line in lines) <= columns


@pytest.mark.parametrize("variable", [{"TTY_COMPATIBLE": "0"}, {"TERM": "dumb"}])
def test_no_bar_where_it_could_not_be_drawn(
    rjcli: Rjcli, serve: Serve, variable: dict[str, str]
) -> None:
    """A terminal that is said to be none, or to be dumb, gets whole lines and nothing else."""
    file = rjcli.home / "r.ndjson"
    file.write_text('{"id": 1}\n')
    url = serve(always(answer())).base_url
    command = ["push", str(file), "-t", "t", "-k", "id", "--base-url", url]
    lines = on_terminal(rjcli, command, 200, variable).decode().splitlines()
    assert lines[0].startswith("pushing ")
    assert all(line.isprintable() and line for line in lines)


def on_terminal(
    rjcli: Rjcli, command: list[str], columns: int, variables: Mapping[str, str] | None = None
) -> bytes:
    """Run a command on a pseudo-terminal and return all that it wrote there."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "rjcli", *command],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=rjcli.environment({"TERM": "xterm-256color", **(variables or {})}),
    )
    os.close(terminal)
    shown = b""
    while select.select([controller], [], [], 20)[0]:
        try:
            shown += os.read(controller, 65536)
        except OSError:
            break
    os.close(controller)
    assert process.wait(20) == 0
    return shown


TWICE = """
import sys
sys.argv = ["rjcli", "nonsense"]
for _ in range(2):
    from rjcli.cli import main
    try:
        main()
    except SystemExit as ended:
        print(ended.code)
"""


def test_program_can_be_called_again(rjcli: Rjcli) -> None:
    """The entry point is a function, and stays one once it has been called."""
    done = subprocess.run(
        [sys.executable, "-c", TWICE],
        env=rjcli.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "2\n2\n", done.stderr
