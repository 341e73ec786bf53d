"""`rjcli push` as people run it: real processes, real files, a real local Import API."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import always, answer

SAMPLES = Path(__file__).parent.parent.parent / "samples"


def write(path: Path, *records: Any) -> Path:
    """Write records as NDJSON."""
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    return path


def parsed(records: list[bytes]) -> list[Any]:
    """Parse the records of a table."""
    return [orjson.loads(record) for record in records]


def test_users_sample_lands_as_written(rjcli: Rjcli, local_api: LocalApi) -> None:
    """The vendor's users example, a pretty-printed JSON array, lands with its keys."""
    done = rjcli(
        "push", SAMPLES / "users.json", "-t", "users", "-k", "id", "--base-url", local_api.base_url
    )
    assert done.returncode == 0, done.stderr
    assert local_api.records("users")[1] == (
        b'{"keys":["id"],"id": 2, "email": "mike@smith.com", "acquisition_source": "PPC"}'
    )
    assert len(local_api.records("users")) == 5


def test_orders_sample_lands_from_csv(rjcli: Rjcli, local_api: LocalApi) -> None:
    """The vendor's orders example lands from CSV with one field a column."""
    done = rjcli(
        "push", SAMPLES / "orders.csv", "-t", "orders", "-k", "id", "--base-url", local_api.base_url
    )
    assert done.returncode == 0, done.stderr
    orders = parsed(local_api.records("orders"))
    assert [order["sku"] for order in orders][:2] == [
        "milky-white-suede-shoes",
        "red-button-down-fleece",
    ]
    assert set(orders[0]) == {"keys", "id", "user_id", "value", "sku"}


