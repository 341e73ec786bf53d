"""Inputs: records as the bytes of a file, and how the rejected ones are written down."""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from soak.records import STATUS, Form, Kind, Made, delimited

_COLUMNS = ("v", "kind", "text")


class Reject(NamedTuple):
    """A record that must be rejected: what ``errors.ndjson`` must say of it.

    ``number``: 1-based in the input, as is ``line`` in the file. ``status``: None
    unless the server refused it.
    """

    number: int
    line: int
    stage: str
    status: int | None
    text: bytes


class InputFile:
    """A file that may grow. ``line_end``: of its rows or lines."""

    def __init__(
        self, path: Path, form: Form, keys: Sequence[str], line_end: bytes, *, is_compressed: bool
    ) -> None:
        self.path = path
        self.form = form
        self._line_end = line_end if form.is_delimited else b"\n"
        self._is_compressed = is_compressed
        self._header = b""
        if form.is_delimited:
            self._header = delimited([*keys, *_COLUMNS], form) + self._line_end
        self.records: list[Made] = []
        self._written = 0  # records

    def grow(self, records: Sequence[Made]) -> None:
        """Add records at its end, and write them down; an array is written anew."""
        self.records += records
        if self._written and self.form is not Form.JSON:
            added = self._lines(self.records[self._written :])
            content = self.path.read_bytes() + self._compress(added)
        else:
            content = self._compress(self.text)
        self.path.write_bytes(content)
        self._written = len(self.records)

    @property
    def text(self) -> bytes:
        """What is in it, not compressed."""
        if self.form is Form.JSON:
            return b"[\n" + b",\n".join(made.raw for made in self.records) + b"\n]\n"
        return self._header + self._lines(self.records)

    @property
    def good(self) -> list[Made]:
        """The records that must be accepted."""
        return [made for made in self.records if made.kind is Kind.GOOD]

    def rejects(self) -> Iterator[Reject]:
        """The records that must be rejected, in order."""
        line = 2 if self._header or self.form is Form.JSON else 1
        for number, made in enumerate(self.records, 1):
            if made.kind is not Kind.GOOD:
                yield Reject(number, line, made.stage, STATUS.get(made.kind), made.rejected)
            line += made.raw.count(b"\n") + 1

    def rejects_text(self, rejects: Sequence[Reject]) -> bytes:
        """What the file of rejects must hold."""
        if not rejects:
            return b""
        return self._header + b"".join(reject.text + self._line_end for reject in rejects)

    def _lines(self, records: Sequence[Made]) -> bytes:
        return b"".join(made.raw + self._line_end for made in records)

    def _compress(self, content: bytes) -> bytes:
        return gzip.compress(content, 1) if self._is_compressed else content
