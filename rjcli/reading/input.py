"""One input: its compression, its format, and the reader that reads it."""

from collections.abc import Iterator, Mapping
from itertools import chain
from json import JSONDecoder
from pathlib import PurePath

from rjcli.errors import InputError, UsageError
from rjcli.model import Block
from rjcli.reading.compression import decompress, without_suffix
from rjcli.reading.csv_cells import TypeDetector
from rjcli.reading.csv_reader import DelimitedReader
from rjcli.reading.csv_rows import DELIMITERS
from rjcli.reading.json_array import read_json
from rjcli.reading.ndjson import read_ndjson
from rjcli.reading.source import Source
from rjcli.reading.text import encoding_without_mark, mark_of, with_whole_start
from rjcli.settings.choices import ColumnType, Format
from rjcli.settings.values import DEFAULT_ENCODING, InputSettings

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

    Raises InputError when the input cannot be read on; what was yielded before stands.
    """

    def __init__(self, source: Source, settings: InputSettings) -> None:
        self.source = source
        self.format = settings.format
        self._settings = settings
        self._head = b""
        self._rest: Iterator[bytes] = iter(())  # behind the head, while it cannot be read again
        self._spooled = False
        self._reader: DelimitedReader | None = None

    def identify(self) -> Iterator[None]:
        """Find the format; yields None for "nothing there yet"."""
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

    @property
    def is_delimited(self) -> bool:
        """Whether it has columns."""
        return self.format in {Format.CSV, Format.TSV}

    def wants_types(self) -> bool:
        """Whether it has a column whose type has to be found."""
        if not (self.is_delimited and self._settings.csv.detect_types):
            return False
        header = self._delimited().header(self._head)
        return not header or not set(header) <= set(self._settings.csv.types)

    def spool(self) -> Iterator[None]:
        """Copy a pipe to disk, so that it can be read twice."""
        yield from self.source.spool(chain([self._head], self._rest))
        self._spooled = True

    def detect(self, detector: TypeDetector) -> Iterator[None]:
        """Have a detector look at all rows; of what breaks off, as far as it goes."""
        try:
            yield from self._delimited().detect(self._content(), detector)
        except InputError:
            return  # it is raised again where it counts: when the records are read

    def records(self, types: Mapping[str, ColumnType]) -> Iterator[Block]:
        """Read the records."""
        content, name, longest = self._content(), self.source.name, self._settings.max_record_bytes
        match self.format:
            case Format.NDJSON:
                return read_ndjson(content, name, longest)
            case Format.JSON:
                return read_json(content, name, longest)
            case _:
                self._reader = self._delimited()
                return self._reader.read(content, types)

    @property
    def header(self) -> tuple[bytes, bytes]:
        """A CSV's header as it stands in the file, without its line end, and that line end.

        Known once a record was read. The header has the byte order mark that the file has.
        """
        encoding = encoding_without_mark(self._settings.csv.encoding)
        text = self._reader.header_text if self._reader else ""
        header = text.rstrip("\r\n")
        line_end = text[len(header) :] or "\n"
        mark = mark_of(self._head, encoding)
        return mark + header.encode(encoding), line_end.encode(encoding)

    def _decompressed(self) -> Iterator[bytes]:
        byte_strings = self.source.byte_strings()
        if self._spooled:
            return byte_strings
        return decompress(byte_strings, self.source.name, self._settings.compression)

    def _content(self) -> Iterator[bytes]:
        """The decompressed bytes from the beginning; those of JSON without a byte order mark."""
        if self.source.rereadable:
            content = self._decompressed()
        else:
            content = chain([self._head], self._rest) if self._head else self._rest
        return content if self.is_delimited else _without_mark(content)

    def _delimited(self) -> DelimitedReader:
        delimiter = self._settings.csv.delimiter or ("\t" if self.format is Format.TSV else None)
        return DelimitedReader(
            self.source.name, self._settings.csv, delimiter, self._settings.max_record_bytes
        )

    def _suffix(self) -> str:
        return PurePath(without_suffix(self.source.name)).suffix.lower()

    def _by_name(self) -> Format | None:
        return _BY_SUFFIX.get(self._suffix())

    def _shows_enough(self) -> bool:
        """Whether the head tells the format, and the names of the columns if there are any."""
        content = self._head.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if self.format in {Format.JSON, Format.NDJSON} or content.startswith(b"["):
            return len(self._head) >= len(_BYTE_ORDER_MARK)
        return b"\n" in content or len(self._head) >= _SNIFF_SIZE

    def _by_content(self) -> Format:
        """Tell the format by the first line that is not blank."""
        if self._settings.csv.encoding != DEFAULT_ENCODING:
            return Format.CSV
        content = self._head.removeprefix(_BYTE_ORDER_MARK).lstrip()
        if content.startswith(b"{"):
            return Format.NDJSON if _is_ndjson(content) else Format.JSON
        # Files are called .json that hold one object a line, but none that are CSVs.
        if not content or content.startswith(b"[") or self._suffix() == ".json":
            return Format.JSON
        first_line = content.split(b"\n", 1)[0]
        if b"\0" not in first_line and any(mark.encode() in first_line for mark in DELIMITERS):
            return Format.CSV
        raise InputError(
            f"cannot tell the format of {self.source.name}: it looks like neither JSON nor CSV",
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
    """Whether the first line of what begins with an object is one object, good or bad, alone."""
    line, line_end, _ = head.partition(b"\n")
    text = line.rstrip().decode(errors="replace")
    try:
        _, end = JSONDecoder(strict=False).raw_decode(text)
    except (ValueError, RecursionError):
        # It goes on behind the head, or is bad, or the object takes several lines.
        return (not line_end and len(head) >= _SNIFF_SIZE) or text.endswith("}")
    return end == len(text)


def _without_mark(byte_strings: Iterator[bytes]) -> Iterator[bytes]:
    at_start = True
    for data in with_whole_start(byte_strings, len(_BYTE_ORDER_MARK)):
        yield data.removeprefix(_BYTE_ORDER_MARK) if at_start else data
        at_start = at_start and not data
