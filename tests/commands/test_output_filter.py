"""The last filter: whatever writes to stdout and stderr, the known key is taken out."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import CANARY_KEY, Rjcli, Serve
from tests.support.scripted import always, answer

WIRE_KEY = "aB3%2BxY9%2FkL2%3DQw%3D%3D"
KEY = "aB3+xY9/kL2=Qw=="

# Python loads it first. Each says what nobody foresaw, in its own way, with the key in it.
WAYS = {
    "excepthook": "asyncio.Runner.run = lambda *_, **__: sys.excepthook(*error(secret))",
    "thread": """
def run(*_, **__):
    thread = threading.Thread(target=lambda: fail(secret))
    thread.start()
    thread.join()
asyncio.Runner.run = run
""",
    "destructor": """
class Fails:
    def __del__(self):
        fail(secret)
asyncio.Runner.run = lambda *_, **__: Fails()
""",
    "exit": "atexit.register(lambda: fail(secret))",
    "warning": """
warnings.simplefilter("always")
asyncio.Runner.run = lambda *_, **__: warnings.warn(secret)
""",
    "log": "asyncio.Runner.run = lambda *_, **__: logging.getLogger('foreign').error(secret)",
    "log of before": """
logging.basicConfig(level=logging.DEBUG)
asyncio.Runner.run = lambda *_, **__: logging.getLogger('foreign').error(secret)
""",
    "print": "asyncio.Runner.run = lambda *_, **__: print(secret, 'printed')",
    "unforeseen error": "asyncio.Runner.run = lambda *_, **__: fail(secret)",
}
BEFORE = """
import asyncio, atexit, logging, os, sys, threading, warnings
from urllib.parse import quote
key = os.environ["RJCLI_API_KEY"]
secret = f"/v2?apikey={quote(key, safe='')} and {key}"

def fail(text):
    raise RuntimeError(text)

def error(text):
    try:
        fail(text)
    except RuntimeError:
        return sys.exc_info()
"""


@pytest.mark.parametrize("way", WAYS)
def test_key_does_not_come_through(rjcli: Rjcli, way: str) -> None:
    """Errors of threads and destructors, warnings and logs come out without the key."""
    (rjcli.home / "sitecustomize.py").write_text(BEFORE + WAYS[way])
    env = {
        "PYTHONPATH": str(rjcli.home),
        "RJCLI_API_KEY": KEY,
        "PYTHONWARNINGS": "default",
        "RJCLI_TRACE": "1",
    }
    done = rjcli("auth-check", "--base-url", "http://127.0.0.1:9", env=env)
    written = done.stdout + done.stderr
    assert KEY not in written
    assert WIRE_KEY not in written
    assert quote(KEY) not in written
    # It is the filter that did it, but for what the program shows without its text.
    assert way == "unforeseen error" or "/v2?apikey=[API key] and [API key]" in written


def test_key_of_a_file_does_not_come_through(rjcli: Rjcli) -> None:
    """A key that no variable holds is taken out from the moment it was found."""
    before = BEFORE.replace('os.environ["RJCLI_API_KEY"]', repr(KEY))
    (rjcli.home / "sitecustomize.py").write_text(before + WAYS["thread"])
    key_file = rjcli.home / "key"
    key_file.touch(0o600)
    key_file.write_text(KEY)
    env = {"PYTHONPATH": str(rjcli.home), "RJCLI_API_KEY": ""}
    address = ("--base-url", "http://127.0.0.1:9")
    done = rjcli("auth-check", *address, "--api-key-file", "key", env=env)
    assert "apikey=[API key] and [API key]" in done.stderr
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["push", "x", "--jobs", CANARY_KEY],
        [CANARY_KEY],
        ["push", CANARY_KEY, "-t", "t", "-k", "id"],
        ["push", "x", "-t", f"t {CANARY_KEY}"],
        ["push", "x", "-t", "t", "-k", f"id,{CANARY_KEY}", "--select", "id"],
        ["auth-check", "--client-id", CANARY_KEY],
        ["auth-check", "--profile", CANARY_KEY],
        ["auth-check", "--ca-file", CANARY_KEY, "--base-url", "https://h.invalid"],
        ["auth-check", "--base-url", f"https://h.invalid/?apikey={CANARY_KEY}"],
        ["auth-check", "--base-url", f"https://h.invalid/{CANARY_KEY}"],
        ["auth-check", "--base-url", f"https://{CANARY_KEY}.invalid"],
        ["auth-check", "--base-url", f"https://h.invalid:{CANARY_KEY}"],
        ["auth-check", "--base-url", f"https://[{CANARY_KEY}]"],
        ["status", "--base-url", f"http://127.0.0.1:9/{CANARY_KEY}"],
        ["runs", CANARY_KEY],
    ],
    ids=" ".join,
)
def test_key_in_the_wrong_place_is_not_echoed(rjcli: Rjcli, arguments: list[str]) -> None:
    """A key given as any other option is not shown, in plain text nor as JSON."""
    done = rjcli(*arguments, "--json")
    assert done.returncode in {2, 5}, done.stderr
    assert CANARY_KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout or json.loads(done.stdout)["exit_code"] == done.returncode


def test_output_stays_as_it_is(rjcli: Rjcli, serve: Serve) -> None:
    """What does not hold the key is written as it is, and a short key changes nothing."""
    server = serve(always(answer(200, b"{}")))
    for key in (CANARY_KEY, '"'):
        command = ("auth-check", "--json", "--base-url", server.base_url)
        done = rjcli(*command, env={"RJCLI_API_KEY": key})
        assert json.loads(done.stdout)["status"] == "authorized"


def test_engine_changes_no_stream() -> None:
    """Importing the engine and the HTTP client leaves stdout and stderr as they are."""
    script = (
        "import sys\nbefore = sys.stdout.write, sys.stderr.write, sys.excepthook\n"
        "import rjcli.engine.table_push, rjcli.http.transport\n"
        "assert before == (sys.stdout.write, sys.stderr.write, sys.excepthook)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
