"""Where the system has no more to give, or something fails that nobody foresaw."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Rjcli, Serve
from tests.support.scripted import always, answer

ENTRY = "from rjcli.cli import main; main()"  # as the installed command does
PUSH = ("push", "r.ndjson", "-t", "t", "-k", "id", "--json")
# Python itself would leave compiled modules that are cut off by the limit.
LIMITED = {"PYTHONWARNINGS": "", "PYTHONDONTWRITEBYTECODE": "1"}
INJECT = """
import importlib, os
module, _, path = os.environ["INJECT"].partition(":")
holder = importlib.import_module(module)
*names, last = path.split(".")
for name in names:
    holder = getattr(holder, name)

def fail(*_, **__):
    raise RuntimeError("secret")

setattr(holder, last, fail)
"""


def run(
    rjcli: Rjcli, *arguments: str, limit: tuple[int, int] | None = None, **environ: str
) -> "subprocess.CompletedProcess[bytes]":
    """Run rjcli under a limit of the system; it must not end by a traceback."""
    lines = [b'{"id": %d}\n' % number for number in range(300)]
    (rjcli.home / "r.ndjson").write_bytes(b"".join([*lines, *[b"[\n"] * 100]))
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment({**LIMITED, "RJCLI_SETTLE": "1", **environ}),
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(limit[0], (limit[1],) * 2) if limit else None,
    )
    assert b"Traceback" not in done.stderr, done.stderr
    assert b"secret" not in done.stdout + done.stderr
    return done


def account(done: "subprocess.CompletedProcess[bytes]") -> dict[str, Any]:
    """The one object that was printed, whose account adds up."""
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["exit_code"] == done.returncode
    counts = document["records"]
    assert counts["read"] == sum(counts.values()) - counts["read"]
    return document


@pytest.mark.parametrize("most", [8, 12, 16, 18, 20, 24])
def test_too_few_open_files_are_accounted_for(rjcli: Rjcli, most: int) -> None:
    """With too few open files a push ends with exit 5, its account, and a hint."""
    done = run(rjcli, *PUSH, "--env", "local", limit=(resource.RLIMIT_NOFILE, most))
    assert done.returncode == 5, done.stderr
    assert "Too many open files" in account(done)["message"]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory has no such limit")
@pytest.mark.parametrize("megabytes", [34, 38, 42, 46])
def test_too_little_memory_is_accounted_for(rjcli: Rjcli, megabytes: int) -> None:
    """With too little memory a push ends with exit 5 and its account, however early."""
    limit = (resource.RLIMIT_AS, megabytes * 2**20)
    done = run(rjcli, *PUSH, "--env", "local", limit=limit)
    assert done.returncode == 5, done.stderr
    assert account(done)["error"] == "unavailable"


@pytest.mark.parametrize("most", [0, 200, 600, 3000])
def test_full_disk_is_accounted_for(rjcli: Rjcli, serve: Serve, most: int) -> None:
    """Whichever file of a run cannot be written, the push ends with exit 5 and its account."""
    server = serve(always(answer()))
    limit = (resource.RLIMIT_FSIZE, most)
    done = run(rjcli, *PUSH, "--base-url", server.base_url, limit=limit)
    assert done.returncode == 5, done.stderr
    assert account(done)["error"] == "disk"


def test_full_disk_under_the_local_database_is_accounted_for(rjcli: Rjcli) -> None:
    """Where the local database cannot be written, the push ends with exit 2 or 5."""
    done = run(rjcli, *PUSH, "--env", "local", limit=(resource.RLIMIT_FSIZE, 3000))
    assert done.returncode in {2, 5}, done.stderr
    assert "local database" in account(done)["message"]


def test_full_disk_under_a_copy_of_stdin_is_accounted_for(rjcli: Rjcli, serve: Serve) -> None:
    """Where stdin cannot be copied to find column types, the push ends with exit 5."""
    server = serve(always(answer()))
    push = ["push", "-", "-t", "t", "-k", "id", "--format", "csv", "--base-url", server.base_url]
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *push, "--json"],
        input=b"id\n" + b"1\n" * 50_000,
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment({**LIMITED, "TMPDIR": str(rjcli.home)}),
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert done.returncode == 5, done.stderr
    assert "cannot copy" in account(done)["message"]


@pytest.mark.parametrize("place", [("--env", "local"), ("--base-url", "http://127.0.0.1:9")])
def test_deleted_working_directory_is_an_error(rjcli: Rjcli, place: tuple[str, str]) -> None:
    """In a directory that was deleted, a push ends with exit 2 or 5, and a message."""
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    push = ["push", f"{rjcli.home}/r.ndjson", "-t", "t", "-k", "id", *place, "--json"]
    done = subprocess.run(
        ["/bin/sh", "-c", script, "sh", sys.executable, "-c", ENTRY, *push],
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment(),
        check=False,
    )
    assert done.returncode in {2, 5}, done.stderr
    assert b"Traceback" not in done.stderr
    account(done)


@pytest.mark.parametrize(("file", "code"), [("-", 2), ("r.ndjson", 0)])
def test_closed_stdin_is_no_other_file(rjcli: Rjcli, file: str, code: int) -> None:
    """Where stdin is closed, reading it is a usage error, and other files are pushed."""
    (rjcli.home / "r.ndjson").write_text('{"id": 1}\n')
    push = ["push", file, "-t", "t", "-k", "id", "--env", "local", "--json"]
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", ENTRY, *push],
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment(),
        check=False,
    )
    assert done.returncode == code, done.stderr
    account(done)


PLACES = [
    "rjcli.delivery.delivery:Delivery.deliver",
    "rjcli.engine.engine:Engine.__aenter__",
    "rjcli.engine.engine:Limits.__init__",
    "rjcli.engine.table_push:TablePush._check_end",
    "rjcli.engine.progress:ProgressWatch.progressed",
    "rjcli.engine.table_push:TablePush._take_over",
    "rjcli.http.transport:Transport.upsert",
    "rjcli.producer.producer:Producer.messages",
    "rjcli.report.report:Report._reject",
    "rjcli.report.report:Report._start",
    "rjcli.run.keys_in_doubt:KeysInDoubt.end",
    "rjcli.run.ledger:Ledger._join",
    "rjcli.run.ledger:Ledger.save_if_due",
    "rjcli.run.run:Run.save",
    "rjcli.run.run:Run.sync",
]


@pytest.mark.parametrize("place", PLACES)
def test_unforeseen_error_leaves_the_account(rjcli: Rjcli, serve: Serve, place: str) -> None:
    """Wherever an error comes from, there are account, summary, checkpoint and --json object."""
    server = serve(always(answer()))
    (rjcli.home / "sitecustomize.py").write_text(INJECT)
    done = run(
        rjcli,
        *(*PUSH, "--base-url", server.base_url),
        INJECT=place,
        PYTHONPATH=str(rjcli.home),
    )
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["error"] == "defect"
    assert "RuntimeError in sitecustomize.py" in document["message"]
    directory = Path(document["run_dir"])
    assert json.loads((directory / "summary.json").read_bytes()) == document
    assert json.loads((directory / "checkpoint.json").read_bytes())["run"] == document["run"]


@pytest.mark.parametrize(
    "place",
    ["rjcli.http.transport:Transport.__aexit__", "rjcli.report.report:next_steps"],
)
def test_unforeseen_error_at_the_end_adds_no_second_object(
    rjcli: Rjcli, serve: Serve, place: str
) -> None:
    """An error after the summary does not print another object, and leaves what was accepted."""
    server = serve(always(answer()))
    (rjcli.home / "sitecustomize.py").write_text(INJECT)
    done = run(
        rjcli, *PUSH, "--base-url", server.base_url, INJECT=place, PYTHONPATH=str(rjcli.home)
    )
    assert json.loads(done.stdout)["records"]["accepted"] == 300


def test_failure_to_load_prints_the_whole_object(rjcli: Rjcli) -> None:
    """Where rjcli cannot even be loaded, its object has the members of every other failure."""
    (rjcli.home / "msgspec.py").write_text("raise MemoryError")
    done = run(rjcli, *PUSH, PYTHONPATH=str(rjcli.home))
    assert done.returncode == 5
    usage_error = json.loads(rjcli("push", "missing", "-t", "t", "--json").stdout)
    assert account(done).keys() == usage_error.keys()
