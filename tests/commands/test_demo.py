"""`rjcli demo` and `make demo`: the story of a push, without an account and without traces."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.conftest import Rjcli

ROOT = Path(__file__).parent.parent.parent


def test_demo_tells_the_whole_story(rjcli: Rjcli) -> None:
    """`rjcli demo` pushes a bad record, fixes and retries it, shows it, and leaves nothing."""
    (rjcli.home / "tmp").mkdir()
    # Neither the user's settings nor their proxy have a part in it.
    env = {"TMPDIR": str(rjcli.home / "tmp"), "RJCLI_TABLE": "other", "http_proxy": "http://no:1"}
    done = rjcli("demo", env=env)
    assert done.returncode == 0, done.stderr
    commands = [line.split()[1:3] for line in done.stdout.splitlines() if line.startswith("$ ")]
    assert commands[:1] == [["rjcli", "serve"]]
    assert commands[2:5] == [["cat", "orders.csv"], ["rjcli", "push"], commands[4]]
    assert commands[5:] == [["rjcli", "retry"], ["python", "-m"]]
    assert "rejected: orders.csv, line 4: " in done.stderr
    assert "complete: read 1 = accepted 1" in done.stdout
    assert "1003  Edsger    31.90" in done.stdout
    assert [path.name for path in rjcli.home.rglob("*")] == ["tmp"]


def test_stopped_demo_leaves_nothing(rjcli: Rjcli) -> None:
    """A demo that is told to end has no file and no process left, and says so."""
    (rjcli.home / "tmp").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "rjcli", "demo"],
        env=rjcli.environment({"TMPDIR": str(rjcli.home / "tmp")}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("#")
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM" in errors
    assert [path.name for path in rjcli.home.rglob("*")] == ["tmp"]


def test_make_demo_sets_up_what_it_needs(tmp_path: Path) -> None:
    """`make demo` installs rjcli alone, without linters, and keeps its runs to itself."""
    words = ["make", "-n", "-C", str(ROOT), f"VENV={tmp_path}/venv"]
    steps = subprocess.run([*words, "demo"], capture_output=True, text=True, check=True).stdout
    assert "--editable .\n" in steps
    assert "[dev]" not in steps
    database = subprocess.run([*words, "-p", "demo"], capture_output=True, text=True, check=True)
    assert f"demo: XDG_STATE_HOME := {ROOT}/demo/state\n" in database.stdout
