"""Batching: every record is in one body, in order, and no body is larger than it may be."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from rjcli.model import Record, Records
from rjcli.preparing.batcher import Batcher, make_batch, split_batch

OPENINGS = [b"{", b'{"keys":["id"],']
records = st.lists(st.tuples(st.sampled_from(OPENINGS), st.integers(0, 12))).map(
    lambda lengths: [
        Record(b'{"a":"%b"}' % (b"x" * length), opening, at, b"", "f", at, at, at)
        for at, (opening, length) in enumerate(lengths, 1)
    ]
)


def body_of(some: list[Record]) -> bytes:
    """The body of a request with some records."""
    return b"[%b]" % b",".join(each.opening + each.json[1:] for each in some)


def expected_batches(all_records: list[Record], size: int, max_bytes: int) -> list[list[Record]]:
    """The records of each batch, if each takes as many as it may."""
    batches: list[list[Record]] = []
    for record in all_records:
        if (
            batches
            and len(batches[-1]) < size
            and len(body_of([*batches[-1], record])) <= max_bytes
        ):
            batches[-1].append(record)
        else:
            batches.append([record])
    return batches


@given(records, st.lists(st.integers(0, 9)), st.integers(1, 5), st.integers(12, 90))
def test_batches_are_as_full_as_they_may_be(
    all_records: list[Record], portions: list[int], size: int, max_bytes: int
) -> None:
    """However records come, each batch takes those next in order, up to its size and its bytes."""
    batcher = Batcher(size, max_bytes)
    cuts: list[list[Record]] = []
    unread = all_records
    for portion in [*portions, len(all_records)]:
        some, unread = unread[:portion], unread[portion:]
        if some:
            batcher.add(Records.of(some))
        while cut := batcher.cut():
            cuts.append([*cut])
        waiting = [each.position for each in all_records][sum(map(len, cuts)) :]
        waiting = waiting[: len(waiting) - len(unread)]
        assert batcher.pending == len(waiting)
        assert batcher.first_position == (waiting[0] if waiting else None)
    if rest := batcher.flush():
        cuts.append([*rest])
    assert batcher.flush() is None
    assert cuts == expected_batches(all_records, size, max_bytes)


@given(records.filter(bool))
def test_body_is_the_array_of_its_records(all_records: list[Record]) -> None:
    """A body is a JSON array of its records, whatever they begin with; two halves are its parts."""
    batch = make_batch(Records.of(all_records))
    assert batch.body == body_of(all_records)
    assert len(orjson.loads(batch.body)) == len(all_records)
    assert [*batch.records] == all_records
    if len(all_records) > 1:
        first, second = split_batch(batch)
        middle = len(all_records) // 2
        assert [*first.records, *second.records] == all_records
        assert (first.body, second.body) == (
            body_of(all_records[:middle]),
            body_of(all_records[middle:]),
        )
