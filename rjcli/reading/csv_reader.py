"""CSV and TSV: a header, then one record a row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat

from rjcli.columns import Repeated
from rjcli.errors import InputError
from rjcli.model import Block, RawRecord, RawRecords, Rejection, Stage, zip_fields
from rjcli.reading.block import reject_too_long
from rjcli.reading.column_types import TypeDetector
from rjcli.reading.csv_cells import CellEncoder, Encoded
from rjcli.reading.csv_header import BadHeaderError, Header
from rjcli.reading.csv_rows import Bounds, RowParser, Rows
from rjcli.reading.csv_start import Start, StartReader, bad_header
from rjcli.reading.lines import whole_lines
from rjcli.reading.text import (
    bad_byte,
    encoding_without_mark,
    extends_ascii,
    to_utf8,
    without_utf8_mark,
)
from rjcli.settings.choices import ColumnType
from rjcli.settings.values import CsvSettings

_LINE_END = b"\r\n"
_BLANK = ""  # of a line that is no row


def _ignore(_: str) -> None:
    """Drop a note."""


class DelimitedReader:
    """Reads one CSV, perhaps twice: for the types of its columns, and for its records.

    ``delimiter``: if neither the settings nor the file say which one it has.
    ``note``: called with what users should know. ``on_part_row``: called instead
    of reading a last row that does not end, or has no line end.
    """

    def __init__(
        self,
        file: str,
        settings: CsvSettings,
        delimiter: str | None,
        max_record_bytes: int,
        *,
        note: Callable[[str], None] = _ignore,
        on_part_row: Callable[[], None] | None = None,
    ) -> None:
        self._file = file
        self._settings = settings
        self._max_record_bytes = max_record_bytes
        self._on_part_row = on_part_row
        encoding = encoding_without_mark(settings.encoding)
        self._recoded = None if extends_ascii(encoding) else encoding  # to UTF-8, and back
        self._encoding = "utf-8" if self._recoded else encoding
        self._start = StartReader(file, settings, delimiter, self._encoding, note)
        self._header = Header([])
        self._refusal: InputError | None = None  # found when the types were looked for
        self._text = self._line_end = b""  # before the first row

    def read(
        self, byte_strings: Iterator[bytes], types: Mapping[str, ColumnType]
    ) -> Iterator[Block]:
        """Read the records.

        Raises InputError for a bad header, and for bytes that are not text if
        the encoding does not extend ASCII.
        """
        if self._refusal:
            raise self._refusal
        for block in self._blocks(byte_strings, types):
            yield [] if block is None else block

    def detect(self, byte_strings: Iterator[bytes], detector: TypeDetector) -> Iterator[None]:
        """Show a detector all good rows. Yields None regularly, so that other tasks can run."""
        for rows in self._rows(byte_strings, detector):
            if rows is not None:
                faults = self._faults(rows, detecting=True)
                kept = self._kept(rows, faults)
                place = partial(self._place, rows, faults)
                yield from detector.observe(self._header.names, kept, place)
            yield None

    def names(self, start: bytes) -> list[str]:
        """The names of the columns; none if the first bytes of the file do not hold them all."""
        pieces = whole_lines(
            self._bytes(iter([start])), self._max_record_bytes, on_part_line=lambda: None
        )
        steps = self._start.read(pieces)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                found: Start | None = end.value
                return found.header.names if found else []
            except InputError:
                return []  # cut off, or bad, which is an error when the records are read

    @property
    def text_before_rows(self) -> tuple[bytes, bytes]:
        """The bytes before the first row, without a byte order mark, and a line end as in the file.

        Known once a row was read.
        """
        return self._as_in_file(self._text), self._as_in_file(self._line_end)

    def _as_in_file(self, data: bytes) -> bytes:
        return data.decode().encode(self._recoded) if self._recoded else data

    def _bytes(self, byte_strings: Iterator[bytes]) -> Iterator[bytes]:
        """The file's bytes in an encoding that extends ASCII, without a byte order mark."""
        if self._recoded:
            return to_utf8(byte_strings, self._file, self._settings.encoding)
        return without_utf8_mark(byte_strings) if self._encoding == "utf-8" else byte_strings

    def _rows(
        self, byte_strings: Iterator[bytes], detector: TypeDetector | None = None
    ) -> Iterator[Rows | None]:
        """The rows after the header, but for those that a detector accepts at once.

        None lets other tasks run.
        """
        quote = self._settings.quote
        pieces = whole_lines(
            self._bytes(byte_strings),
            self._max_record_bytes,
            ends_with_cr=True,
            mark=quote.encode(self._encoding, "replace") if quote else b"\n",
            on_part_line=self._on_part_row,
        )
        start = yield from self._start.read(pieces)
        if start is None:
            return
        self._header = start.header
        self._text, self._line_end = start.text, start.line_end
        bounds = Bounds(
            self._settings.max_field_lines, self._settings.max_field_bytes, self._max_record_bytes
        )
        header, syntax = start.header, start.syntax
        accepts = detector and header.keeps_all and partial(detector.accepts, header.names, syntax)
        parser = RowParser(
            syntax,
            self._encoding,
            bounds,
            width=header.width,
            line=start.line,
            accepts=accepts or None,
        )
        yield from parser.feed(start.rest)
        for piece in pieces:
            if piece:
                yield from parser.feed(piece)
            else:
                yield from parser.catch_up()
                yield None
        yield from parser.finish(self._on_part_row)

    def _blocks(
        self, byte_strings: Iterator[bytes], types: Mapping[str, ColumnType]
    ) -> Iterator[Block | None]:
        """The records; None lets other tasks run."""
        encoder: CellEncoder | None = None
        number = 0
        for rows in self._rows(byte_strings):
            if rows is None:
                yield None
                continue
            encoder = encoder or CellEncoder(self._header.names, types, self._settings)
            faults = self._faults(rows)
            encoded = yield from encoder.encode(self._kept(rows, faults))
            block = self._block(rows, faults, encoded, number + 1)
            yield block
            number += len(block)

    def _block(
        self, rows: Rows, faults: Mapping[int, str], encoded: Encoded, first_number: int
    ) -> Block:
        file, longest = self._file, self._max_record_bytes
        raws = [*map(bytes.rstrip, rows.raws, repeat(_LINE_END))]
        if self._recoded:
            raws = [*map(self._as_in_file, raws)]
        if not faults and not encoded.faults and max(map(len, raws), default=0) <= longest:
            return RawRecords.alike(
                encoded.values,
                raw=raws,
                json=encoded.jsons,
                file=Repeated(file, len(raws)),
                line=rows.lines,
                number=range(first_number, first_number + len(raws)),
            )
        block: list[RawRecord | Rejection] = []
        good = enumerate(zip(encoded.jsons, zip_fields(encoded.values), strict=True))
        for index, (raw, line) in enumerate(zip(raws, rows.lines, strict=True)):
            number = first_number + len(block)
            reason = faults.get(index)
            if reason == _BLANK:
                continue
            if reason is None:
                place, (json, fields) = next(good)
                reason = encoded.faults.get(place)
            if len(raw) > longest:
                block.append(reject_too_long(file, line, number, longest))
            elif reason is None:
                block.append(RawRecord(raw, json, fields, file, line, number))
            else:
                block.append(Rejection(Stage.READ, file, line, number, raw, (reason,)))
        return block

    def _kept(self, rows: Rows, faults: Mapping[int, str]) -> Sequence[Sequence[str]]:
        """The cells of good rows, in the columns that are kept."""
        cells: Sequence[Sequence[str]] = rows.cells
        if faults:
            cells = [row for index, row in enumerate(cells) if index not in faults]
        return cells if self._header.keeps_all else [*map(self._header.keep, cells)]

    def _place(self, rows: Rows, faults: Mapping[int, str], kept: int) -> tuple[str, int]:
        """The file and the line of a good row, by its index among these."""
        lines = [line for index, line in enumerate(rows.lines) if index not in faults]
        return self._file, lines[kept]

    def _faults(self, rows: Rows, *, detecting: bool = False) -> Mapping[int, str]:
        """Why rows are no records, by index. Raises InputError if a column cannot be left out."""
        header = self._header
        is_plain = header.keeps_all and not rows.has_bad_bytes and not rows.reasons
        if is_plain and {*map(len, rows.cells)} <= {header.width}:
            return {}
        faults = dict(rows.reasons)
        for index, cells in enumerate(rows.cells):
            if index in faults:
                continue
            if not cells:
                faults[index] = _BLANK
            elif len(cells) != header.width:
                faults[index] = f"the row has {len(cells)} cells, and the header has {header.width}"
            elif rows.has_bad_bytes and (bad := self._bad_byte(cells)):
                faults[index] = bad
            else:
                try:
                    header.check(cells)
                except BadHeaderError as error:
                    # It stops the push if nothing was sent yet. Later it costs the row.
                    if detecting or header.rows_checked == 1:
                        self._refusal = bad_header(self._file, rows.lines[index], error)
                        raise self._refusal from None
                    faults[index] = error.reason
        return faults

    def _bad_byte(self, cells: Sequence[str]) -> str | None:
        for column, cell in enumerate(cells):
            if bad := bad_byte(cell):
                encoding = self._settings.encoding
                return f"{bad} in {self._header.describe(column)} is not {encoding}; see --encoding"
        return None
