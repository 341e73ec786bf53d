"""One input: its compression, its format, and the reader that reads it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain, islice
from json import JSONDecoder
from pathlib import PurePath
from typing import TYPE_CHECKING

from rjcli.errors import InputError, UsageError
from rjcli.model import Block, RawRecord
from rjcli.reading.compression import decompress, without_suffix
from rjcli.reading.json_array import read_json
from rjcli.reading.ndjson import read_ndjson
from rjcli.reading.source import Source
from rjcli.reading.text import encoding_without_mark, mark_of, without_utf8_mark
from rjcli.settings.choices import ColumnType, Dialect, Format
from rjcli.settings.values import DEFAULT_ENCODING, InputSettings

if TYPE_CHECKING:
    from rjcli.reading.column_types import TypeDetector
    from rjcli.reading.csv_reader import DelimitedReader

_BY_SUFFIX = {
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
}
_SNIFF_SIZE = 64 * 1024  # bytes
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Input:
    """One input of a push: identify it, find its column types if it needs them, read it.

    Raises InputError where the input cannot be read any further; what was yielded
    before is good. ``held_back``: whether a last line without a line end was not read.
    ``suggested_dialect``: what a CSV seems to be written in, where the settings do not say.
    """

    def __init__(self, source: Source, settings: InputSettings) -> None:
        self.source = source
        self.format = settings.format
        self.held_back = False
        self.suggested_dialect: Dialect | None = None
        self._settings = settings
        self._head = b""
        self._rest: Iterator[bytes] = iter(())  # after the head, while it cannot be read again
        self._spooled = False
        self._reader: DelimitedReader | None = None  # of a CSV, once it is identified
        self._notes: dict[str, bool] = {}  # and whether they were taken

    def identify(self) -> Iterator[None]:
        """Find the format. Yields None regularly, so that other tasks can run."""
        if self.format is Format.AUTO:
            self.format = self._by_name() or Format.AUTO
        byte_strings = self._decompressed()
        while not self._shows_enough():
            data = next(byte_strings, None)
            if data is None:
                break
            if not data:
                yield None
            self._head += data
        if not self.source.rereadable:
            self._rest = byte_strings
        if self.format is Format.AUTO:
            self.format = self._by_content()
        self._check_encoding()
        if self.is_delimited:
            self._reader = self._delimited_reader()

    def take_notes(self) -> list[str]:
        """Return notes for users about the input that were not returned before."""
        new = [note for note, is_taken in self._notes.items() if not is_taken]
        self._notes = dict.fromkeys(self._notes, True)
        return new

    @property
    def is_delimited(self) -> bool:
        """Whether it is a CSV or TSV. Known once it is identified."""
        return self.format in {Format.CSV, Format.TSV}

    @property
    def is_json(self) -> bool:
        """Whether it holds anything, and is no CSV. Known once it is identified."""
        return bool(self._head) and not self.is_delimited

    def wants_types(self, detector: "TypeDetector") -> bool:
        """Show a detector its columns; return whether their types depend on their values."""
        if self._reader is None:
            return False
        names = self._reader.names(self._head)
        csv = self._settings.csv
        return detector.add_columns(names) if names else bool(csv.detect_types or csv.types_from)

    def first_names(self, most_blocks: int) -> list[str]:
        """The names of a CSV's columns, or of the first record's fields. Known once identified.

        They are looked for in so many blocks at most.
        """
        if self._reader:
            return self._reader.names(self._head)
        for block in islice(self.records({}), most_blocks):
            for record in block:
                if isinstance(record, RawRecord):
                    return [*record.fields]
        return []

    def spool(self) -> Iterator[None]:
        """Copy a pipe to disk, so that it can be read twice."""
        content = chain([self._head], self._rest)
        yield from self.source.spool(content, self._settings.max_spool)
        self._spooled = True

    def detect(self, detector: "TypeDetector") -> Iterator[None]:
        """Show a detector all rows, as far as the input can be read."""
        if self._reader:
            with suppress(InputError):  # it is raised again when the records are read
                yield from self._reader.detect(self._content(), detector)

    def records(
        self, types: Mapping[str, ColumnType], wanted: Sequence[str] = ()
    ) -> Iterator[Block]:
        """Read the records. An empty block lets other tasks run.

        ``wanted``: the only fields that will be looked at; none: all.
        """
        content, name, longest = self._content(), self.source.name, self._settings.max_record_bytes
        if self._reader:
            yield from self._reader.read(content, types)
        elif self.format is Format.NDJSON:
            yield from read_ndjson(content, name, longest, self._on_part_line, wanted)
        else:
            yield from read_json(content, name, longest, wanted)
        if self.source.is_replaced:
            self._note("another file took its place while it was read; the old one was read")

    @property
    def header(self) -> tuple[bytes, bytes]:
        """The bytes before a CSV's first row, and a line end as in the file.

        Known once a record was read. They begin with the byte order mark that the
        file has, and are empty for a file without a header.
        """
        if self._reader is None:
            return b"", b"\n"
        text, line_end = self._reader.text_before_rows
        encoding = encoding_without_mark(self._settings.csv.encoding)
        return mark_of(self._head, encoding) + text if text else b"", line_end

    def _decompressed(self) -> Iterator[bytes]:
        byte_strings = self.source.byte_strings()
        if self._spooled:
            return byte_strings
        settings = self._settings
        return decompress(
            byte_strings, self.source.name, settings.compression, settings.max_expansion
        )

    def _content(self) -> Iterator[bytes]:
        """The decompressed bytes from the beginning; those of JSON without a byte order mark."""
        if self.source.rereadable:
            content = self._decompressed()
        else:
            content = chain([self._head], self._rest) if self._head else self._rest
        return content if self.is_delimited else without_utf8_mark(content)

    def _delimited_reader(self) -> "DelimitedReader":
        from rjcli.reading.csv_dialect import SUGGESTIONS, suggest_dialect
        from rjcli.reading.csv_reader import DelimitedReader

        csv = self._settings.csv
        if csv.dialect is None and csv.escape is None:
            self.suggested_dialect = suggest_dialect(self._head)
        if self.suggested_dialect:
            self._note(SUGGESTIONS[self.suggested_dialect])
        return DelimitedReader(
            self.source.name,
            csv,
            "\t" if self.format is Format.TSV else None,
            self._settings.max_record_bytes,
            note=self._note,
            on_part_row=self._on_part_line,
        )

    def _note(self, text: str) -> None:
        self._notes.setdefault(f"{self.source.name}: {text}", False)

    @property
    def _on_part_line(self) -> Callable[[], None] | None:
        return self._hold_back if self._settings.hold_back_unterminated else None

    def _hold_back(self) -> None:
        self.held_back = True
        self._note("its last line is not complete, and is held back")

    def _suffix(self) -> str:
        return PurePath(without_suffix(self.source.name)).suffix.lower()

    def _by_name(self) -> Format | None:
        return _BY_SUFFIX.get(self._suffix())

    def _shows_enough(self) -> bool:
        """Whether the head is enough to find the format, and the header if there is one."""
        content = self._head.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if self.format in {Format.JSON, Format.NDJSON} or content.startswith(b"["):
            return len(self._head) >= len(_BYTE_ORDER_MARK)
        return b"\n" in content or len(self._head) >= _SNIFF_SIZE

    def _by_content(self) -> Format:
        """Find the format from the first line that is not blank."""
        if self._settings.csv.encoding != DEFAULT_ENCODING:
            return Format.CSV
        content = self._head.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if content.startswith(b"{"):
            return Format.NDJSON if _is_ndjson(content) else Format.JSON
        # A .json file may hold one object a line, but not a CSV.
        if not content or content.startswith(b"[") or self._suffix() == ".json":
            return Format.JSON
        from rjcli.reading.csv_dialect import DELIMITERS

        first_line = content.split(b"\n", 1)[0]
        if b"\0" not in first_line and any(mark.encode() in first_line for mark in DELIMITERS):
            return Format.CSV
        raise InputError(
            f"cannot find out the format of {self.source.name}: it looks like neither JSON nor CSV",
            hint="say what it is with --format json, ndjson, csv or tsv",
        )

    def _check_encoding(self) -> None:
        encoding = self._settings.csv.encoding
        if self._head.startswith(_UTF_16_MARKS) and encoding == DEFAULT_ENCODING:
            raise InputError(
                f"{self.source.name} is UTF-16", hint="say --encoding utf-16 if it is a CSV"
            )
        if encoding != DEFAULT_ENCODING and not self.is_delimited:
            raise UsageError("JSON is always UTF-8", hint="--encoding is for CSV and TSV")


def _is_ndjson(head: bytes) -> bool:
    """Whether the first line, which begins with an object, holds just that one, good or bad."""
    line, line_end, _ = head.partition(b"\n")
    text = line.rstrip().decode(errors="replace")
    try:
        _, end = JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        # It continues after the head, or is bad, or the object takes several lines.
        return (not line_end and len(head) >= _SNIFF_SIZE) or text.endswith("}")
    return end == len(text)
