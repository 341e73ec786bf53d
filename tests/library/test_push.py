"""`rjcli.push` and its kin: records of a program, pushed with an account and without traces."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

import rjcli
from tests.conftest import CANARY_KEY, CLIENT_ID, LocalApi, Serve
from tests.support.faulty import FaultyTable
from tests.support.scripted import Request, ScriptedServer, always, answer, ids


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("RJCLI_", "XDG_"))]:
        monkeypatch.delenv(name)
    return tmp_path


def to(server: ScriptedServer | LocalApi, **more: Any) -> dict[str, Any]:
    """The arguments of a push to a server."""
    where = {"base_url": server.base_url, "client_id": CLIENT_ID, "api_key": CANARY_KEY}
    return {"table": "t", "keys": ["id"], "settle": 0, **where, **more}


def test_mappings_land_exactly(local_api: LocalApi) -> None:
    """Numbers of a program arrive with all their digits, and others' bytes as they stand."""
    records: list[Any] = [
        {"id": 1, "price": Decimal("58.40"), "count": 2**80},
        b'{"id": 2,  "price": 1.10 }',
        {"id": 3, "price": None},
    ]
    result = rjcli.push(records, **to(local_api)).check()
    assert (result.status, result.exit_code, result.accepted) == ("complete", 0, 3)
    assert local_api.records("t") == [
        b'{"keys":["id"],"id":1,"price":58.40,"count":%d}' % 2**80,
        b'{"keys":["id"],"id": 2,  "price": 1.10 }',
        b'{"keys":["id"],"id":3,"price":null}',
    ]


def test_rejects_are_given_with_their_reasons(serve: Serve) -> None:
    """Each rejected record is named by number, stage and reason; the others are accepted."""
    table = FaultyTable(poison=frozenset([7]))
    records: list[Any] = [{"id": number, "version": number} for number in range(10)]
    records[3] = {"id": 3, "version": float("nan")}
    records[5] = {"version": 5}
    seen: list[rjcli.Reject] = []
    result = rjcli.push(records, **to(serve(table), on_reject=seen.append, most_rejects=2))
    assert (result.exit_code, result.accepted, result.rejected) == (3, 7, 3)
    assert sorted((each.number, each.stage) for each in seen) == [
        (4, "read"),
        (6, "prepare"),
        (8, "api"),
    ]
    [refused] = [each for each in seen if each.stage == "api"]
    assert (refused.reasons, refused.status) == (("poison",), 400)
    assert orjson.loads(refused.record) == {"id": 7, "version": 7}
    assert len(result.rejects) == 2
    with pytest.raises(rjcli.NotAllAcceptedError, match="3 records were rejected") as caught:
        result.check()
    assert caught.value.result is result


@pytest.mark.parametrize(
    "arguments",
    [
        {"table": "a b"},
        {"jobs": 0},
        {"jbos": 1},
        {"environment": "moon"},
        {"base_url": "http://example.com"},
        {"keys": "id,id"},
        {"format": "csv"},
        {"resume": True},
        {"api_key": "with space"},
    ],
)
def test_bad_arguments_are_refused_before_anything_is_sent(
    serve: Serve, arguments: dict[str, Any]
) -> None:
    """Bad arguments raise UsageError, which names them; no request is made."""
    server = serve(always(answer()))
    with pytest.raises(rjcli.UsageError) as caught:
        rjcli.push([{"id": 1}], **to(server) | arguments)
    assert next(iter(arguments)) in f"{caught.value.message}"
    assert not server.requests


@pytest.mark.parametrize("records", [{"id": 1}, b"{}", "text", 5, None])
def test_what_is_no_iterable_of_records_is_refused(serve: Serve, records: Any) -> None:
    """A single record in the place of many is a mistake, and is said to be one."""
    with pytest.raises(rjcli.UsageError, match="iterable of mappings"):
        rjcli.push(records, **to(serve(always(answer()))))


def test_what_happens_on_the_way_is_in_the_result(serve: Serve) -> None:
    """Refused credentials, an API that is gone and a wrong table raise nothing by themselves."""
    denied = rjcli.push([{"id": 1}], **to(serve(always(answer(401, b"{}")))))
    assert (denied.exit_code, denied.error, denied.unsent) == (4, "access", 1)
    gone = rjcli.push([{"id": 1}], **to(serve(always(None)), retry_for=0))
    assert (gone.exit_code, gone.error, gone.unknown) == (5, "unavailable", 1)
    refused = rjcli.push(
        [{"id": n} for n in range(100)], **to(serve(always(answer(400, b'{"reasons":["no"]}'))))
    )
    assert (refused.exit_code, refused.rejected) == (6, 100)


