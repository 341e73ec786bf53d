"""Lines of a tap become batches, rejects and states: exactly, however they are written."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.json_text import members
from rjcli.producer.messages import Pause
from rjcli.settings.option_kinds import MaxRejects
from rjcli.settings.singer import SingerSettings
from rjcli.settings.values import DeliverySettings
from rjcli.singer.messages import BatchRead, RecordRejected, StateRead, TableDeclared
from rjcli.singer.reader import Message, Reader, SingerTask
from tests.singer.tap import lines_of, record, schema, state


def read(path: Path, content: bytes, **options: Any) -> Iterator[Message]:
    """The messages of a tap's output."""
    path.write_bytes(content)
    return Reader(SingerTask(str(path), SingerSettings(**options))).messages()


def read_until_error(path: Path, content: bytes) -> tuple[list[Message], InputError]:
    """The messages of a tap's output that come before an error, and the error."""
    found: list[Message] = []
    try:
        found.extend(read(path, content))
    except InputError as error:
        return found, error
    raise AssertionError


def sent(messages: list[Message]) -> dict[str, list[bytes]]:
    """The records of each stream, as they are sent but for their keys."""
    found: dict[str, list[bytes]] = {}
    for message in messages:
        if isinstance(message, BatchRead):
            found.setdefault(message.stream, []).extend(message.batch.records.column("json"))
    return found


_NAMES = st.sampled_from(["id", "record", "time_extracted", "a", "}", '"record": {', "ü"])
_VALUES = st.recursive(
    st.none() | st.integers() | st.sampled_from(['"', "}", "}}", '}, "time_extracted": "', "\\"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_NAMES, inner, max_size=2),
    max_leaves=5,
)
_RECORDS = st.builds(
    lambda fields, number: {**fields, "id": number},
    st.dictionaries(_NAMES, _VALUES, max_size=3),
    st.integers(0, 20),
)
_STREAMS = st.sampled_from(["users", "record", 'a "b"', "üe", "x}"])
_MORE: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {},
        {"time_extracted": "2026-01-01T00:00:00.000000Z"},
        {"version": 7},
        {"version": 7, "time_extracted": "2026-01-01T00:00:00Z"},
        {"time_extracted": 'od"d}'},
        {"more": {"record": {"id": 99}}},
    ]
)


@st.composite
def _lines(draw: st.DrawFn) -> bytes:
    stream, fields, more = draw(_STREAMS), draw(_RECORDS), draw(_MORE)
    message: dict[str, Any] = {"type": "RECORD", "stream": stream, "record": fields, **more}
    chance = random.Random(draw(st.integers(0, 100)))
    items = [*message.items()]
    if chance.random() < 0.3:
        chance.shuffle(items)
    separators = chance.choice([(", ", ": "), (",", ":"), (" , ", " :  ")])
    text = json.dumps(dict(items), separators=separators, ensure_ascii=chance.random() < 0.5)
    if chance.random() < 0.1:  # the last one of two members counts
        text = text.replace('"type"', '"record":{"id":7},"type"', 1)
    if chance.random() < 0.1:
        text = text.replace('"record"', '"rec\\u006frd"', 1)
    return text.encode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(_lines(), max_size=30))
def test_records_are_those_of_a_slow_reference(tmp_path: Path, lines: list[bytes]) -> None:
    """Whatever the order of members, white space, escapes and repetitions: bytes as they came."""
    check_against_slow_reference(tmp_path / "tap", lines)


def check_against_slow_reference(path: Path, lines: list[bytes]) -> None:
    """Check that all records come as a parser of whole messages finds them."""
    streams = ["users", "record", 'a "b"', "üe", "x}"]
    tap = lines_of([*(schema(stream, "id") for stream in streams), *lines])
    expected: dict[str, list[bytes]] = {}
    for line in lines:
        message = orjson.loads(line)
        if message["type"] == "RECORD":
            expected.setdefault(message["stream"], []).append(members(line)["record"])
    messages = [*read(path, tap)]
    assert sent(messages) == expected
    assert not any(isinstance(each, RecordRejected) for each in messages)


_USUAL = b'{"type": "RECORD", "stream": "users", "record": {"id": 1}}'