def test_later_version_of_a_key_stays(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Of two versions of one key, pending and complete, the later one stays."""
    rjcli(
        "push",
        SAMPLES / "signups.ndjson",
        "-t",
        "signups",
        "-k",
        "id",
        "--base-url",
        local_api.base_url,
    )
    assert {signup["id"]: signup["status"] for signup in parsed(local_api.records("signups"))} == {
        1: "complete",
        2: "pending",
    }


def test_env_local_brings_its_own_api(rjcli: Rjcli) -> None:
    """`--env local` needs no account, keeps the records in a file, and says how to look at them."""
    users = (SAMPLES / "users.json").read_bytes()
    done = rjcli(
        "push",
        "-",
        "-t",
        "users",
        "-k",
        "id",
        "--env",
        "local",
        "--json",
        stdin=users,
        env={"RJCLI_CLIENT_ID": "", "RJCLI_API_KEY": ""},
    )
    assert json.loads(done.stdout)["records"]["accepted"] == 5
    assert "rjcli-local.db" in done.stderr
    assert (rjcli.home / "rjcli-local.db").stat().st_mode & 0o777 == 0o600


def test_250_records_take_three_requests(rjcli: Rjcli, serve: Serve) -> None:
    """250 records travel in batches of 100, 100 and 50 consecutive records, over one connection."""
    server = serve(always(answer()))
    file = write(rjcli.home / "r.ndjson", *({"id": number} for number in range(250)))
    done = rjcli(
        "push", file, "-t", "t", "-k", "id", "-j", "1", "--base-url", server.base_url, "--json"
    )
    assert json.loads(done.stdout)["requests"] == 3
    bodies = [orjson.loads(request.body) for request in server.requests]
    assert [len(body) for body in bodies] == [100, 100, 50]
    assert [record["id"] for body in bodies for record in body] == list(range(250))
    assert server.connections == 1
    assert {request.target for request in server.requests} == {
        f"/v2/client/12/table/t/data?apikey={CANARY_KEY}"
    }


def test_several_files_go_in_the_order_given(rjcli: Rjcli, serve: Serve) -> None:
    """Several files are one input: in order, and sharing batches."""
    server = serve(always(answer()))
    second = write(rjcli.home / "a.ndjson", {"id": 2})
    first = write(rjcli.home / "b.ndjson", {"id": 1})
    done = rjcli("push", first, second, "-t", "t", "-k", "id", "--base-url", server.base_url)
    assert done.returncode == 0, done.stderr
    assert [orjson.loads(request.body) for request in server.requests] == [
        [{"keys": ["id"], "id": 1}, {"keys": ["id"], "id": 2}]
    ]


def test_json_output_has_the_documented_shape(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`--json` prints one object, as documented, and nothing else on stdout."""
    file = write(rjcli.home / "r.ndjson", {"id": 1}, {"id": 2})
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", local_api.base_url, "--json")
    document = json.loads(done.stdout)
    run = document.pop("run")
    assert run.endswith(tuple("0123456789abcdef"))
    assert document.pop("run_dir") == str(rjcli.home / ".local/state/rjcli/runs" / run)
    assert document.pop("seconds") > 0
    assert document == {
        "status": "complete",
        "exit_code": 0,
        "environment": "custom",
        "base_url": f"{local_api.base_url}/v2",
        "client_id": 12,
        "table": "t",
        "keys": ["id"],
        "inputs": [str(file)],
        "dry_run": False,
        "records": {"read": 2, "accepted": 2, "rejected": 0, "unknown": 0, "unsent": 0},
        "batches": {"accepted": 1, "retried": 0, "split": 0},
        "requests": 1,
        "concurrency": 2,
        "bytes_read": file.stat().st_size,
        "bytes_sent": len(b'[{"keys":["id"],"id":1},{"keys":["id"],"id":2}]'),
        "column_types": {},
        "first_body": None,
        "rejects": None,
        "more_rejects": [],
        "errors": None,
        "resumable": False,
        "resume": None,
        "message": None,
        "hint": None,
        "error": None,
    }
    assert json.loads(rjcli("push", file, "--json").stdout).keys() == {
        *document,
        "run",
        "run_dir",
        "seconds",
    }


def test_lost_results_are_an_error(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Where the JSON object cannot be written, the exit code says so: 5."""
    file = write(rjcli.home / "r.ndjson", {"id": 1})
    command = f"rjcli push {file} -t t -k id --base-url {local_api.base_url} --json > /dev/full"
    done = subprocess.run(
        ["sh", "-c", command],  # noqa: S607 - any shell
        env=rjcli.environment(),
        capture_output=True,
        cwd=rjcli.home,
        timeout=30,
        check=False,
    )
    assert done.returncode == 5
    assert b"cannot write the results: No space left on device" in done.stderr


def test_record_without_its_key_field_is_rejected_alone(rjcli: Rjcli, local_api: LocalApi) -> None:
    """One bad record is named with file, line and reason, exits 3, and the others land."""
    file = write(rjcli.home / "r.ndjson", {"id": 1}, {"no": 2}, {"id": 3})
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", local_api.base_url)
    assert done.returncode == 3
    assert f"rejected: {file}, line 2: the key field 'id' is missing" in done.stderr
    assert "read 3 = accepted 2 + rejected 1" in done.stdout
    assert [record["id"] for record in parsed(local_api.records("t"))] == [1, 3]


def test_record_that_the_api_refuses_is_rejected_alone(rjcli: Rjcli, serve: Serve) -> None:
    """A 400 costs only the guilty record: its batch is split, in order, until it stands alone."""
    landed: list[int] = []

    async def refuse_seven(request: Any) -> bytes:
        numbers = [record["id"] for record in orjson.loads(request.body)]
        if 7 in numbers:
            return answer(400, b'{"code":400,"message":"bad","reasons":["no sevens"]}')
        landed.extend(numbers)
        return answer()

    server = serve(refuse_seven)
    file = write(rjcli.home / "r.ndjson", *({"id": number} for number in range(20)))
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", server.base_url)
    assert done.returncode == 3
    assert f"{file}, line 8: no sevens" in done.stderr
    assert landed == [number for number in range(20) if number != 7]


def test_records_may_bring_their_own_keys(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Without --keys a record keeps its own; one without any is rejected."""
    file = write(rjcli.home / "r.ndjson", {"keys": ["sku"], "sku": "a"}, {"sku": "b"})
    done = rjcli("push", file, "-t", "t", "--base-url", local_api.base_url)
    assert done.returncode == 3
    assert local_api.records("t") == [b'{"keys":["sku"],"sku":"a"}']


def test_no_keys_anywhere_is_a_usage_error(rjcli: Rjcli, local_api: LocalApi) -> None:
    """When neither --keys nor any record names the key fields, the command is wrong: exit 2."""
    file = write(rjcli.home / "r.ndjson", *({"id": number} for number in range(300)))
    done = rjcli("push", file, "-t", "t", "--base-url", local_api.base_url)
    assert done.returncode == 2
    assert "no --keys given" in done.stderr
    assert local_api.tables() == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.csv", "-t", "t", "-k", "id"], "cannot read nowhere.csv: No such file"),
        ([".", "-t", "t", "-k", "id"], ". is a directory"),
        (["r.ndjson", "-t", "t", "-k", "id", "--base-url", "http://example.com"], "use https"),
        (["r.ndjson", "-t", "t", "-k", "id", "--api-key-file", "none"], "--api-key-file"),
    ],
)
def test_wrong_usage_exits_2(rjcli: Rjcli, arguments: list[str], complaint: str) -> None:
    """What cannot be carried out as given exits 2 with its reason, and no traceback."""
    write(rjcli.home / "r.ndjson", {"id": 1})
    done = rjcli("push", *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_wrong_key_exits_4(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A wrong API key stops the push with exit 4 after one request; nothing is sent further."""
    file = write(rjcli.home / "r.ndjson", *({"id": number} for number in range(250)))
    done = rjcli(
        "push",
        file,
        "-t",
        "t",
        "-k",
        "id",
        "--base-url",
        local_api.base_url,
        "--json",
        env={"RJCLI_API_KEY": "another"},
    )
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 4
    assert document["requests"] == 1
    assert document["records"]["unsent"] == document["records"]["read"] > 0
    assert "401" in document["message"]


def test_nothing_listening_exits_5(rjcli: Rjcli) -> None:
    """Where nothing listens, the push exits 5, names the host, and everything is unsent."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    file = write(rjcli.home / "r.ndjson", {"id": 1})
    done = rjcli(
        "push", file, "-t", "t", "-k", "id", "--base-url", f"http://127.0.0.1:{port}", "--json"
    )
    assert done.returncode == 5
    document = json.loads(done.stdout)
    assert document["status"] == "failed"
    assert document["records"] == {
        "read": 1,
        "accepted": 0,
        "rejected": 0,
        "unknown": 0,
        "unsent": 1,
    }
    assert f"127.0.0.1:{port}: Connection refused" in document["message"]


def test_broken_array_exits_2_after_its_good_part(rjcli: Rjcli, local_api: LocalApi) -> None:
    """What stands before the point where a JSON array stops being JSON lands; then exit 2."""
    file = rjcli.home / "r.json"
    file.write_text('[{"id": 1},\n {"id": 2}\n {"id": 3}]')
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", local_api.base_url)
    assert done.returncode == 2
    assert "line 3" in done.stderr
    assert len(local_api.records("t")) == 2


@pytest.mark.parametrize(
    "reply",
    [
        answer(200, b"<html>maintenance</html>", Content_Type="text/html"),
        answer(200, b""),
        answer(201, b'{"code": 500}'),
        answer(201, b"[]"),
        answer(503, b"busy"),
        None,
    ],
)
def test_no_acknowledgement_is_not_success(rjcli: Rjcli, serve: Serve, reply: bytes | None) -> None:
    """Without an acknowledgement a record is not accepted: its fate is unknown, exit 5."""
    server = serve(always(reply))
    file = write(rjcli.home / "r.ndjson", {"id": 1})
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", server.base_url, "--json")
    assert done.returncode == 5
    assert json.loads(done.stdout)["records"]["unknown"] == 1


def test_redirects_are_not_followed(rjcli: Rjcli, serve: Serve) -> None:
    """A redirect stops the push, and the place it points to is sent nothing."""
    other = serve(always(answer()))
    server = serve(always(answer(307, b"", Location=f"{other.base_url}/v2/client/12/table/t/data")))
    file = write(rjcli.home / "r.ndjson", {"id": 1})
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", server.base_url)
    assert done.returncode == 5
    assert other.requests == []


def test_options_come_from_the_environment(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Every option can also be a variable; a variable that is set but empty counts as not set."""
    file = write(rjcli.home / "r.ndjson", {"id": 1, "sku": "a"})
    done = rjcli(
        "push",
        file,
        env={
            "RJCLI_TABLE": "t",
            "RJCLI_KEYS": "id,sku",
            "RJCLI_BASE_URL": local_api.base_url,
            "RJCLI_JSON": "1",
            "RJCLI_FORMAT": "",
        },
    )
    assert json.loads(done.stdout)["keys"] == ["id", "sku"]


def test_json_is_printed_for_usage_errors_too(rjcli: Rjcli) -> None:
    """`--json` prints its one object whatever the outcome."""
    done = rjcli("push", "--json", "--colour")
    assert json.loads(done.stdout)["exit_code"] == done.returncode == 2


def test_output_to_a_file_has_no_control_characters(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Off a terminal no output holds anything but text and line ends, whatever records say."""
    file = rjcli.home / "evil.ndjson"
    file.write_text('{"id": 1}\n{"\\u001b[31mred": [1}\n{"[bold]": 1}\n', encoding="utf-8")
    done = rjcli("push", file, "-t", "t", "-k", "id", "-v", "--base-url", local_api.base_url)
    assert done.returncode == 3
    text = done.stdout + done.stderr
    assert not [character for character in text if character < " " and character != "\n"]


def test_records_are_sent_byte_for_byte(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Numbers, escapes and the order of members leave as they stand in the file."""
    record = rb'{"id": 12345678901234567890123, "b":1.10,"a":1e400,  "c":"\u00e9\/","d":-0.0}'
    file = rjcli.home / "r.ndjson"
    file.write_bytes(record + b"\r\n")
    done = rjcli("push", file, "-t", "t", "-k", "id", "--base-url", local_api.base_url)
    assert done.returncode == 0, done.stderr
    assert local_api.records("t") == [b'{"keys":["id"],' + record[1:]]


def test_limit_reads_no_further(rjcli: Rjcli, local_api: LocalApi) -> None:
    """`--limit N` ends after N records, whatever the file holds behind them."""
    file = rjcli.home / "r.json"
    file.write_text('[{"id": 1}, {"id": 2}; broken')
    done = rjcli(
        "push", file, "-t", "t", "-k", "id", "--limit", "1", "--base-url", local_api.base_url
    )
    assert done.returncode == 0, done.stderr
    assert len(local_api.records("t")) == 1
