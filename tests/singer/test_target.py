"""The target end to end: tables, states, rejects and exit codes, over real HTTP."""

import asyncio
import gzip
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.conftest import CANARY_KEY, LocalApi, Serve
from tests.singer.conftest import Load
from tests.singer.tap import lines_of, record, schema, state
from tests.support.faulty import FaultyTable
from tests.support.scripted import Request, answer


def table_of(request: Request) -> str:
    """The table that a request is for."""
    return request.target.split("/table/")[1].split("/")[0]


def test_streams_become_tables_byte_for_byte(local_api: LocalApi, load_tap: Load) -> None:
    """Records arrive as they came but for their keys; names of tables have a prefix."""
    lines = [
        schema("users", "id"),
        schema("order-lines", "order", "line"),
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1,  "price": 1.10 }}',
        b'{"type":"RECORD","stream":"order-lines","record":{"order":12345678901234567890123,"line":1}}',
        state({"a": 1}),
    ]
    loaded = load_tap(local_api.base_url, lines, table_prefix="s_")
    assert (loaded.exit_code, loaded.states) == (0, b'{"a": 1}\n')
    assert local_api.records("s_users") == [b'{"keys":["id"],"id": 1,  "price": 1.10 }']
    assert local_api.records("s_order_lines") == [
        b'{"keys":["order","line"],"order":12345678901234567890123,"line":1}'
    ]


def test_newest_version_of_each_key_stays(serve: Serve, load_tap: Load) -> None:
    """Over faults of all kinds, each key ends with its newest version, and the state comes last."""
    table = FaultyTable(seed=3, fail=0.1, busy=0.05, drop=0.05, drop_after_apply=0.05, delay=0.005)
    server = serve(table)
    lines: list[Any] = [schema("t", "id")]
    for version in range(6000):
        lines.append(record("t", id=version % 700, version=version))
        if version % 100 == 50:
            lines.append(state(version))
    loaded = load_tap(server.base_url, [*lines, state("end")], retry_for=60)
    assert loaded.exit_code == 0
    newest = {version % 700: version for version in range(6000)}
    assert table.versions == newest
    assert loaded.states.endswith(b'"end"\n')


