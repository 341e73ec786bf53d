"""CSV and TSV: a header, then one record a row."""

from collections.abc import Iterator, Mapping, Sequence

from rjcli.errors import InputError
from rjcli.model import Block, RawRecord, RawRecords, Rejection, Stage, zip_fields
from rjcli.reading.block import reject_too_long
from rjcli.reading.csv_cells import CellEncoder, TypeDetector
from rjcli.reading.csv_rows import PassOver, Rows, read_rows
from rjcli.reading.text import decode, encoding_without_mark
from rjcli.settings.choices import ColumnType
from rjcli.settings.values import CsvSettings


class DelimitedReader:
    """Reads one CSV. ``delimiter`` None: the one that the header line has most of."""

    def __init__(
        self, file: str, settings: CsvSettings, delimiter: str | None, max_record_bytes: int
    ) -> None:
        self._file = file
        self._settings = settings
        self._delimiter = delimiter
        self._max_record_bytes = max_record_bytes
        self.header_text = ""  # with its line end, once it has been read

    def read(
        self, byte_strings: Iterator[bytes], types: Mapping[str, ColumnType]
    ) -> Iterator[Block]:
        """Read the records.

        Raises InputError for a bad header, and for bytes that are not text.
        """
        encoder: CellEncoder | None = None
        number = 0
        for header, rows in self._rows(byte_strings):
            if rows is None:
                yield []
                continue
            encoder = encoder or CellEncoder(header, types, self._settings)
            block = self._block(rows, len(header), encoder, number + 1)
            if block:
                number += len(block)
                yield block

    def _block(self, rows: Rows, width: int, encoder: CellEncoder, first_number: int) -> Block:
        file, longest = self._file, self._max_record_bytes
        encoding = encoding_without_mark(self._settings.encoding)
        raws = [text.rstrip("\r\n").encode(encoding) for text in rows.texts]
        fitting = [cells for cells in rows.cells if len(cells) == width]
        jsons, values, faults = encoder.encode(fitting)
        if len(fitting) == len(raws) and not faults and max(map(len, raws), default=0) <= longest:
            return RawRecords.alike(
                values,
                raw=raws,
                json=jsons,
                file=[file] * len(raws),
                line=[*rows.lines],
                number=[*range(first_number, first_number + len(raws))],
            )
        fields = zip_fields(values)
        block: list[RawRecord | Rejection] = []
        places = iter(range(len(fitting)))
        for index, (cells, raw, line) in enumerate(zip(rows.cells, raws, rows.lines, strict=True)):
            place = next(places) if len(cells) == width else None
            number = first_number + len(block)
            if place is None and not cells and index not in rows.reasons:
                continue
            if len(raw) > longest:
                block.append(reject_too_long(file, line, number, longest))
            elif place is not None and place not in faults:
                block.append(RawRecord(raw, jsons[place], fields[place], file, line, number))
            else:
                fault = None if place is None else faults[place]
                reason = fault or rows.reasons.get(index) or _ragged(len(cells), width)
                block.append(Rejection(Stage.READ, file, line, number, raw, (reason,)))
        return block

    def detect(self, byte_strings: Iterator[bytes], detector: TypeDetector) -> Iterator[None]:
        """Show a detector all rows that may tell it something.

        Yields None now and then, so that others can go on.
        """
        header: list[str] = []

        def pass_over(text: str, delimiter: str) -> bool:
            return detector.expects(header, text, delimiter)

        for header, rows in self._rows(byte_strings, pass_over):
            if rows is not None:
                fitting = [cells for cells in rows.cells if len(cells) == len(header)]
                detector.observe(header, fitting)
            yield None

    def header(self, head: bytes) -> list[str]:
        """The names of the columns; none if the first bytes of the file do not hold them all."""
        try:
            return next((header for header, _ in self._rows(iter([head])) if header), [])
        except InputError:
            return []  # cut off, or bad: then it is refused where the records are read

    def _rows(
        self, byte_strings: Iterator[bytes], pass_over: PassOver | None = None
    ) -> Iterator[tuple[list[str], Rows | None]]:
        """Rows behind the header, with the header."""
        texts = decode(byte_strings, self._file, self._settings.encoding)
        header: list[str] = []
        for rows in read_rows(texts, self._delimiter, self._max_record_bytes, pass_over):
            if rows is None or header:
                yield header, rows
                continue
            for index, cells in enumerate(rows.cells):
                if cells or index in rows.reasons:
                    self._check_header(cells, rows.lines[index], rows.reasons.get(index))
                    header = cells
                    self.header_text = rows.texts[index]
                    yield header, rows.after(index)
                    break

    def _check_header(self, cells: Sequence[str], line: int, reason: str | None) -> None:
        missing = [name for name in self._settings.required_columns if name not in cells]
        if reason is None and "" in cells:
            reason = f"column {cells.index('') + 1} has no name"
        elif reason is None and len(set(cells)) < len(cells):
            twice = next(name for name in cells if cells.count(name) > 1)
            reason = f"two columns are named {twice!r}"
        elif reason is None and missing:
            reason = f"there is no column {missing[0]!r}; there are {', '.join(map(repr, cells))}"
        if reason is not None:
            raise InputError(
                f"{self._file}, line {line}: bad header: {reason}",
                hint="the first line must name every column, each differently",
            )


def _ragged(cells: int, width: int) -> str:
    return f"the row has {cells} cells, and the header has {width}"
