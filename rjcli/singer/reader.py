"""Reads a tap's output: lines become the messages of batches, rejects and states."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from rjcli.errors import InputError, RjcliError, StoppedError, UnfinishedError, show_name
from rjcli.json_text import SPACE, MalformedJsonError, members, parse_value
from rjcli.model import Block, Noted, Rejection, Stage
from rjcli.producer.messages import Pause
from rjcli.reading import Source
from rjcli.reading.lines import LongLine, whole_lines
from rjcli.settings.singer import SingerSettings
from rjcli.singer.batch_files import batch_files
from rjcli.singer.catalog import Catalog
from rjcli.singer.lines import Lines
from rjcli.singer.messages import BatchRead, RecordRejected, StateRead, TableDeclared
from rjcli.singer.record_lines import Heads, is_harmless_tail
from rjcli.singer.states import States
from rjcli.singer.stream import Stream

_BYTES_HELD = 512 * 1024  # so that streams that take turns are parsed many records at a time
_MOST_TYPES = 1000  # of messages, that are noted
_MOST_OVERHEAD = 2**20  # bytes of a line beside its record
_RECORD_START = re.compile(
    rb'[ ]*\{[ ]*"type"[ ]*:[ ]*"RECORD"[ ]*,[ ]*"stream"[ ]*:[ ]*("(?:[^"\\]|\\.)*+")[ ]*,'
)

Message = TableDeclared | BatchRead | RecordRejected | StateRead | Noted | Pause


class SingerTask(NamedTuple):
    """What to read: a file, or ``-`` for stdin."""

    path: str
    settings: SingerSettings


class Reader:
    """Reads the messages of a tap.

    Consecutive records of a stream need not stand together to share a batch: those of
    each stream fill their own, and a state waits until all before it are sent.
    """

    def __init__(self, task: SingerTask, source: Source | None = None) -> None:
        self._settings = task.settings
        self.source = source or Source(task.path)
        self._number = 0  # of the last line
        self._catalog = Catalog(task.settings)
        self._heads = Heads()
        self._with_lines: list[Stream] = []  # the streams with records to be parsed
        self._states = States(self._catalog.open_positions)
        self._noted: set[str] = set()  # types of messages
        self._rejected = 0
        self._unterminated = b""  # the last line, if no line end follows it
        self._held = 0  # bytes of lines since their records were parsed

    def messages(self) -> Iterator[Message]:
        """Read everything; what came before an error is yielded before it is raised.

        Raises InputError where the input cannot be read on, or is no Singer messages;
        UnfinishedError if there is not enough memory.
        """
        failure: RjcliError | None = None
        try:
            for piece in whole_lines(self.source.byte_strings(), self._longest_line):
                if isinstance(piece, LongLine):
                    raise self._refused(f"is longer than {self._longest_line:,} bytes")
                yield from self._read(piece)
        except RjcliError as error:
            failure = error
        except MemoryError:
            failure = UnfinishedError("there is not enough memory to read on", hint="give it more")
        try:
            yield from self._parse_lines()
        except RjcliError as error:
            failure = failure or error
        for stream in self._catalog.streams:
            yield from stream.flush()
        yield from self._earned_states()
        if failure:
            raise failure

    @property
    def seconds_to_wait(self) -> float | None:
        """How long the part-filled batches may wait for more; None: as long as it takes."""
        return self._catalog.seconds_to_wait()

    @property
    def _longest_line(self) -> int:
        return self._settings.max_record_bytes + _MOST_OVERHEAD

    def _read(self, piece: bytes) -> Iterator[Message]:
        """Take whole lines in; their records are parsed when there are many, or no more for now."""
        lines = piece.split(b"\n")
        if not lines[-1]:  # nothing follows the last line end
            lines.pop()
        if b"\r" in piece:
            lines = [line.removesuffix(b"\r") for line in lines]
        self._unterminated = b"" if piece.endswith(b"\n") or not lines else lines[-1]
        yield from self._sort(lines)
        self._held += len(piece)
        if not piece or self._held >= _BYTES_HELD:
            yield from self._parse_lines()
            yield from self._catalog.flush_due()
            yield from self._earned_states()
            yield Pause()

    def _sort(self, lines: Sequence[bytes]) -> Iterator[Message]:
        """Cut the records out of lines, for each stream; yield what other messages make."""
        heads = self._heads
        known, mark = heads.known, heads.mark
        head, start, last_tail = b"\n", 0, b"}"  # the head of the line before, which none has yet
        stream: Stream | None = None
        number = self._number
        for line in lines:
            number += 1
            if not line.startswith(head):
                at = line.find(mark)
                stream = known.get(line[:at]) if at > 0 else None
                start = at + len(mark) - 1
                head = line[: start + 1] if stream else b"\n"
            if stream:
                end = line.rfind(b"}", start, -1) + 1
                tail = line[end:]
                if tail == last_tail or is_harmless_tail(tail):
                    last_tail = tail
                    cut = stream.lines
                    if not cut.texts:
                        self._with_lines.append(stream)
                    cut.texts.append(line[start:end])
                    cut.positions.append(number)
                    cut.messages.append(line)
                    cut.tails.append(tail)
                    continue
            self._number = number
            yield from self._read_message(line)
            mark = heads.mark
        self._number = number

    def _read_message(self, line: bytes) -> Iterator[Message]:
        if not line.strip(SPACE):
            return
        try:
            value = parse_value(line)
        except MalformedJsonError as error:
            rejected = self._take_malformed(line, error.reason)
            self._rejected += 1
            yield rejected
            return
        type_ = value.get("type") if isinstance(value, dict) else None
        match type_:
            case "RECORD":
                self._record(value, line)
            case "STATE":
                if "value" not in value:
                    raise self._refused("is a STATE without a value")
                self._states.add(self._number, members(line)["value"])
            case "SCHEMA":
                yield from self._schema(value, line)
            case "BATCH":
                yield from self._batch(value)
            case str():
                yield from self._note_type(type_)
            case _:
                raise self._refused("is no Singer message: it has no type")

    def _record(self, value: dict[str, Any], line: bytes) -> None:
        stream = self._stream_of(value, "RECORD")
        if "record" not in value:
            raise self._refused("is a RECORD without a record")
        self._heads.learn(line, stream)
        texts = members(line)
        names = [name for name in ("time_extracted", "version") if name in texts]
        tail = b"".join(b', "%b": %b' % (name.encode(), texts[name]) for name in names) + b"}"
        lines = stream.lines
        if not lines.texts:
            self._with_lines.append(stream)
        lines.texts.append(texts["record"])
        lines.positions.append(self._number)
        lines.messages.append(line)
        lines.tails.append(tail)

    def _schema(self, value: dict[str, Any], line: bytes) -> Iterator[Message]:
        stream, keys = self._catalog.check(value, self._where)
        if stream.lines.texts:
            yield from self._parse(stream)
        if stream.keys != keys:
            yield from stream.flush()
        yield stream.declare(keys, line)

    def _batch(self, value: dict[str, Any]) -> Iterator[Message]:
        stream = self._stream_of(value, "BATCH")
        yield from self._parse(stream)
        for input_ in batch_files(value, self._settings, self._where):
            for _ in input_.identify():
                yield Pause()
            for block in input_.records({}, stream.keys or ()):
                yield from self._add_block(stream, block, [self._number] * len(block))
                yield Pause()

    def _note_type(self, type_: str) -> Iterator[Noted]:
        if type_ not in self._noted and len(self._noted) < _MOST_TYPES:
            self._noted.add(type_)
            what = "nothing is deleted" if type_ == "ACTIVATE_VERSION" else "they are passed over"
            yield Noted(f"messages of type {show_name(type_)} have no effect here: {what}")

    def _take_malformed(self, line: bytes, reason: str) -> RecordRejected:
        """Reject what begins as a record of a known stream. Raises InputError for all else."""
        if line is self._unterminated:
            raise InputError(
                f"{self.source.name} breaks off within line {self._number:,}",
                hint="see why the tap has ended; what came before is loaded",
            )
        start = _RECORD_START.match(line)
        stream = self._catalog.find(_name_in(start[1])) if start else None
        if stream is None:
            raise self._refused(f"is not JSON: {reason}")
        stream.read += 1
        rejection = Rejection(
            Stage.READ, self.source.name, self._number, stream.read, line, (reason,)
        )
        return RecordRejected(stream.name, rejection, self._number)

    def _parse_lines(self) -> Iterator[Message]:
        """Yield what the records make that were cut from lines. Raises StoppedError."""
        self._held = 0
        while self._with_lines:
            yield from self._parse(self._with_lines.pop())
        read = sum(stream.read for stream in self._catalog.streams)
        if self._rejected and self._settings.max_rejects.are_passed(self._rejected, read):
            raise too_many_rejects(self._rejected)

    def _parse(self, stream: Stream) -> Iterator[Message]:
        lines = stream.lines
        if not lines.texts:
            return
        stream.lines = Lines()
        longest = self._settings.max_record_bytes
        block = lines.parse(self.source.name, stream.read + 1, longest, stream.uniform)
        yield from self._add_block(stream, block, lines.positions, lines)

    def _add_block(
        self, stream: Stream, block: Block, positions: Sequence[int], lines: Lines | None = None
    ) -> Iterator[Message]:
        for message in stream.add(block, positions, lines):
            self._rejected += isinstance(message, RecordRejected)
            yield message
            if isinstance(message, BatchRead):
                yield from self._earned_states()

    def _stream_of(self, value: dict[str, Any], type_: str) -> Stream:
        name = value.get("stream")
        if not isinstance(name, str):
            raise self._refused(f"is a {type_} without a stream")
        stream = self._catalog.find(name)
        if stream is None:
            raise self._refused(f"is a {type_} of the stream {show_name(name)} before its SCHEMA")
        return stream

    def _earned_states(self) -> Iterator[StateRead]:
        for state in self._states.take():
            yield StateRead(*state)

    @property
    def _where(self) -> str:
        return f"line {self._number:,} of {self.source.name}"

    def _refused(self, reason: str) -> InputError:
        return InputError(
            f"{self._where} {reason}",
            hint="see that the tap writes nothing but Singer messages, one a line;"
            " what came before is loaded",
        )


def too_many_rejects(count: int) -> StoppedError:
    """Say that more records were rejected than is allowed."""
    return StoppedError(
        f"{count:,} records were rejected, more than max_rejects allows",
        hint="see the reasons above; to go on in spite of some, raise max_rejects",
    )


def _name_in(text: bytes) -> str:
    try:
        return str(orjson.loads(text))
    except orjson.JSONDecodeError:
        return ""
