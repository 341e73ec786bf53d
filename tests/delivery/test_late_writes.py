"""Late writes: the newest versions of keys that a late request overwrites are sent again."""

import asyncio
import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rjcli.api.protocol import Answer
from rjcli.delivery.delivery import Delivery
from rjcli.delivery.late_writes import LateWrites
from rjcli.errors import InterruptedByUserError, TransportError
from rjcli.model import RecordOutcome, Records
from rjcli.settings.values import DeliverySettings
from tests.delivery.records import ACKNOWLEDGED, deliver_in_virtual_time, now, record

LATE_SECONDS = 20.0
SETTINGS = DeliverySettings(batch_size=1, settle=60)


class LateTable:
    """A table by exact key. Some requests bring no answer, and are applied later."""

    def __init__(self, is_late: Callable[[list[Any]], bool]) -> None:
        self._is_late = is_late
        self.versions: dict[Any, int] = {}
        self.sent: list[list[int]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __call__(self, records: list[Any]) -> Answer:
        """Answer an upsert."""
        self.sent.append([each["version"] for each in records])
        await asyncio.sleep(0.01)
        if self._is_late(records):
            self._tasks.add(asyncio.create_task(self._apply_late(records)))
            raise TransportError("no answer", in_doubt=True)
        self.apply(records)
        return ACKNOWLEDGED

    async def _apply_late(self, records: list[Any]) -> None:
        await asyncio.sleep(LATE_SECONDS)
        self.apply(records)

    def apply(self, records: list[Any]) -> None:
        """Write records; types tell keys apart."""
        for each in records:
            self.versions[type(each["id"]), each["id"]] = each["version"]


def first_time(version: int) -> Callable[[list[Any]], bool]:
    """Whether a request is the first one with a version."""
    seen = False

    def is_first(records: list[Any]) -> bool:
        nonlocal seen
        is_first = not seen and any(each["version"] == version for each in records)
        seen = seen or is_first
        return is_first

    return is_first


def is_in_tenth(chance: random.Random, _: list[Any]) -> bool:
    """Whether a request is one of a tenth of them, by chance."""
    return chance.random() < 0.1


KEYS: list[list[Any]] = [
    ["A2", "a2", " a2"],
    [4, "4.0", "4", 4.0],
    ["é", "E\u0301"],
    [True, "1", 1],
]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(KEYS), st.data())
def test_keys_that_look_alike_end_on_their_newest_versions(keys: list[Any], data: Any) -> None:
    """Where keys only look alike and a request is late, every exact key ends on its newest."""
    sequence = [data.draw(st.sampled_from(keys)) for _ in range(data.draw(st.integers(2, 12)))]
    late = data.draw(st.integers(1, len(sequence)))
    records = [record("first", 0)] + [record(key, n) for n, key in enumerate(sequence, 1)]
    table = LateTable(first_time(late))
    result, _ = deliver_in_virtual_time(table, records, SETTINGS)
    assert result.counts == {RecordOutcome.ACCEPTED: len(records)}
    wanted = {(type(key), key): n for n, key in enumerate(sequence, 1)}
    assert {key: table.versions[key] for key in wanted} == wanted


def test_nothing_is_waited_for_where_no_key_comes_again() -> None:
    """A late request whose keys come once costs neither time nor another request."""
    table = LateTable(first_time(3))
    records = [record(number, number) for number in range(1, 8)]
    result, seconds = deliver_in_virtual_time(table, records, SETTINGS)
    assert not result.notes
    assert seconds < 2
    assert len(table.sent) == 8


def test_records_are_sent_again_while_the_delivery_goes_on() -> None:
    """In a long delivery the newest version is sent again when its time comes, not at the end."""
    table = LateTable(first_time(1))
    records = [record("a", 1), record("a", 2)] + [record(n, n) for n in range(3, 2000)]
    result, _ = deliver_in_virtual_time(
        table, records, DeliverySettings(batch_size=1, settle=60, rate_limit=10)
    )
    assert table.versions[str, "a"] == 2
    again = [place for place, versions in enumerate(table.sent) if versions == [2]]
    assert len(again) == 2
    assert 550 < again[1] < 700  # after 60 s of 10 requests each
    assert not result.notes


def test_newer_version_on_its_way_is_not_overwritten_by_an_older_one() -> None:
    """A key of which a newer version is on its way when its time comes keeps that one."""

    class SlowTable(LateTable):
        async def __call__(self, records: list[Any]) -> Answer:
            if records[0]["version"] == 3:
                await asyncio.sleep(80)
            return await super().__call__(records)

    table = SlowTable(first_time(1))
    records = [record("first", 0), record("a", 1), record("a", 2), record("a", 3)]
    deliver_in_virtual_time(table, records, SETTINGS)
    assert table.versions[str, "a"] == 3
    assert table.sent[-1] == [3]


