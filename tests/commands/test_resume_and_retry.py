"""`rjcli resume` and `rjcli retry`: an earlier run says what to push, where to, and how."""

import json
from pathlib import Path
from typing import Any

import orjson

from tests.commands.test_resume import numbered, stopping_at, write
from tests.conftest import CANARY_KEY, CLIENT_ID, LocalApi, Rjcli, Serve
from tests.support.scripted import ScriptedServer, always, answer, ids

KEY_ONLY = {"RJCLI_CLIENT_ID": "", "RJCLI_SETTLE": "0"}


def interrupted(rjcli: Rjcli, server: ScriptedServer, file: Path) -> Any:
    """A push of which all but the file comes from variables, and which breaks off."""
    env = {"RJCLI_BASE_URL": server.base_url, "RJCLI_TABLE": "t", "RJCLI_KEYS": "id"}
    done = rjcli("push", file.name, "--json", "-j", "1", env=env)
    assert done.returncode == 5, done.stderr
    return json.loads(done.stdout)


def test_resume_needs_nothing_but_the_run(rjcli: Rjcli, serve: Serve) -> None:
    """From another directory and without variables, a run goes on where it broke off."""
    server = serve(stopping_at(2))
    first = interrupted(rjcli, server, write(rjcli.home / "r.ndjson", numbered(500)))
    assert first["resume"] == f"rjcli resume {first['run']}"
    sent = len(ids(server))
    words = first["resume"].split()[1:]
    done = rjcli(*words, "--json", env=KEY_ONLY, cwd="/")
    document = json.loads(done.stdout)
    assert done.returncode == 0, done.stderr
    assert (document["run"], document["client_id"]) == (first["run"], CLIENT_ID)
    assert (document["base_url"], document["table"]) == (first["base_url"], "t")
    assert document["records"]["accepted"] == 500
    assert ids(server)[sent:] == [*range(200, 500)]


def test_last_run_and_the_beginning_of_a_name(rjcli: Rjcli, serve: Serve) -> None:
    """--last is the last run that can be resumed; a name may be cut short, if it stays clear."""
    server = serve(stopping_at(2))
    first = interrupted(rjcli, server, write(rjcli.home / "a.ndjson", numbered(500)))
    rjcli("push", write(rjcli.home / "b.ndjson", numbered(5)), "-t", "t", "-k", "id",
          "--base-url", server.base_url)  # fmt: skip
    assert rjcli("resume", "20", env=KEY_ONLY).returncode == 2
    assert "may be several runs" in rjcli("resume", "20", env=KEY_ONLY).stderr
    assert rjcli("resume", first["run"][:-2], "--last", env=KEY_ONLY).returncode == 2
    assert rjcli("resume", env=KEY_ONLY).returncode == 2
    done = rjcli("resume", "--last", "--json", env=KEY_ONLY)
    assert json.loads(done.stdout)["run"] == first["run"]
    again = rjcli("resume", first["run"], env=KEY_ONLY)
    assert again.returncode == 2
    assert "nothing to resume" in again.stderr
    assert "there is no run to resume" in rjcli("resume", "--last", env=KEY_ONLY).stderr


def test_run_never_holds_the_key(rjcli: Rjcli, serve: Serve) -> None:
    """What a run keeps to be resumed has a key file's name, and no key."""
    server = serve(always(answer()))
    key_file = rjcli.home / "key"
    key_file.write_text(CANARY_KEY)
    key_file.chmod(0o600)
    file = write(rjcli.home / "r.ndjson", numbered(5))
    address = ["-t", "t", "-k", "id", "--base-url", server.base_url]
    done = rjcli("push", file, *address, "--api-key-file", "key", env={"RJCLI_API_KEY": ""})
    assert done.returncode == 0, done.stderr
    for path in (rjcli.home / ".local").rglob("*"):
        assert not (path.is_file() and CANARY_KEY.encode() in path.read_bytes())
    [job] = (rjcli.home / ".local").rglob("job.json")
    assert str(key_file) in job.read_text()


def test_resume_that_cannot_help_is_not_offered(rjcli: Rjcli, serve: Serve) -> None:
    """No resume is offered for bad usage, a changed input, or the same limit of rejects."""
    server = serve(stopping_at(2))
    file = write(rjcli.home / "r.ndjson", numbered(500))
    interrupted(rjcli, server, file)
    file.write_bytes(b'{"id":"other"}\n' + file.read_bytes())
    changed = json.loads(rjcli("resume", "--last", "--json", env=KEY_ONLY).stdout)
    assert (changed["exit_code"], changed["error"], changed["resume"]) == (2, "input", None)
    bad = write(rjcli.home / "bad.ndjson", [b"x"] * 30 + numbered(5))
    address = ["-t", "t", "-k", "id", "--base-url", server.base_url, "--json"]
    stopped = json.loads(rjcli("push", bad, *address, "--max-rejects", "3").stdout)
    assert (stopped["exit_code"], stopped["error"], stopped["resume"]) == (6, "rejects", None)


