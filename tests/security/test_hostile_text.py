"""Nothing from outside is trusted: neither what is shown, nor what becomes an address."""

import asyncio
import json
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rjcli.api.base_url import Endpoint
from rjcli.api.protocol import (
    AttemptOutcome,
    classify_authenticate,
    classify_status,
    classify_upsert,
    error_from,
)
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.lookup import Credentials
from rjcli.errors import RjcliError, TransportError
from rjcli.http.transport import Transport
from rjcli.settings.option_kinds import CLIENT_ID, TABLE
from rjcli.visible_text import visible
from tests.conftest import Rjcli, Serve
from tests.support.scripted import ScriptedServer, always, answer
from tests.support.terminal import Terminal

# What a terminal, or rich, could make something of.
HOSTILE = (
    "[red]a[/red][/x][link=x]b[/link] :smile: \x1b[2J\x1b]0;owned\x07\x1b[31m"
    "\x9b31m\x85\x90\r\b\x00\x7f\u202e\u2066\u200f\u2028\ufeff\U000e0041"
)
MARKUP = "[red]a[/red][/x][link=x]b[/link] :smile: "
CREDENTIALS = Credentials(12, ApiKey("rj-canary-1234"))


def check_inert(shown: str, *, markup: bool = True) -> None:
    """Look for anything in an output that acts instead of being read."""
    assert "Traceback" not in shown
    assert not markup or MARKUP in shown
    # The colours of rjcli's own labels; nothing else may follow an ESC.
    for character in re.sub(r"\x1b\[[0-9;]*m|\r?\n", "", shown):
        assert unicodedata.category(character)[0] != "C", f"{character!r} in {shown!r}"
        assert unicodedata.category(character) not in {"Zl", "Zp"}


@pytest.fixture
def hostile_api(serve: Serve) -> ScriptedServer:
    """An API that refuses everything, with words that would take over a terminal."""
    body = {"code": 400, "message": HOSTILE, "reasons": [HOSTILE, {HOSTILE: HOSTILE}]}
    reply = answer(400, json.dumps(body).encode(), X_Hostile=HOSTILE[:20])
    return serve(always(reply))


def hostile_file(home: Path) -> Path:
    """A file with a name that would take over a terminal, and bytes that are no text."""
    name = HOSTILE.replace("/", "\u2215").replace("\x00", "")
    path = home / (name + "\udcff.ndjson")
    path.write_text('{"id": 1}\n{"id": 2}\n{"x": 1}\n')
    return path


def test_server_and_file_names_are_inert(rjcli: Rjcli, hostile_api: ScriptedServer) -> None:
    """Messages, reasons and file names are shown as text, and as ASCII with --json."""
    file = hostile_file(rjcli.home)
    push = ("push", file, "-t", "t", "-k", "id", "-v", "--base-url", hostile_api.base_url)
    done = rjcli(*push)
    assert done.returncode == 6
    check_inert(done.stdout, markup=False)
    check_inert(done.stderr)
    assert r"\x1b[2J\x1b]0;owned\x07" in done.stderr
    as_json = rjcli(*push, "--json").stdout
    assert as_json.isascii()
    assert as_json[:-1].isprintable()
    assert json.loads(as_json)["inputs"][0].endswith("\udcff.ndjson")


def test_terminal_is_not_taken_over(rjcli: Rjcli, hostile_api: ScriptedServer) -> None:
    """On a real terminal nothing from outside is markup, moves the cursor or turns text round."""
    command = ["push", str(hostile_file(rjcli.home)), "-t", "t", "-k", "id", "-v"]
    command += ["--base-url", hostile_api.base_url, "--progress", "none"]
    env = rjcli.environment({"TERM": "xterm-256color", "COLUMNS": "2000"})
    with Terminal(command, env) as terminal:
        assert terminal.end() == 6
    check_inert(terminal.shown)