@pytest.mark.parametrize("first_status", [None, 503, 520, 524])
def test_split_batch_stays_in_doubt(first_status: int | None) -> None:
    """A batch that brings no answer, and is split when it is sent again, may still come late."""
    calls = 0
    table = LateTable(lambda _: False)
    tasks: set[asyncio.Task[None]] = set()

    async def apply_late(records: list[Any]) -> None:
        await asyncio.sleep(LATE_SECONDS)
        table.apply(records)

    async def api(records: list[Any]) -> Answer:
        nonlocal calls
        if len(records) == 2:
            calls += 1
            if calls > 1:
                return Answer(413, b"")
            tasks.add(asyncio.create_task(apply_late(records)))
            if first_status:
                return Answer(first_status, b"")
            raise TransportError("no answer", in_doubt=True)
        return await table(records)

    batches = DeliverySettings(batch_size=2, jobs=1, settle=60)
    records = [record("x", 0), record("y", 0), record("a", 1), record("b", 1)]
    records += [record("a", 2), record("b", 2)]

    async def single(records: list[Any]) -> Answer:
        return await (table(records) if records[0]["version"] == 0 else api(records))

    result, _ = deliver_in_virtual_time(single, records, batches)
    assert result.counts == {RecordOutcome.ACCEPTED: 6}
    if first_status != 503:
        assert table.versions[str, "a"] == table.versions[str, "b"] == 2


def test_too_large_when_sent_again_is_split() -> None:
    """Records to send again that are too large together are split as any batch is."""
    table = LateTable(first_time(1))
    is_strict = False

    async def api(records: list[Any]) -> Answer:
        nonlocal is_strict
        if now() > 50:
            is_strict = True
        return Answer(413, b"") if is_strict and len(records) > 3 else await table(records)

    records = [record("first", 0)]
    records += [record(f"k{n % 10}", 1 if n < 10 else 2) for n in range(20)]
    first = DeliverySettings(batch_size=10, settle=60)
    result, _ = deliver_in_virtual_time(api, records, first)
    assert result.error is None
    assert result.counts == {RecordOutcome.ACCEPTED: 21}
    assert {table.versions[str, f"k{n}"] for n in range(10)} == {2}


def test_refusal_of_what_is_sent_again_is_a_note() -> None:
    """Records that were accepted, and are refused when sent again, end in a note, not an error."""
    table = LateTable(first_time(1))

    async def api(records: list[Any]) -> Answer:
        return Answer(400, b"{}") if now() > 50 else await table(records)

    records = [record("first", 0), record("a", 1), record("a", 2)]
    result, _ = deliver_in_virtual_time(api, records, SETTINGS)
    assert result.error is None
    assert result.counts == {RecordOutcome.ACCEPTED: 3}
    assert [note for note in result.notes if "may be left on an older version" in note]


def test_what_a_stopped_delivery_leaves_in_doubt_is_taken_over() -> None:
    """Doubts of a delivery that was stopped make the next one send the newest version again."""
    table = LateTable(first_time(1))
    deliveries: list[Delivery] = []

    async def api(records: list[Any]) -> Answer:
        if records[0]["version"] == 2:
            error = InterruptedByUserError("stopped", signal=2)
            asyncio.get_running_loop().call_later(0.1, lambda: deliveries[0].stop(error))
        return await table(records)

    records = [record("first", 0), record("a", 1), record("a", 2)]
    result, _ = deliver_in_virtual_time(api, records, SETTINGS, deliveries.append)
    assert isinstance(result.error, InterruptedByUserError)
    assert result.notes[-1] == (
        "1 record may be left on an older version by late requests,"
        " until this table is pushed again"
    )
    changes = deliveries[0].late.take_changes()
    doubts = {key: doubt for key, doubt in changes.items() if doubt}
    assert [*doubts] == ["a"]

    def restore(delivery: Delivery) -> None:
        delivery.late.restore(doubts)

    table.sent.clear()
    table.apply([{"id": "a", "version": 1}])  # the late request lands in between
    deliver_in_virtual_time(table, [record("other", 9)], SETTINGS, restore)
    assert table.versions[str, "a"] == 2
    assert table.sent == [[9], [2]]