def test_iterable_that_breaks_off_is_in_the_result(serve: Serve) -> None:
    """An exception of the program's own iterable is the cause; what came before it lands."""
    server = serve(always(answer()))

    def broken() -> Iterator[Any]:
        yield from ({"id": number} for number in range(250))
        raise ValueError("of my own")

    result = rjcli.push(broken(), **to(server))
    assert (result.status, result.exit_code, result.accepted) == ("failed", 2, 250)
    assert isinstance(result.cause, ValueError)
    assert len(ids(server)) == 250
    with pytest.raises(rjcli.NotAllAcceptedError) as caught:
        result.check()
    assert caught.value.__cause__ is result.cause


def test_records_are_iterated_in_the_calling_thread(serve: Serve) -> None:
    """A generator over something that belongs to a thread, as a database cursor, just works."""
    threads = set()

    def rows() -> Iterator[Any]:
        for number in range(5000):
            threads.add(threading.current_thread())
            yield {"id": number}

    assert rjcli.push(rows(), **to(serve(always(answer())))).accepted == 5000
    assert threads == {threading.current_thread()}


async def slow_records(count: int, pause: float = 0.0) -> AsyncIterator[Any]:
    """Records that come one by one."""
    for number in range(count):
        await asyncio.sleep(pause)
        yield {"id": number}


def test_any_iterable_in_any_loop(serve: Serve) -> None:
    """Plain and async iterables are pushed with and without a running loop, as in a notebook."""
    server = serve(always(answer()))

    async def in_a_loop() -> list[rjcli.Result]:
        plain = [{"id": number} for number in range(300)]
        return [
            await rjcli.push_async(plain, **to(server)),
            await rjcli.push_async(slow_records(300), **to(server)),
            rjcli.push(plain, **to(server)),
            rjcli.push(slow_records(300), **to(server)),
        ]

    assert [result.accepted for result in asyncio.run(in_a_loop())] == [300] * 4
    assert rjcli.push(slow_records(300), **to(server)).accepted == 300


def test_slow_records_do_not_wait_for_a_full_batch(serve: Serve) -> None:
    """A part-filled batch is sent after `flush_after`, though the iterable goes on."""
    server = serve(always(answer()))
    arrived: list[int] = []

    async def records() -> AsyncIterator[Any]:
        yield {"id": 1}
        while not server.requests:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        arrived.append(len(server.requests))
        yield {"id": 2}

    result = rjcli.push(records(), **to(server, flush_after=0.1))
    assert (result.accepted, arrived) == (2, [1])


def test_pushes_at_once_keep_apart(serve: Serve) -> None:
    """Several pushes in one process, in threads and in one loop, do not mix."""
    servers = [serve(always(answer())) for _ in range(6)]

    def push(number: int) -> rjcli.Result:
        records = [{"id": number * 1000 + each} for each in range(500)]
        return rjcli.push(records, **to(servers[number]))

    async def push_many() -> list[rjcli.Result]:
        pushes = [
            rjcli.push_async([{"id": n * 1000 + each} for each in range(500)], **to(servers[n]))
            for n in range(3, 6)
        ]
        return await asyncio.gather(*pushes)

    with ThreadPoolExecutor(3) as pool:
        results = [*pool.map(push, range(3)), *asyncio.run(push_many())]
    assert [result.accepted for result in results] == [500] * 6
    for number, server in enumerate(servers):
        assert sorted(ids(server)) == [number * 1000 + each for each in range(500)]