def test_state_is_never_ahead_of_acknowledgements(serve: Serve, load_tap: Load) -> None:
    """Whenever a request is answered, no state covers a record that is not acknowledged yet."""
    acknowledged: dict[str, set[int]] = defaultdict(set)
    violations: list[Any] = []
    read_states = Path(os.environ["HOME"], "states").read_bytes

    async def slow(request: Request) -> bytes:
        await asyncio.sleep(0.02 if table_of(request) == "a" else 0.001)
        *_, last = [b"{}", *read_states().splitlines()]
        for stream, position in orjson.loads(last).items():
            if len(acknowledged[stream]) < position:
                violations.append((stream, position))
        acknowledged[table_of(request)].update(each["id"] for each in orjson.loads(request.body))
        return answer()

    lines: list[Any] = [schema("a", "id"), schema("b", "id")]
    for number in range(4000):
        lines += [record("ab"[number % 2], id=number)]
        lines += [state({"a": number // 2 + 1, "b": (number + 1) // 2})] if number % 7 == 0 else []
    loaded = load_tap(serve(slow).base_url, lines, flush_after=0.05)
    assert (loaded.exit_code, violations) == (0, [])
    assert loaded.states.count(b"\n") > 1


def test_no_state_follows_a_reject_past_the_limit(serve: Serve, load_tap: Load) -> None:
    """By default a reject ends the load with exit code 6; states before it are passed on."""
    server = serve(FaultyTable(poison=frozenset({3})))
    lines: list[Any] = [schema("t", "id"), record("t", id=1, version=1), state(1)]
    lines += [record("t", id=3, version=3), state(3), record("t", id=4, version=4), state(4)]
    loaded = load_tap(server.base_url, lines, batch_size=1)
    assert (loaded.exit_code, loaded.states) == (6, b"1\n")
    assert "poison" in loaded.log
    assert "more than max_rejects allows" in loaded.log


def test_what_came_before_a_reject_past_the_limit_lands(
    local_api: LocalApi, load_tap: Load
) -> None:
    """A record that cannot be sent ends the load after those before it, and their state."""
    lines = [schema("t", "id"), record("t", id=1), state(1), record("t", no=2), state(2)]
    loaded = load_tap(local_api.base_url, lines)
    assert (loaded.exit_code, loaded.states) == (6, b"1\n")
    assert len(local_api.records("t")) == 1
    assert loaded.log.count("CRITICAL") == 2


def test_rejects_are_messages_that_can_be_fed_again(serve: Serve, load_tap: Load) -> None:
    """Allowed rejects are kept with their SCHEMA, states go on, and a second load takes them."""
    table = FaultyTable(poison=frozenset({3}))
    server = serve(table)
    lines: list[Any] = [schema("t", "id"), schema("u", "id")]
    lines += [record("t", id=number, version=number) for number in range(10)]
    lines += [record("u", version=1), b'{"type": "RECORD", "stream": "u", "record": {"id": NaN}}']
    loaded = load_tap(server.base_url, [*lines, state("end")], max_rejects=5)
    assert (loaded.exit_code, loaded.states) == (3, b'"end"\n')
    assert len(table.versions) == 9
    [path] = loaded.home.rglob("rejects.jsonl")
    kept = path.read_bytes()
    expected = lines_of([lines[0], lines[1], lines[5], lines[12], lines[13]])
    assert sorted(kept.splitlines()) == sorted(expected.splitlines())
    table.poison = frozenset()
    again = load_tap(server.base_url, kept, max_rejects=5)
    assert (again.exit_code, len(table.versions)) == (3, 10)
    errors = [
        json.loads(line) for line in path.with_name("errors.ndjson").read_bytes().splitlines()
    ]
    assert {(each["stream"], each["stage"]) for each in errors} == {
        ("t", "api"),
        ("u", "prepare"),
        ("u", "read"),
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_percentage_of_rejects(serve: Serve, load_tap: Load) -> None:
    """A limit on rejects may be a share of what was read."""
    lines: list[Any] = [schema("t", "id"), *(record("t", id=number) for number in range(300))]
    lines += [record("t", nothing=1) for _ in range(2)] + [state(1)]

    async def created(_: Request) -> bytes:
        return answer()

    assert load_tap(serve(created).base_url, lines, max_rejects="1%").exit_code == 3
    assert load_tap(serve(created).base_url, lines, max_rejects="0.5%").exit_code == 6


def test_keyless_streams_are_refused_unless_hashed(local_api: LocalApi, load_tap: Load) -> None:
    """Without keys a stream is refused with what to do; with `hash` equal records are one."""
    lines = [
        schema("log"),
        b'{"type":"RECORD","stream":"log","record":{"a":1,"b":2.0}}',
        b'{"type":"RECORD","stream":"log","record":{ "b":2.0, "a":1 }}',
        b'{"type":"RECORD","stream":"log","record":{"a":1,"b":2}}',
        b'{"type":"RECORD","stream":"log","record":{}}',
        state(1),
    ]
    refused = load_tap(local_api.base_url, lines)
    assert (refused.exit_code, refused.states) == (2, b"")
    assert '"keyless": "hash"' in refused.log
    assert load_tap(local_api.base_url, lines, keyless="hash").exit_code == 0
    found = [orjson.loads(text) for text in local_api.records("log")]
    assert len(found) == 3
    assert all(each["keys"] == ["_sdc_primary_key"] for each in found)
    assert sorted(len(each["_sdc_primary_key"]) for each in found) == [64] * 3
    assert load_tap(local_api.base_url, lines, keyless="hash").exit_code == 0
    assert len(local_api.records("log")) == 3


def test_changed_keys_wait_for_the_table(serve: Serve, load_tap: Load) -> None:
    """Nothing is sent under new keys before all under the old ones are acknowledged."""
    events: list[tuple[str, str]] = []

    async def slow(request: Request) -> bytes:
        keys = ",".join(orjson.loads(request.body)[0]["keys"])
        events.append(("begin", keys))
        await asyncio.sleep(0.02)
        events.append(("end", keys))
        return answer()

    lines: list[Any] = [schema("t", "id"), *(record("t", id=n, x=1) for n in range(500))]
    lines += [schema("t", "id", "x"), *(record("t", id=n, x=1) for n in range(500))]
    assert load_tap(serve(slow).base_url, lines).exit_code == 0
    last_old = max(index for index, (_, keys) in enumerate(events) if keys == "id")
    first_new = min(index for index, (_, keys) in enumerate(events) if keys == "id,x")
    assert last_old < first_new


def test_batches_of_interleaved_streams_are_full(serve: Serve, load_tap: Load) -> None:
    """Streams that take turns need as few requests as one after the other."""

    async def created(_: Request) -> bytes:
        return answer()

    server = serve(created)
    streams = [f"s{number}" for number in range(8)]
    lines = [schema(stream, "id") for stream in streams]
    lines += [record(streams[number % 8], id=number) for number in range(2400)]
    assert load_tap(server.base_url, lines).exit_code == 0
    assert len(server.requests) == 24


def test_batch_messages_are_loaded(local_api: LocalApi, load_tap: Load, home: Path) -> None:
    """Files of a BATCH message, compressed or not, arrive between the records around them."""
    plain, packed = home / "a.jsonl", home / "b c.jsonl.gz"
    plain.write_bytes(b'{"id":1,"n":1.50}\n{"id":2,"n":2}\n')
    packed.write_bytes(gzip.compress(b'{"id":2,"n":3}\n'))
    encoding = {"format": "jsonl", "compression": "gzip"}
    lines = [
        schema("t", "id"),
        record("t", id=1, n=0),
        {"type": "BATCH", "stream": "t", "manifest": [str(plain)]},
        {
            "type": "BATCH",
            "stream": "t",
            "encoding": encoding,
            "manifest": [packed.as_uri()],
        },
        state(1),
        record("t", id=3, n=0),
    ]
    loaded = load_tap(local_api.base_url, lines)
    assert (loaded.exit_code, loaded.states) == (0, b"1\n")
    assert sorted(local_api.records("t")) == [
        b'{"keys":["id"],"id": 3, "n": 0}',
        b'{"keys":["id"],"id":1,"n":1.50}',
        b'{"keys":["id"],"id":2,"n":3}',
    ]


def test_rejects_of_batch_files_can_be_fed_again(local_api: LocalApi, load_tap: Load) -> None:
    """A record of a file becomes a RECORD message among the rejects."""
    file = Path(os.environ["HOME"], "a.jsonl")
    file.write_bytes(b'{"id":1}\n{"no":2}\n')
    batch = {"type": "BATCH", "stream": "t", "manifest": [str(file)]}
    loaded = load_tap(local_api.base_url, [schema("t", "id"), batch], max_rejects=1)
    assert loaded.exit_code == 3
    assert loaded.rejects == [schema("t", "id"), record("t", no=2)]


def test_metadata_is_added_on_request(local_api: LocalApi, load_tap: Load) -> None:
    """Each record says when it was extracted and received; its own fields of that name stay."""
    time = "2026-01-01T00:00:00Z"
    lines = [
        schema("t", "id"),
        {**record("t", id=1), "time_extracted": time, "version": 5},
        record("t", id=2, _sdc_sequence=7),
        schema("log"),
        record("log"),
    ]
    options: dict[str, Any] = {"add_record_metadata": True, "keyless": "hash"}
    assert load_tap(local_api.base_url, lines, **options).exit_code == 0
    first, second = (orjson.loads(text) for text in sorted(local_api.records("t")))
    if first["id"] == 2:
        first, second = second, first
    names = {"_sdc_extracted_at", "_sdc_received_at", "_sdc_batched_at", "_sdc_sequence"}
    assert first.keys() == {"keys", "id", "_sdc_table_version", *names}
    assert (first["_sdc_extracted_at"], first["_sdc_table_version"]) == (time, 5)
    assert (second["_sdc_extracted_at"], second["_sdc_sequence"]) == (None, 7)
    [empty] = map(orjson.loads, local_api.records("log"))
    assert empty["keys"] == ["_sdc_primary_key"]
    assert empty["_sdc_received_at"]


def test_other_messages_get_one_note_each(local_api: LocalApi, load_tap: Load) -> None:
    """ACTIVATE_VERSION and unknown types are noted once, and change nothing."""
    others = [{"type": "ACTIVATE_VERSION", "stream": "t", "version": 1}, {"type": "HELLO"}] * 3
    lines = [schema("t", "id"), *others, record("t", id=1), *others, state(1)]
    loaded = load_tap(local_api.base_url, lines)
    assert (loaded.exit_code, loaded.states) == (0, b"1\n")
    assert loaded.log.count("ACTIVATE_VERSION") == loaded.log.count("HELLO") == 1


def test_what_came_before_a_cut_line_lands(local_api: LocalApi, load_tap: Load) -> None:
    """A tap that dies within a line ends the load with exit code 2, and costs only that line."""
    lines = lines_of([schema("t", "id"), record("t", id=1), state(1), record("t", id=2)])
    loaded = load_tap(local_api.base_url, lines[:-4])
    assert (loaded.exit_code, loaded.states) == (2, b"1\n")
    assert len(local_api.records("t")) == 1
    assert "breaks off within line 4" in loaded.log


def test_refused_credentials_end_the_load(serve: Serve, load_tap: Load) -> None:
    """Exit code 4, whatever other streams do; no state."""

    async def denied(request: Request) -> bytes:
        return answer(401, b"{}") if table_of(request) == "a" else answer()

    lines: list[Any] = [schema("b", "id"), schema("a", "id"), record("a", id=1), state(1)]
    lines += [record("b", id=number) for number in range(1000)]
    loaded = load_tap(serve(denied).base_url, lines, batch_size=10)
    assert (loaded.exit_code, loaded.states) == (4, b"")


def test_api_that_is_gone_ends_the_load(serve: Serve, load_tap: Load) -> None:
    """Exit code 5 when the time for retries is over; the account says what is unknown."""

    async def gone(_: Request) -> None:
        return None

    loaded = load_tap(serve(gone).base_url, [schema("t", "id"), record("t", id=1), state(1)])
    assert (loaded.exit_code, loaded.states) == (5, b"")
    assert "1 records: 0 accepted, 0 rejected, 1 unknown, 0 unsent" in loaded.log


def test_log_is_in_singers_style(local_api: LocalApi, load_tap: Load) -> None:
    """Each line has a level; metrics are JSON; nothing has the API key."""
    lines = [schema("t\x1b[2J", "id"), record("t\x1b[2J", id=1)]
    loaded = load_tap(local_api.base_url, lines)
    for line in loaded.log.splitlines():
        assert line.split(" ")[0] in {"INFO", "WARNING"}
    [metric] = [line for line in loaded.log.splitlines() if "METRIC" in line]
    assert json.loads(metric.partition("METRIC: ")[2]) == {
        "type": "counter",
        "metric": "record_count",
        "value": 1,
        "tags": {"endpoint": "t\x1b[2J", "table": "t__2J"},
    }
    assert "\x1b" not in loaded.log
    assert CANARY_KEY not in loaded.log


@pytest.mark.parametrize("lines", [b"", b"\n\n"])
def test_empty_tap(local_api: LocalApi, load_tap: Load, lines: bytes) -> None:
    """A tap with nothing new is loaded with success."""
    loaded = load_tap(local_api.base_url, lines)
    assert (loaded.exit_code, loaded.states) == (0, b"")