def test_fields_and_options_are_inert(rjcli: Rjcli) -> None:
    """Names of fields and columns, values of options and what is shown of records are text."""
    hostile = HOSTILE.replace("\x00", "")
    record = json.dumps({"id": 1, HOSTILE: HOSTILE}, ensure_ascii=False).encode()
    csv = f'id,"{hostile}"\r\n1,x\r\n'.encode()
    push = ("push", "-", "-t", "t")
    for arguments, stdin in (
        ((*push, "-k", hostile), b'{"id": 1}'),
        ((*push, "-k", "id", "--dry-run"), csv),
        ((*push, "-k", hostile, "--dry-run", "--format", "ndjson"), record),
        ((*push, "-k", "id", "--type", f"{hostile}=integer", "--env", "local"), csv),
        (("push", hostile, "-t", "t", "-k", "id"), b""),
        (("push", "-", "-t", hostile, "-k", "id"), b""),
        (("push", "-", "--jobs", hostile), b""),
        (("status", "--ca-file", hostile, "--base-url", "https://h.invalid"), b""),
        ((hostile,), b""),
    ):
        done = rjcli(*arguments, stdin=stdin)
        check_inert(done.stdout, markup=False)
        check_inert(done.stderr, markup=False)
        assert "\x1b" not in done.stdout + done.stderr


def test_record_contents_are_not_shown_unasked(rjcli: Rjcli) -> None:
    """What is shown of a push and its rejects has no contents of records in it."""
    csv = b"id,n\nsecret-1,secret-2\nsecret-3\n,secret-4\n"
    done = rjcli("push", "-", "-t", "t", "-k", "id", "--type", "n=integer", "--env", "local")
    lines = b'{"id": 1, "a": "secret-5}\n{"a": "secret-6"}\n["secret-7"]\n{"id": ["secret-8"]}\n'
    push = ("push", "-", "-t", "t", "-k", "id", "--env", "local")
    for arguments, stdin in ((push, csv), ((*push, "--format", "ndjson"), lines)):
        done = rjcli(*arguments, stdin=stdin)
        assert done.returncode == 3, done.stderr
        assert "secret" not in done.stdout + done.stderr


@given(st.text())
def test_visible_text_is_inert(text: str) -> None:
    """Of any text, what is shown has no control, bidirectional or other unseen characters."""
    shown = visible(text)
    assert not re.search(
        "[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200e\u200f\ud800-\udfff]", shown
    )
    shown.encode()


# Unicode's Default_Ignorable_Code_Point: fillers, selectors and marks that take up no space.
IGNORABLE = [
    *(0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFEFF, 0xFFA0),
    *range(0x180B, 0x1810),
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    *range(0xFE00, 0xFE10),
    *range(0xFFF0, 0xFFF9),
    *range(0x1BCA0, 0x1BCA4),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE1000),
]


def test_ignorable_characters_are_shown() -> None:
    """Each character that Unicode lets a terminal ignore is shown as its escape."""
    assert [hex(code) for code in IGNORABLE if not visible(chr(code)).startswith("\\")] == []


def test_readable_text_stays_as_it_is() -> None:
    """Letters, accents, other scripts, symbols and emoji are shown as they are."""
    text = "Grüße, 漢字, العربية, हिन्दी, e\u0301, ₿ 👍 \\n"
    assert visible(text) == text


@pytest.fixture(scope="module")
def echoing() -> Iterator[ScriptedServer]:
    """A server that accepts everything."""
    with ScriptedServer(always(answer())) as server:
        yield server


def talk(
    base_url: str, table: str = "t", client_id: int = 12, timeout: float = 5
) -> AttemptOutcome:
    """Ask everything an API can be asked; return what the upsert's answer means."""

    async def ask() -> AttemptOutcome:
        credentials = Credentials(client_id, CREDENTIALS.api_key)
        async with Transport(Endpoint.parse(base_url), timeout) as transport:
            classify_status(await transport.status())
            classify_authenticate(await transport.authenticate(credentials))
            return classify_upsert(await transport.upsert(credentials, table, b"[]"))

    return asyncio.run(ask())


names = st.one_of(st.text(max_size=20), st.from_regex(r"[A-Za-z0-9_./%?#&;\\-]{1,20}"))


@settings(max_examples=60, deadline=None)
@given(table=names, client_id=st.one_of(names, st.integers().map(str)))
@example("../../v2", "1/../2")
@example("a\n", "1\n")
@example("t%2f", "\uff11\uff12")
def test_names_never_change_the_path(echoing: ScriptedServer, table: str, client_id: str) -> None:
    """A table name or client id is refused, or is in the path on the wire as it is."""
    try:
        number, name = CLIENT_ID.read(client_id), TABLE.read(table)
    except ValueError:
        number, name = 12, re.sub("[^A-Za-z0-9_]", "", table) or "t"
    echoing.requests.clear()
    talk(echoing.base_url, name, number)
    assert [request.target for request in echoing.requests] == [
        "/",
        f"/v2/client/{number}/authenticate?apikey=rj-canary-1234",
        f"/v2/client/{number}/table/{name}/data?apikey=rj-canary-1234",
    ]