@pytest.mark.parametrize(
    "line",
    [
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1}, "stream": "record"}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1}, "stream": "x}"}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1}, "type": "HELLO"}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1}, "record": {"id": 2}}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1}, "version": {"id": 2}}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1, "x": {"version": 1}}}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1, "x": "}, \\"version\\":1}"}}',
        b'{"type": "RECORD", "stream": "users", "record": {"id": 1} , "version": 1 } ',
        b'{"m": {"record": {"id": 2}}, "type": "RECORD", "stream": "users", "record": {"id": 1}}',
        b'{"m": {"x": 1, "record": {"id": 2}}, "type": "RECORD", "stream": "x}","record":{"id":1}}',
        b'{"type": "RECORD", "stream": "record", "record": {"id": 1}}',
        b'{"type": "RECORD", "stream": "x}", "stream": "users", "record": {"id": 1}}',
        b'{"type": "HELLO", "stream": "users", "record": {"id": 1}}',
    ],
)
def test_tricky_messages_are_cut_as_they_are_meant(tmp_path: Path, line: bytes) -> None:
    """Members that count although they come late, or look like others, are seen."""
    more = (
        b'{"more": {"record": {"id": 2}}, "type": "RECORD", "stream": "users", "record": {"id": 3}}'
    )
    check_against_slow_reference(tmp_path / "tap", [_USUAL, more, line, _USUAL, more, line])


def test_no_line_is_parsed_whole_twice(tmp_path: Path) -> None:
    """Lines of the usual shape are cut by their head alone, once it is known."""
    lines = [schema("users", "id"), *(record("users", id=number) for number in range(500))]
    path = tmp_path / "tap"
    path.write_bytes(lines_of(lines))
    reader = Reader(SingerTask(str(path), SingerSettings()))
    slow: list[bytes] = []
    whole = reader._record  # noqa: SLF001 - how often it is called is the promise

    def count(value: dict[str, Any], line: bytes) -> None:
        slow.append(line)
        whole(value, line)

    reader._record = count  # type: ignore[method-assign] # noqa: SLF001
    assert len(sent([*reader.messages()])["users"]) == 500
    assert len(slow) == 1


def test_interleaved_streams_fill_their_own_batches(tmp_path: Path) -> None:
    """Ten streams that take turns make requests of a hundred records each, and not of one."""
    streams = [f"s{number}" for number in range(10)]
    lines = [schema(stream, "id") for stream in streams]
    lines += [record(streams[number % 10], id=number) for number in range(5000)]
    batches = [each for each in read(tmp_path / "tap", lines_of(lines)) if type(each) is BatchRead]
    assert [len(each.batch.records) for each in batches] == [100] * 50
    for stream in streams:
        ids = [
            orjson.loads(text)["id"]
            for each in batches
            if each.stream == stream
            for text in each.batch.records.column("json")
        ]
        assert ids == sorted(ids)


def test_state_comes_after_all_records_before_it(tmp_path: Path) -> None:
    """A state waits for the part-filled batches of all streams, but not for what comes later."""
    lines: list[Any] = [schema("a", "id"), schema("b", "id"), record("b", id=0)]
    lines += [record("a", id=number) for number in range(100)]
    lines += [state(1), record("a", id=100), *(record("b", id=n) for n in range(1, 100)), state(2)]
    messages = [*read(tmp_path / "tap", lines_of(lines))]
    seen = 0
    for message in messages:
        if isinstance(message, BatchRead):
            seen += len(message.batch.records)
        if isinstance(message, StateRead):
            assert message.value in {b"1", b"2"}
            assert seen >= (101 if message.value == b"1" else 201)
    assert messages[-1] == StateRead(len(lines), b"2")


def test_value_of_a_state_is_its_exact_text(tmp_path: Path) -> None:
    """White space, order, escapes and numbers of a state stay as they are."""
    value = b'{ "b":1.10,"a" : "\\u00e4" , "n":123456789012345678901234 }'
    [found] = [
        each
        for each in read(tmp_path / "tap", b'{"value":  %b  , "type":"STATE"}' % value)
        if isinstance(each, StateRead)
    ]
    assert found.value == value


