"""The settled prefix and the forms of rejects, with Hypothesis."""

import hashlib
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from rjcli.model import Batch, Record, RecordOutcome, Records, Rejection, Settlement, Stage
from rjcli.preparing.batcher import make_batch
from rjcli.run.prefix import Prefix
from rjcli.run.rejects import flatten

# What becomes of each record: the intake rejects it, or the API rejects or accepts it.
FATES = st.sampled_from(["intake", "api", "accepted"])


def reject(number: int, stage: Stage) -> Rejection:
    """Reject the record of that number."""
    return Rejection(stage, "f", number, number, b"%d" % number, ("bad",), position=number)


def read(prefix: Prefix, spans: list[list[str]]) -> list[tuple[Batch, Record, str]]:
    """Close spans whose records meet these fates; give what is to be settled, in order."""
    open_records = []
    number = 0
    for fates in spans:
        records = []
        for fate in fates:
            number += 1
            if fate == "intake":
                prefix.reject(reject(number, Stage.READ))
            else:
                raw = b"%d" % number
                records.append((Record(raw, b"{", number, raw, "f", number, number, number), fate))
        batch = make_batch(Records.of(record for record, _ in records)) if records else None
        prefix.close(number, hashlib.sha256(b"%d" % number).digest(), batch)
        if batch:
            open_records += [(batch, record, fate) for record, fate in records]
    return open_records


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(FATES, min_size=1, max_size=6), max_size=8), st.data())
def test_prefix_never_passes_an_unsettled_record(spans: list[list[str]], data: Any) -> None:
    """In whatever order records are settled, all before the prefix are, and in the end all are."""
    prefix = Prefix()
    left = read(prefix, spans)
    unsettled = {record.number for _, record, _ in left}
    written: list[int] = []
    for batch, record, fate in data.draw(st.permutations(left)):
        written += [place for span in prefix.advance() for place in sorted(span.rejections)]
        assert all(number > prefix.records for number in unsettled)
        told = Settlement(RecordOutcome.ACCEPTED, [record])
        prefix.settle(reject_as_sent(record) if fate == "api" else told, batch)
        unsettled.discard(record.number)
    written += [place for span in prefix.advance() for place in sorted(span.rejections)]
    fates = [fate for span in spans for fate in span]
    assert prefix.records == prefix.taken == len(fates)
    assert written == [place for place, fate in enumerate(fates, 1) if fate != "accepted"]
    assert (prefix.accepted, prefix.rejected) == (fates.count("accepted"), len(written))
    assert [*prefix.beyond()] == []


def test_rejections_after_the_prefix_are_in_the_order_of_the_input() -> None:
    """What was rejected after an unsettled record comes in order, whenever it was rejected."""
    prefix = Prefix()
    left = read(prefix, [["accepted", "api", "intake", "api"], ["intake"]])
    prefix.reject(reject(6, Stage.READ))
    for batch, record, fate in reversed(left):
        if fate == "api":
            prefix.settle(reject_as_sent(record), batch)
    assert [*prefix.advance()] == []
    assert [rejection.position for rejection in prefix.beyond()] == [2, 3, 4, 5, 6]
    assert prefix.waiting == 4


def reject_as_sent(record: Record) -> Rejection:
    """The API refuses a record."""
    return Rejection(
        Stage.API, "f", record.line, record.number, record.raw, ("bad",), 400, record.position
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda values: st.lists(values) | st.dictionaries(st.text(), values),
)


@settings(max_examples=50)
@given(JSON, st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_flattened_json_has_its_values(value: Any, line_break: bytes) -> None:
    """A pretty-printed record on one line has the same values."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).replace(b"\n", line_break)
    flat = flatten(text)
    assert b"\n" not in flat
    assert b"\r" not in flat
    assert orjson.loads(flat) == value


@given(st.binary())
def test_anything_is_flattened_to_one_line(text: bytes) -> None:
    """Whatever a malformed record holds, it takes one line among the rejects."""
    assert not set(flatten(text)) & set(b"\r\n")
