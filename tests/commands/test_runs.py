"""Runs: rejects to mend, one process a job, full disks, and `rjcli runs`."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.commands.test_resume import numbered, push, start, stopping_at, wait_for_requests, write
from tests.conftest import LocalApi, Rjcli, Serve
from tests.support.scripted import Request, always, answer


def test_fixed_csv_rejects_load(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Rejects of a CSV come as they were, header and all; mended, the same command loads them."""
    file = rjcli.home / "r.csv"
    file.write_bytes(b'\xef\xbb\xbfid;name\r\n1;"a\r\nb"\r\n;"c ""d"""\r\n3;e;f\r\n4;g\r\n')
    document = json.loads(rjcli(*push(local_api, file)).stdout)
    rejects = Path(document["rejects"])
    assert rejects.read_bytes() == b'\xef\xbb\xbfid;name\r\n;"c ""d"""\r\n3;e;f\r\n'
    assert rejects.stat().st_mode & 0o777 == 0o600
    assert Path(document["run_dir"]).stat().st_mode & 0o777 == 0o700
    mended = rejects.read_bytes().replace(b"\r\n;", b"\r\n2;").replace(b"e;f", b"e")
    rejects.write_bytes(mended)
    done = rjcli(*push(local_api, rejects))
    assert done.returncode == 0, done.stderr
    names = {
        orjson.loads(each)["id"]: orjson.loads(each)["name"] for each in local_api.records("t")
    }
    assert names == {1: "a\r\nb", 2: 'c "d"', 3: "e", 4: "g"}


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16", "\ufeff"), ("utf-16", ""), ("latin-1", "")]
)
def test_rejects_keep_the_encoding(
    rjcli: Rjcli, local_api: LocalApi, encoding: str, mark: str
) -> None:
    """Rejects of a CSV are in its own encoding, with the byte order mark that it has."""
    name = "utf-16-le" if encoding == "utf-16" else encoding
    file = rjcli.home / "r.csv"
    file.write_bytes(f"{mark}id,é\n1,ü\n,ö\n".encode(name))
    document = json.loads(rjcli(*push(local_api, file, "--encoding", encoding)).stdout)
    assert Path(document["rejects"]).read_bytes() == f"{mark}id,é\n,ö\n".encode(name)


def test_errors_name_each_reject(rjcli: Rjcli, serve: Serve) -> None:
    """errors.ndjson says for each reject where it stood, where it failed, and why."""

    async def refuse(request: Request) -> bytes:
        bad = [each for each in orjson.loads(request.body) if each["id"] == 3]
        return answer(400, b'{"code":400,"reasons":["no threes"]}') if bad else answer()

    server = serve(refuse)
    file = rjcli.home / "r.ndjson"
    file.write_bytes(b'{"id": 1}\n\n{"id": 2\n{"id": 3}\n{"no": 4}\n' + b"x" * 500 + b"\n")
    document = json.loads(rjcli(*push(server, file, "--max-record-bytes", "99")).stdout)
    told = [json.loads(line) for line in Path(document["errors"]).read_text().splitlines()]
    reasons = [each.pop("reasons") for each in told]
    assert told == [
        {"file": str(file), "line": 3, "record": 2, "stage": "read", "status": None},
        {"file": str(file), "line": 4, "record": 3, "stage": "api", "status": 400},
        {"file": str(file), "line": 5, "record": 4, "stage": "prepare", "status": None},
        {"file": str(file), "line": 6, "record": 5, "stage": "read", "status": None},
    ]
    assert reasons[1] == ["no threes"]
    assert "not among the rejects" in reasons[3][-1]
    assert Path(document["rejects"]).read_bytes() == b'{"id": 2\n{"id": 3}\n{"no": 4}\n'


def test_rejects_of_several_forms_get_a_file_each(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Rejects of inputs with other formats or other headers are kept apart."""
    contents = {
        "a.csv": "id,n\n1\n",
        "b.csv": "n,id\n2\n",
        "c.ndjson": "{\n",
        "d.csv": "id,n\n3\n",
    }
    for name, content in contents.items():
        (rjcli.home / name).write_text(content)
    address = ["--base-url", local_api.base_url, "-t", "t", "-k", "id", "--json"]
    document = json.loads(rjcli("push", *contents, *address).stdout)
    found = [Path(document["rejects"]), *map(Path, document["more_rejects"])]
    assert {path.name: path.read_text() for path in found} == {
        "rejects-2.csv": "n,id\n2\n",
        "rejects.csv": "id,n\n1\n3\n",
        "rejects.ndjson": "{\n",
    }


def test_second_push_of_a_job_ends_at_once(rjcli: Rjcli, serve: Serve) -> None:
    """While a push is at work, the same one ends with exit 5 and names process and start."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", numbered(1000))
    first = start(rjcli, *push(server, file, "--rate-limit", "2"))
    try:
        wait_for_requests(server, 1)
        done = rjcli(*push(server, file))
        assert done.returncode == 5
        assert f"process {first.pid}, started 2" in done.stderr
        running = json.loads(rjcli("runs", "--json").stdout)["runs"]
        assert [run["status"] for run in running] == ["running"]
    finally:
        first.kill()
        first.communicate()
    assert "killed" in rjcli("runs").stdout
    assert rjcli(*push(server, file, "--resume")).returncode == 0