def test_newer_version_of_a_key_that_looks_alike_is_sent_again_after_older_ones() -> None:
    """What is sent again never overwrites a newer version of a key that looks alike."""
    late = LateWrites(60)
    late.doubt([record("a", 1)], now=0.0)
    late.accept(Records.of([record("A", 2), record(" a", 3)]), began=1.0)
    assert late.due(61.0, lambda _: True) == []  # as version 4 is on its way
    late.accept(Records.of([record("a", 4)]), began=60.5)
    again = late.due(63.0, lambda _: False)
    assert again == [record("A", 2), record(" a", 3), record("a", 4)]
    late.accept(Records.of(again), began=63.0, is_repeat=True)
    assert late.to_repeat == 0


@pytest.mark.parametrize("reply", [Answer(503, b""), Answer(520, b""), None])
def test_what_is_sent_again_is_kept_until_it_is_acknowledged(reply: Answer | None) -> None:
    """A delivery that stops while it sends records again leaves them in doubt for the next one."""
    table = LateTable(first_time(1))
    deliveries: list[Delivery] = []

    async def api(records: list[Any]) -> Answer:
        if now() < 50:
            return await table(records)
        assert not [doubt for doubt in deliveries[0].late.take_changes().values() if not doubt]
        deliveries[0].stop(InterruptedByUserError("stopped", signal=2))
        if reply is None:
            raise TransportError("no answer", in_doubt=True)
        return reply

    records = [record("first", 0)] + [record(key, n) for n, key in enumerate(["a", "A", "a"], 1)]
    result, _ = deliver_in_virtual_time(api, records, SETTINGS, deliveries.append)
    assert isinstance(result.error, InterruptedByUserError)
    assert result.notes[-1] == (
        "2 records may be left on an older version by late requests,"
        " until this table is pushed again"
    )
    assert deliveries[0].late.to_repeat == 2


def test_what_a_killed_run_had_sent_is_in_doubt_until_its_time_is_over() -> None:
    """Of records that may be on their way from a killed run, repeated keys are sent again."""
    late = LateWrites(60)
    late.inherit(position=10, until=100.0)
    late.accept(Records.of([record("once", 1), record("a", 2)]), began=50.0)
    late.accept(Records.of([record("a", 3)]), began=51.0)
    late.accept(Records.of([record("b", 11)]), began=52.0)  # was not taken before
    late.accept(Records.of([record("b", 12)]), began=53.0)
    assert late.to_repeat == 1
    assert late.last_until == 100.0
    assert late.due(99.0, lambda _: False) == []
    assert late.due(100.0, lambda _: False) == [record("a", 3)]
    assert late.due(100.0, lambda _: False) == []
    late.accept(Records.of([record("a", 3)]), began=100.5, is_repeat=True)
    late.accept(Records.of([record("c", 4)]), began=101.0)
    late.accept(Records.of([record("c", 5)]), began=102.0)
    assert late.to_repeat == 0


def test_unanswered_requests_of_many_keys_leave_the_table_right() -> None:
    """With a tenth of requests late, a thousand records over few keys end as they should."""
    for seed in range(5):
        chance = random.Random(seed)
        keys = [key for group in KEYS for key in group]
        records = [record(chance.choice(keys), n) for n in range(1, 1001)]
        table = LateTable(partial(is_in_tenth, chance))
        result, _ = deliver_in_virtual_time(
            table, records, DeliverySettings(batch_size=5, settle=30)
        )
        wanted: dict[Any, int] = {}
        for number, each in enumerate(records, 1):
            key = json.loads(each.json)["id"]
            wanted[type(key), key] = number
        assert result.counts == {RecordOutcome.ACCEPTED: 1000}
        assert table.versions == wanted


def test_what_is_refused_when_sent_again_is_given_up_alone() -> None:
    """A record that is given up is not sent again; others of its key are, until none is left."""
    late = LateWrites(60)
    late.give_up(record("b", 9))
    assert late.take_changes() == {}
    late.doubt([record("a", 1), record("b", 1)], now=0.0)
    late.accept(Records.of([record("a", 2), record("A", 3), record("b", 4)]), began=1.0)
    late.give_up(record(" a", 8))  # it was not to be sent again
    assert late.to_repeat == 3
    assert {*late.take_changes()} == {"a", "b"}
    late.give_up(record("b", 4))  # before its time: the key stays in doubt
    changes = late.take_changes()
    assert [*changes] == ["b"]
    doubt = changes["b"]
    assert doubt is not None
    assert (doubt.until, doubt.newest) == (60.0, {})
    assert late.due(60.0, lambda _: False) == [record("a", 2), record("A", 3)]
    assert late.take_changes() == {"b": None}
    late.give_up(record("a", 2))
    assert late.to_repeat == 1
    changes = late.take_changes()
    assert changes["a"]
    assert [*changes["a"].newest.values()] == [record("A", 3)]
    late.give_up(record("A", 3))
    assert late.to_repeat == 0
    assert late.take_changes() == {"a": None}
    assert late.take_changes() == {}