def test_changed_keys_flush_the_stream_first(tmp_path: Path) -> None:
    """What was read under the old keys is sent before the new ones are declared."""
    lines = [schema("a", "id"), record("a", id=1), schema("a", "id"), record("a", id=2)]
    lines += [schema("a", "id", "n"), record("a", id=3, n=1)]
    messages = [*read(tmp_path / "tap", lines_of(lines))]
    kinds = [type(each) for each in messages if not isinstance(each, Pause)]
    assert kinds == [TableDeclared, TableDeclared, BatchRead, TableDeclared, BatchRead]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "no type"),
        (b"tap: hello", "is not JSON"),
        (b'{"type":"STATE"}', "without a value"),
        (b'{"type":"RECORD","stream":"b","record":{"id":1}}', "before its SCHEMA"),
        (b'{"type":"RECORD","stream":"a"}', "without a record"),
        (b'{"type":"SCHEMA","stream":"b","key_properties":["id"]}', "no properties"),
        (json.dumps(schema("b")).encode(), "no key_properties"),
        (json.dumps(schema("b", "id", "id")).encode(), "a key twice"),
        (json.dumps(schema("A", "id")).encode(), "share the table A with the stream 'a'"),
        (json.dumps(schema("b", "keys")).encode(), "a property 'keys'"),
        (b'{"type":"BATCH","stream":"a","manifest":["s3://b/f"]}', "not on this machine"),
        (b'{"type":"BATCH","stream":"a","encoding":{"format":"parquet"}}', "in parquet"),
        (b'{"type":"BATCH","stream":"a","manifest":["file:///no/such"]}', "cannot read"),
        (b'{"type":"RECORD","stream":"b","record":{"id":1}', "is not JSON"),
    ],
)
def test_what_is_no_message_ends_reading(tmp_path: Path, line: bytes, reason: str) -> None:
    """What came before it is sent, its states too; the error names the line and the reason."""
    lines = [schema("a", "id"), record("a", id=1), state(1), line, record("a", id=2)]
    with pytest.raises(InputError, match=reason) as caught:
        [*read(tmp_path / "tap", lines_of(lines))]
    assert "line 4" in caught.value.message or reason == "cannot read"


def test_what_came_before_an_error_is_read(tmp_path: Path) -> None:
    """Records and states before a line that is no message are yielded before the error."""
    lines = [schema("a", "id"), record("a", id=1), state(1), b"oops", record("a", id=2)]
    found, error = read_until_error(tmp_path / "tap", lines_of(lines))
    assert "line 4" in error.message
    assert sent(found) == {"a": [b'{"id": 1}']}
    assert found[-1] == StateRead(3, b"1")


def test_line_that_is_cut_ends_reading(tmp_path: Path) -> None:
    """A last line that breaks off is an error, and is not taken for a reject."""
    lines = lines_of([schema("a", "id"), record("a", id=1), record("a", id=2)])
    found, error = read_until_error(tmp_path / "tap", lines[:-5])
    assert "breaks off within line 3" in error.message
    assert sent(found) == {"a": [b'{"id": 1}']}


def test_last_line_without_its_end_is_read(tmp_path: Path) -> None:
    """A whole message counts, whether or not a line end follows it."""
    lines = lines_of([schema("a", "id"), record("a", id=1), state(1)])
    for cut in (lines[:-1], lines.replace(b"\n", b"\r\n"), lines + b"\n\n"):
        messages = [*read(tmp_path / "tap", cut)]
        assert sent(messages) == {"a": [b'{"id": 1}']}
        assert messages[-1] == StateRead(3, b"1")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b'{"id": NaN}', "NaN is not JSON"),
        (b'{"id": 1, "id": 2}', "occurs twice"),
        (b'{"x": 1}', "the key field 'id' is missing"),
        (b'{"id": null}', "is null"),
        (b'{"id": ""}', "is empty"),
        (b'{"id": 1, "keys": ["id"]}', "'keys' is one that the API reserves"),
        (b"[1]", "must be a JSON object"),
        (b'{"id": 1, "x": "%b"}' % (b"x" * 2000), "longer than 1,000 bytes"),
    ],
)
def test_bad_record_is_rejected_as_its_message(tmp_path: Path, text: bytes, reason: str) -> None:
    """A record that cannot be sent costs only itself; its message is kept exactly."""
    bad = b'{"type": "RECORD", "stream": "a", "record": %b}' % text
    lines = lines_of([schema("a", "id"), record("a", id=1), bad, record("a", id=2)])
    limit = MaxRejects(1, is_percentage=False)
    messages = [*read(tmp_path / "tap", lines, max_record_bytes=1000, max_rejects=limit)]
    [rejected] = [each for each in messages if isinstance(each, RecordRejected)]
    assert reason in "".join(rejected.rejection.reasons)
    assert (rejected.rejection.raw, rejected.rejection.line) == (bad, 3)
    assert sent(messages) == {"a": [b'{"id": 1}', b'{"id": 2}']}


def test_rare_stream_does_not_hold_back_states(tmp_path: Path) -> None:
    """A part-filled batch is sent when it has waited long enough, on a busy tap too."""
    lines: list[Any] = [schema("a", "id"), schema("rare", "id"), record("rare", id=0), state(0)]
    for number in range(20_000):
        lines.append(record("a", id=number))
        if number % 500 == 0:
            lines.append(state(number))
    delivery = DeliverySettings(flush_after=0.0)
    positions: list[Any] = []
    for message in read(tmp_path / "tap", lines_of(lines), delivery=delivery):
        if isinstance(message, BatchRead) and message.stream == "rare":
            positions.append("rare")
        if isinstance(message, StateRead):
            positions.append(message.position)
    assert positions[0] == "rare"
    assert len(positions) > 10