def limit_file_size() -> None:
    """Let no file get longer than 20 kB, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))


def test_full_disk_stops_the_push(rjcli: Rjcli, serve: Serve) -> None:
    """Where rejects cannot be written the push stops with exit 5; resumed, none is missing."""
    server = serve(always(answer()))
    records: list[Any] = [b"{%d" % number for number in range(3000)]
    file = write(rjcli.home / "r.ndjson", [*numbered(2000), *records, *numbered(2000)])
    done = subprocess.run(
        [sys.executable, "-B", "-m", "rjcli", *push(server, file)],
        cwd=rjcli.home,
        env=rjcli.environment(),
        preexec_fn=limit_file_size,
        capture_output=True,
        timeout=30,
        check=False,
    )
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 5
    assert "File too large" in document["message"]
    assert document["run_dir"] in document["message"]
    assert document["resumable"]
    resumed = json.loads(rjcli(*push(server, file, "--resume")).stdout)
    assert resumed["records"]["rejected"] == 3000
    assert Path(resumed["rejects"]).read_bytes() == b"".join(each + b"\n" for each in records)


def test_without_a_place_for_runs_a_push_says_so(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Where no state directory can be made, --run-dir is asked for: exit 2."""
    (rjcli.home / "file").touch()
    file = write(rjcli.home / "r.ndjson", numbered(5))
    nowhere = {"XDG_STATE_HOME": str(rjcli.home / "file")}
    done = rjcli(*push(local_api, file), env=nowhere)
    assert done.returncode == 2
    assert "--run-dir" in done.stderr
    run_dir = rjcli.home / "mine"
    done = rjcli(*push(local_api, file, "--run-dir", str(run_dir)), env=nowhere)
    assert done.returncode == 0
    assert json.loads(done.stdout)["run_dir"] == str(run_dir)
    assert {path.name for path in run_dir.iterdir()} == {
        "checkpoint.json",
        "job.json",
        "lock",
        "summary.json",
    }


def test_run_dir_with_rejects_is_not_written_over(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A directory with something left to do, or that is no run's, is not taken for a new run."""
    file = write(rjcli.home / "r.ndjson", [{"id": 1}, {"no": 1}])
    assert rjcli(*push(local_api, file, "--run-dir", "mine")).returncode == 3
    done = rjcli(*push(local_api, file, "--run-dir", "mine"))
    assert done.returncode == 2
    assert "has rejects" in done.stderr
    done = rjcli(*push(local_api, file, "--run-dir", "."))
    assert done.returncode == 2
    assert "not a run directory" in done.stderr


def test_runs_lists_and_shows(rjcli: Rjcli, serve: Serve) -> None:
    """`rjcli runs` tells of each push, and shows the exact command that resumes one."""
    server = serve(stopping_at(2))
    assert rjcli("runs").stdout == "there are no runs\n"
    file = write(rjcli.home / "a b.ndjson", numbered(500))
    name = json.loads(rjcli(*push(server, file)).stdout)["run"]
    shown = rjcli("runs", name).stdout
    assert "accepted 200" in shown
    command = shown.partition("to resume: ")[2].strip()
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607 - any shell
        env=rjcli.environment(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [run] = json.loads(rjcli("runs", "--json").stdout)["runs"]
    assert (run["run"], run["status"], run["records"]["accepted"]) == (name, "complete", 500)
    assert rjcli("runs", "nonsense").returncode == 2


def test_old_runs_go_but_none_that_is_wanted(rjcli: Rjcli, serve: Serve) -> None:
    """Runs of 30 days ago are deleted, but not those that settled a part, or hold rejects."""
    server = serve(stopping_at(2))
    contents = {
        "resumable": numbered(500),
        "rejects": [b"x", {"id": 1}],
        "done": numbered(5),
        "in vain": numbered(5),
    }
    for name, records in contents.items():
        file = write(rjcli.home / f"{name}.ndjson", records)
        nowhere = ("--base-url", "http://127.0.0.1:1", "--retry-for", "0")
        options = nowhere if name == "in vain" else ()
        run_dir = json.loads(rjcli(*push(server, file, *options)).stdout)["run_dir"]
        os.utime(run_dir, (0, 0))
    left = json.loads(rjcli("runs", "--json").stdout)["runs"]
    assert {Path(run["inputs"][0]).stem for run in left} == {"resumable", "rejects"}


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_closed_output_does_not_stop_a_load(rjcli: Rjcli, local_api: LocalApi, stream: str) -> None:
    """When nobody reads its output any more, as with `| head`, a push goes on to its end."""
    file = write(rjcli.home / "r.ndjson", [*numbered(1000), *(b"x" for _ in range(1000))])
    reading, writing = os.pipe()
    os.close(reading)
    streams: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(
        [sys.executable, "-m", "rjcli", *push(local_api, file, "-v")],
        cwd=rjcli.home,
        env=rjcli.environment(),
        timeout=30,
        check=False,
        **(streams | {stream: writing}),
    )
    os.close(writing)
    assert done.returncode == 3
    assert len(local_api.records("t")) == 1000
    [run] = json.loads(rjcli("runs", "--json").stdout)["runs"]
    assert run["records"]["rejected"] == 1000