def test_host_program_is_left_alone(
    serve: Serve, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No handler of signals, no logger, no variable and no output of the program is touched."""
    names = ("httpx", "aiohttp", "asyncio", "rjcli")
    loggers = [(logging.getLogger(name), logging.getLogger(name).__dict__.copy()) for name in names]
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    environ = dict(os.environ)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    with caplog.at_level(logging.DEBUG):
        rjcli.push([{"id": 1}, {"id": None}], **to(serve(always(answer()))))
        asyncio.run(rjcli.push_async([{"id": 1}], **to(serve(always(None)), retry_for=0)))
    for logger, before in loggers:
        after = logger.__dict__
        assert {key: after[key] for key in ("propagate", "disabled", "level", "handlers")} == {
            key: before[key] for key in ("propagate", "disabled", "level", "handlers")
        }
    assert {number: signal.getsignal(number) for number in handlers} == handlers
    assert dict(os.environ) == environ
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == mask
    assert capfd.readouterr() == ("", "")
    assert CANARY_KEY not in caplog.text


def test_cancelling_stops_in_good_order(serve: Serve) -> None:
    """A cancelled push lets requests in flight end, and its account adds up."""
    table: Counter[int] = Counter()

    async def slow(request: Request) -> bytes:
        await asyncio.sleep(0.2)
        table.update(record["id"] for record in orjson.loads(request.body))
        return answer()

    server = serve(slow)
    results: list[rjcli.Result] = []

    async def cancelled() -> None:
        records = ({"id": number} for number in range(100_000))
        push = rjcli.push_async(records, **to(server, on_result=results.append, jobs=32))
        task = asyncio.create_task(push)
        while len(server.requests) < 20:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    [result] = results
    assert (result.status, result.unknown) == ("interrupted", 0)
    assert result.read == result.accepted + result.rejected + result.unknown + result.unsent
    assert result.accepted == len(table) >= 1000
    assert result.unsent > 0


def test_cancelling_twice_does_not_wait(serve: Serve) -> None:
    """The second cancelling ends requests in flight at once: their records are unknown."""

    async def never(_: Request) -> bytes:
        await asyncio.sleep(60)
        return answer()

    server = serve(never)
    results: list[rjcli.Result] = []

    async def cancelled() -> None:
        push = rjcli.push_async([{"id": 1}], **to(server, on_result=results.append))
        task = asyncio.create_task(push)
        while not server.requests:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.01)
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.05)
        with pytest.raises(asyncio.CancelledError):
            await task

    began = time.monotonic()
    asyncio.run(cancelled())
    assert time.monotonic() - began < 9  # the grace is 10 s
    assert results[0].unknown == 1


SCRIPT = """
import rjcli, sys
seen = []
def records():
    for number in range(10**9):
        yield {"id": number}
try:
    rjcli.push(records(), table="t", keys=["id"], base_url=sys.argv[1], client_id=1,
               api_key="secret-key", rate_limit=50, on_note=print)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_reaches_the_program(serve: Serve, home: Path) -> None:
    """Ctrl-C in a script that pushes is KeyboardInterrupt there, once requests have ended."""
    table: list[int] = []

    async def slow(request: Request) -> bytes:
        await asyncio.sleep(0.3)
        table.extend(record["id"] for record in orjson.loads(request.body))
        return answer()

    server = serve(slow)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, server.base_url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"HOME": str(home)},
        text=True,
    )
    while len(server.requests) < 5:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=20)
    assert (process.returncode, output) == (0, "interrupted\n"), errors
    assert len(table) == 100 * len(server.requests)


def test_callback_that_fails_stops_the_push(serve: Serve) -> None:
    """An exception in a callback stops the push in good order, and is the result's cause."""

    def fail(_: rjcli.Reject) -> None:
        raise LookupError

    records: list[Any] = [{"no": 1}] + [{"id": number} for number in range(100_000)]
    result = rjcli.push(iter(records), **to(serve(always(answer())), on_reject=fail))
    assert result.exit_code == 6
    assert isinstance(result.cause, LookupError)
    assert result.read == result.accepted + result.rejected + result.unknown + result.unsent


def test_files_are_pushed_as_by_the_command(local_api: LocalApi, home: Path) -> None:
    """`push_files` keeps a run, takes the command's options, and resumes."""
    file = home / "r.csv"
    file.write_text("id;zip\n1;007\n2;8\n")
    options = to(local_api, delimiter=";", type={"zip": "string"})
    result = rjcli.push_files([file], **options).check()
    assert (result.accepted, result.run is not None) == (2, True)
    assert Path(str(result.run_dir), "summary.json").exists()
    with file.open("a") as grown:
        grown.write("3;x;y\n")
    again = rjcli.push_files(file, **options, resume="auto")
    assert (again.exit_code, again.read, again.accepted) == (3, 3, 2)
    [reject] = again.rejects
    assert (reject.file, reject.line, reject.record) == (str(file), 4, b"3;x;y")
    with pytest.raises(rjcli.UsageError):
        rjcli.push_files(home / "none.csv", **options)


def test_credentials_come_from_variables_as_well(
    local_api: LocalApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments for them, client id and key are looked up as for the command."""
    monkeypatch.setenv("RJCLI_CLIENT_ID", str(CLIENT_ID))
    monkeypatch.setenv("RJCLI_API_KEY", CANARY_KEY)
    options = {"table": "t", "keys": "id", "base_url": local_api.base_url}
    assert rjcli.push([{"id": 1}], **options).accepted == 1  # type: ignore[arg-type]


def test_dry_run_sends_nothing(serve: Serve) -> None:
    """A dry run needs no credentials, checks the records, and sends none."""
    server = serve(always(answer()))
    options = {"table": "t", "keys": ["id"], "base_url": server.base_url, "dry_run": True}
    result = rjcli.push([{"id": 1}, {"no": 2}], **options)  # type: ignore[arg-type]
    assert (result.exit_code, result.unsent, result.rejected) == (3, 1, 1)
    assert not server.requests


def test_public_surface_is_all_there() -> None:
    """All that `rjcli.__all__` names can be imported, and is documented."""
    for name in rjcli.__all__:
        value = getattr(rjcli, name)
        assert name == "__version__" or value.__doc__
    with pytest.raises(AttributeError):
        rjcli.nothing  # noqa: B018