def test_fixed_rejects_are_pushed_as_their_run_was(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`rjcli retry` uses the run's target, keys, shape and types; then the run counts as whole."""
    file = rjcli.home / "r.csv"
    rows = [f"{number},{number}.50,x" for number in range(1, 200)]
    file.write_text("\n".join(["id,price,note", *rows, "200", ""]))
    options = ["-t", "t", "-k", "number", "--rename", "id=number", "--skip", "1", "--type"]
    options += ["note=string", "--base-url", local_api.base_url, "--json"]
    first = json.loads(rjcli("push", file, *options).stdout)
    assert (first["exit_code"], first["records"]["rejected"]) == (3, 1)
    rejects = Path(first["rejects"])
    assert rejects.read_text() == "id,price,note\n200\n"
    still = rjcli("retry", first["run"], "--json", env=KEY_ONLY, cwd="/")
    assert still.returncode == 3
    second = json.loads(still.stdout)
    Path(second["rejects"]).write_text("id,price,note\n200,7,007\n")
    done = rjcli("retry", second["run"], "--json", env=KEY_ONLY, cwd="/")
    assert done.returncode == 0, done.stderr
    assert orjson.loads(local_api.records("t")[-1]) == {
        "keys": ["number"],
        "number": 200,
        "price": 7,
        "note": "007",
    }
    runs = json.loads(rjcli("runs", "--json").stdout)["runs"]
    assert [run["status"] for run in runs] == ["complete"] * 3
    assert [run["rejects"] for run in runs] == [None] * 3
    assert "has no rejects" in rjcli("retry", first["run"]).stderr


def test_quiet_is_silent_only_if_all_was_accepted(rjcli: Rjcli, local_api: LocalApi) -> None:
    """With -q a push of good records prints nothing, and one with rejects its closing lines."""
    good = write(rjcli.home / "good.ndjson", numbered(3))
    bad = write(rjcli.home / "bad.ndjson", [*numbered(3), b"x"])
    address = ["-t", "t", "-k", "id", "--base-url", local_api.base_url, "-q"]
    silent = rjcli("push", good, *address)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
    loud = rjcli("push", bad, *address)
    assert loud.returncode == 3
    assert "rejects: read 4 = accepted 3 + rejected 1" in loud.stdout
    assert "once they are fixed: rjcli retry " in loud.stdout
    assert loud.stderr == ""


def test_dry_run_keeps_every_bad_record(rjcli: Rjcli) -> None:
    """A dry run writes down all bad records, and what is wrong with each, in its own run."""
    file = write(rjcli.home / "r.ndjson", [*numbered(3), *[b"x"] * 30, {"no": 1}])
    done = rjcli("push", file, "-t", "t", "-k", "id", "--dry-run", "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["records"]["rejected"]) == (3, 31)
    lines = Path(document["errors"]).read_text().splitlines()
    assert [json.loads(line)["record"] for line in lines] == [*range(4, 35)]
    assert Path(document["rejects"]).read_bytes() == b"x\n" * 30 + b'{"no":1}\n'
    assert not document["resumable"]


def test_too_few_records_are_an_error(rjcli: Rjcli, local_api: LocalApi) -> None:
    """An empty input is said; fewer records than --min-records end with exit 2."""
    address = ["-t", "t", "-k", "id", "--base-url", local_api.base_url, "--format", "ndjson"]
    empty = rjcli("push", "-", *address)
    assert empty.returncode == 0
    assert "the inputs hold no records" in empty.stderr
    few = rjcli("push", "-", *address, "--min-records", "2", stdin=b'{"id":1}\n')
    assert few.returncode == 2
    assert "hold 1 records, and --min-records asks for 2" in few.stderr
    assert rjcli("push", "-", *address, "--min-records", "1", stdin=b'{"id":1}\n').returncode == 0


def test_key_field_that_no_record_has_stops_the_push(rjcli: Rjcli, serve: Serve) -> None:
    """A misspelled key is exit 2 after 100 records, naming the fields and the nearest spelling."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", ({"order_id": n, "sku": "a"} for n in range(10_000)))
    address = ["-t", "t", "--base-url", server.base_url, "--json"]
    document = json.loads(rjcli("push", file, *address, "-k", "orderid").stdout)
    assert (document["exit_code"], document["error"]) == (2, "usage")
    assert "none of the first 100 records has the key field 'orderid'" in document["message"]
    assert "'order_id', 'sku'" in document["message"]
    assert document["hint"] == "did you mean --keys order_id?"
    assert document["records"]["read"] <= 1000
    assert not server.requests


def test_field_that_no_record_has_is_said(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A selected or renamed field that occurs nowhere is noted; with --strict it is exit 3."""
    file = write(rjcli.home / "r.ndjson", numbered(5))
    address = ["-t", "t", "-k", "id", "--base-url", local_api.base_url]
    shape = ["--select", "id,emial", "--rename", "nmae=name"]
    done = rjcli("push", file, *address, *shape)
    assert done.returncode == 0
    assert "no record has a field named emial, nmae" in done.stderr
    assert rjcli("push", file, *address, *shape, "--strict").returncode == 3
