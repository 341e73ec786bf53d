"""What the process that reads tells comes out of the socket as it went in."""

import pickle
import socket
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import UsageError
from rjcli.model import Batch, Record, Records
from rjcli.preparing.batcher import make_batch, split_batch
from rjcli.producer.messages import Message, SpanRead
from rjcli.producer.pickling import LENGTH, send, unpack
from rjcli.producer.producer import ProducerTask
from rjcli.reading import KnownTypes
from rjcli.settings.choices import ColumnType
from rjcli.settings.values import InputSettings, PushSettings
from tests.reading.test_formats import json_objects

jsons = json_objects.filter(bool).map(lambda record: repr(record).encode())
openings = st.sampled_from([b"{", b'{"keys":["id"],'])
keys = st.none() | st.floats(allow_nan=False) | st.text() | st.tuples(st.text(), st.floats(0))
raws = st.none() | st.binary()


@st.composite
def records(draw: st.DrawFn) -> Record:
    """A record; most stand in the input as the JSON that they are."""
    json, raw, line = draw(jsons), draw(raws), draw(st.integers(1, 2**40))
    file = draw(st.sampled_from(["a.ndjson", "b.csv"]))
    return Record(json, draw(openings), draw(keys), raw or json, file, line, draw(st.integers(1)))


def through_a_socket(told: list[Message]) -> list[Message]:
    """What the other end gets."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as other:
        sending = other.submit(send, ours, told)
        stream = theirs.makefile("rb")
        (length,) = LENGTH.unpack(stream.read(LENGTH.size))
        received = unpack(stream.read(length))
        sending.result()
    assert isinstance(received, list)
    return received


@given(st.lists(st.lists(records(), min_size=1, max_size=5), max_size=3))
def test_batches_arrive_as_they_were_sent(batches: list[list[Record]]) -> None:
    """Body, keys, and every record with its own bytes and place, whole or split."""
    sent = [make_batch(Records.of(each)) for each in batches]
    spans = [SpanRead(end, b"digest", batch, end) for end, batch in zip(count(1), sent)]
    received = through_a_socket([*spans])
    arrived = [span.batch for span in received if isinstance(span, SpanRead)]
    for batch, before in zip(arrived, sent, strict=True):
        assert isinstance(batch, Batch)
        assert (batch.body, batch.keys) == (before.body, before.keys)
        assert len(batch.records) == len(before.records)
        if len(batch.records) > 1:
            parts = split_batch(batch)
            assert [part.body for part in parts] == [part.body for part in split_batch(before)]
        assert [*batch.records] == [*before.records]


@pytest.mark.parametrize(("batches", "size"), [(1100, 10), (3, 10**6)])
def test_many_bodies_and_large_ones_arrive(batches: int, size: int) -> None:
    """Bodies arrive whole, be they more than a system sends at once or longer than it takes."""
    text = b'{"id":"%b"}' % (b"x" * size)
    batch = make_batch(Records.of([Record(text, b"{", 1.0, text, "a.ndjson", 1, 1)]))
    received = through_a_socket([SpanRead(end, b"", batch, end) for end in range(batches)])
    bodies = [span.batch.body for span in received if isinstance(span, SpanRead) and span.batch]
    assert bodies == [batch.body] * batches


def test_task_keeps_what_is_known_of_types() -> None:
    """The process that reads learns of the known types, or why they are not known."""
    settings = PushSettings(table="t", input=InputSettings(files=()))
    error = UsageError("the file is damaged", hint="rm file")
    for known in (KnownTypes({"id": ColumnType.INTEGER}, "a.toml"), KnownTypes(error=error)):
        task = pickle.loads(pickle.dumps(ProducerTask(settings, None, known)))  # noqa: S301 - of our own
        assert (task.known.types, task.known.source) == (known.types, known.source)
        if known.error:
            assert type(task.known.error) is UsageError
            assert (task.known.error.message, task.known.error.hint) == (error.message, error.hint)
