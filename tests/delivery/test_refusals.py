"""Refusals: guilty records are found, rejected with all that is known, and a wrong call is seen."""

import asyncio
from typing import Any

import pytest

from rjcli.api.protocol import Answer
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.limits import Limits
from rjcli.delivery.sender import Tally
from rjcli.errors import RjcliError, StoppedError, TransportError
from rjcli.events import Split
from rjcli.model import Record, RecordOutcome, Rejection, Stage
from rjcli.settings.values import DeliverySettings
from tests.delivery.records import (
    ACKNOWLEDGED,
    Result,
    batches,
    deliver_in_virtual_time,
    now,
    record,
)
from tests.support.virtual_time import run_in_virtual_time, virtual_timing

SETTINGS = DeliverySettings(batch_size=8, jobs=1, settle=0)


def at(position: int) -> Record:
    """A record that is the tenth of its file, on line 20, at some position."""
    text = record(position, position).json
    return Record(text, b"{", position, text + b" ", "a.json", 20, 10, position)


@pytest.mark.parametrize(
    ("body", "reasons"),
    [
        (b'{"message":"no","reasons":["too long","no date"]}', ("too long", "no date")),
        (b'{"message":"no"}', ("HTTP 400: no",)),
    ],
)
def test_bad_record_is_rejected_with_all_that_is_known(
    body: bytes, reasons: tuple[str, ...]
) -> None:
    """A record that the API refuses is rejected with its place, its bytes, reasons and status."""

    async def api(records: list[Any]) -> Answer:
        return Answer(400, body) if 3 in [each["id"] for each in records] else ACKNOWLEDGED

    records = [at(position) for position in range(1, 9)]
    result, _ = deliver_in_virtual_time(api, records, SETTINGS)
    bad = records[2]
    assert result.rejections == [
        Rejection(Stage.API, "a.json", 20, 10, bad.raw, reasons, 400, position=3)
    ]
    assert [event.records for event in result.events if isinstance(event, Split)] == [8, 4, 2]
    assert result.counts == {RecordOutcome.ACCEPTED: 7}
    assert (result.tally.requests, result.tally.accepted, result.tally.split) == (7, 3, 3)
    assert result.error is None


def refuse(count: int, batch_size: int, good: int | None = None) -> Result:
    """Deliver records of which all but one are refused."""

    async def api(records: list[Any]) -> Answer:
        is_good = [each["id"] for each in records] == [good]
        return ACKNOWLEDGED if is_good else Answer(400, b'{"message":"no"}')

    settings = DeliverySettings(batch_size=batch_size, jobs=1, settle=0)
    return deliver_in_virtual_time(api, [at(n) for n in range(1, count + 1)], settings)[0]


@pytest.mark.parametrize(
    ("count", "batch_size", "good", "rejected", "is_stopped"),
    [
        (4, 2, None, 2, True),
        (60, 1, None, 20, True),
        (19, 1, None, 19, False),
        (60, 1, 20, 59, False),  # one was accepted in time
        (6, 3, 3, 5, False),
        (6, 3, 1, 5, False),
        (7, 3, 4, 3, True),
    ],
)
def test_wrong_call_stops_a_delivery_and_bad_records_do_not(
    count: int, batch_size: int, good: int | None, rejected: int, *, is_stopped: bool
) -> None:
    """A first batch refused whole, or twenty of one record, stop a delivery: the call is wrong."""
    result = refuse(count, batch_size, good)
    assert len(result.rejections) == rejected
    if is_stopped:
        assert isinstance(result.error, StoppedError)
        assert result.error.message == "the API refuses every record: HTTP 400: no"
        assert (
            result.error.hint
            == "the call itself seems to be wrong: check table, keys and environment"
        )
    else:
        assert result.error is None