@given(
    st.one_of(
        st.text().map("https://{}".format),
        st.from_regex(r"https?://[a-z0-9.:@\[\]%-]{1,20}(/[A-Za-z0-9._~%;:@!$&'()*+,=\\/-]{0,9})*"),
    )
)
@example("https://api.example/a/../b")
@example("https://api.example/%2e%2e/b")
@example("https://api.example\\@evil.example/")
@example("https://a..example")
@example(f"https://{'a' * 64}.example")
@example("http://127.0.0.1@evil.example")
@example("http://localhost.evil.example")
@example("http://[::1%25eth0]/")
@example("http://127.1/")
@example("https://999.1.1.1/")
@example("https://1.2.3.4.5/")
@example("https://h:/")
def test_base_url_means_one_thing(base_url: str) -> None:
    """A base URL is refused, or both libraries on the way read the same host and path in it."""
    try:
        endpoint = Endpoint.parse(base_url)
    except ValueError:
        return
    url = endpoint.upsert_url(12, "t")
    with_httpx, parts = httpx.URL(url), urlsplit(url)
    assert with_httpx.path == parts.path
    assert with_httpx.host == parts.hostname
    assert with_httpx.port == parts.port or parts.port in {80, 443}
    assert endpoint.is_encrypted or endpoint.is_loopback
    assert (
        not endpoint.is_loopback
        or parts.hostname in {"localhost", "::1"}
        or (parts.hostname or "").startswith("127.")
    )


header = st.tuples(
    st.sampled_from(
        ["Content-Type", "Content-Encoding", "Retry-After", "Date", "Location", "Set-Cookie", "X"]
    ),
    st.one_of(st.text(st.characters(max_codepoint=255), max_size=30), st.just("gzip")),
)


@settings(max_examples=150, deadline=None)
@given(st.integers(200, 999), st.lists(header, max_size=4), st.binary(max_size=200))
@example(500, [("Retry-After", "9" * 400)], b"{}")
@example(500, [("Retry-After", "Mon, 99 Foo 9999 99:99:99 GMT")], b"{}")
@example(500, [("Date", "x"), ("Retry-After", "Fri, 31 Dec 9999 23:59:59 GMT")], b"{}")
@example(400, [], b"[" * 100_000)
@example(201, [("Transfer-Encoding", "chunked")], b"zz\r\n")
def test_no_answer_is_a_crash(status: int, headers: list[tuple[str, str]], body: bytes) -> None:
    """Whatever is answered, it has a meaning, or the connection counts as lost."""
    lines = [f"HTTP/1.1 {status} \xff", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    check_answer("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
@example(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nx")
@example(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
@example(b"HTTP/1.1 200 OK\r\n" * 3 + b"\r\n")
@example(b"HTTP/1.1 200 OK\r\n\r\n")
@example(b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n")
def test_no_bytes_are_a_crash(reply: bytes) -> None:
    """Whatever bytes come as an answer, they have a meaning, or the connection counts as lost."""
    check_answer(reply)


def check_answer(reply: bytes) -> None:
    """Ask everything of a server that gives one answer to all."""
    with ScriptedServer(always(reply)) as server, suppress(TransportError):
        outcome = talk(server.base_url, timeout=0.05)
        assert isinstance(error_from(outcome), RjcliError)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])  # noqa: S104 - to be refused
def test_serve_stays_on_this_machine(rjcli: Rjcli, host: str) -> None:
    """`serve` refuses addresses that others can reach, and says how to allow it: exit 2."""
    done = rjcli("serve", "--host", host, "--port", "0")
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr


def test_serve_listens_elsewhere_with_allow_remote(rjcli: Rjcli) -> None:
    """With --allow-remote `serve` listens where it is asked to, and warns that the key is plain."""
    command = [sys.executable, "-m", "rjcli", "serve", "--port", "0", "--allow-remote"]
    with subprocess.Popen(
        [*command, "--host", "0.0.0.0"],  # noqa: S104 - that is what is tested
        cwd=rjcli.home,
        env=rjcli.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stdout
        port = re.search(r"http://0\.0\.0\.0:(\d+)", server.stdout.readline())
        assert port
        assert rjcli("status", "--base-url", f"http://127.0.0.1:{port[1]}").returncode == 0
        server.terminate()
        _, shown = server.communicate(timeout=20)
    assert server.returncode == 0
    assert "plain text" in shown