@pytest.mark.parametrize("asked", ["", "https://h.example as client 7"])
@pytest.mark.parametrize("status", [401, 302])
def test_error_names_who_was_asked_where_access_is_denied(status: int, asked: str) -> None:
    """An answer that ends a delivery is its error, which names who was asked if it is denied."""

    async def upsert(_: bytes) -> Answer:
        return Answer(status, b"{}")

    async def run() -> RjcliError:
        limits = Limits(1, timing=virtual_timing())
        result, options = Result(), {"asked": asked} if asked else {}
        delivery = Delivery(upsert, SETTINGS, limits, result.settle, result.take, **options)
        with pytest.raises(RjcliError) as caught:
            await delivery.deliver(batches([at(1)], SETTINGS))
        assert delivery.failure is caught.value
        assert (result.counts, delivery.is_idle) == ({RecordOutcome.UNSENT: 1}, True)
        return caught.value

    error, _ = run_in_virtual_time(run())
    if status == 302:
        assert error.message == "this is no answer of the Import API: HTTP 302"
    else:
        where = f"; asked was {asked}" if asked else ""
        assert error.message == f"the API refused the credentials: HTTP 401{where}"


@pytest.mark.parametrize("is_sending", [False, True])
def test_what_breaks_while_records_are_sent_or_settled_stops_the_delivery(
    *, is_sending: bool
) -> None:
    """An error of the call, or of whoever keeps the account, stops the delivery and is raised."""
    full = RjcliError("the disk is full")

    async def upsert(_: bytes) -> Answer:
        if is_sending:
            raise full
        return ACKNOWLEDGED

    def on_settled(*_: object) -> None:
        if not is_sending:
            raise full

    async def run() -> None:
        limits = Limits(1, timing=virtual_timing())
        delivery = Delivery(upsert, SETTINGS, limits, on_settled, lambda _: None)
        with pytest.raises(RjcliError) as caught:
            await delivery.deliver(batches([at(n) for n in range(1, 99)], SETTINGS))
        assert caught.value is full
        assert delivery.is_idle
        assert delivery.tally.requests == 1

    run_in_virtual_time(run())


def test_parts_of_a_batch_in_doubt_are_in_doubt() -> None:
    """Where a batch may have been applied and is split after that, what is not sent is unknown."""
    deliveries: list[Delivery] = []
    calls = 0

    async def api(_: list[Any]) -> Answer:
        nonlocal calls
        calls += 1
        if calls == 1:
            return Answer(503, b"{}")
        if calls == 2:
            return Answer(413, b"")
        deliveries[0].stop(StoppedError("enough"))
        return ACKNOWLEDGED

    records = [at(n) for n in range(1, 5)]
    result, _ = deliver_in_virtual_time(api, records, SETTINGS, deliveries.append)
    assert result.counts == {RecordOutcome.ACCEPTED: 2, RecordOutcome.UNKNOWN: 2}
    assert result.tally == Tally(3, result.tally.bytes_sent, accepted=1, retried=1, split=1)


@pytest.mark.parametrize("keys", [1, 3])
def test_notes_on_what_is_sent_again_are_exact(keys: int) -> None:
    """Records to send again, and refusals of them, are counted in words that fit their number."""
    calls = 0

    async def api(_: list[Any]) -> Answer:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0.5)
        if calls == 2:
            raise TransportError("no answer", in_doubt=True)
        return Answer(400, b"{}") if now() > 50 else ACKNOWLEDGED

    records = [record("x", 0)] * keys
    records += [record(f"k{n}", version) for version in (1, 2) for n in range(keys)]
    settings = DeliverySettings(batch_size=keys, jobs=1, settle=60)
    result, seconds = deliver_in_virtual_time(api, records, settings)
    counted = "1 record" if keys == 1 else "3 records"
    assert result.notes == [
        (
            f"{counted} may be overwritten by requests without an answer:"
            " sent again in 59 s (--settle)"
        ),
        f"{counted}, accepted before, refused when sent again: may be left on an older version",
    ]
    assert result.counts == {RecordOutcome.ACCEPTED: 3 * keys}
    assert 61 < seconds < 66
