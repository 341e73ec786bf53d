"""Which format an input is in, and which reader reads it."""

from collections.abc import Iterator
from itertools import chain
from pathlib import PurePath

from rjcli.errors import InputError
from rjcli.model import RawRecord, Rejection
from rjcli.reading.delimited import DELIMITERS, read_delimited
from rjcli.reading.json_stream import read_json
from rjcli.reading.ndjson import read_ndjson
from rjcli.reading.source import Source
from rjcli.settings import Format, InputSettings

Item = RawRecord | Rejection | None
"""What a reader yields: a record, a rejection, or None for "nothing there yet"."""

_BY_SUFFIX = {
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".csv": Format.CSV,
    ".tsv": Format.TSV,
    ".tab": Format.TSV,
}
_SNIFF_SIZE = 64 * 1024
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_records(source: Source, settings: InputSettings) -> Iterator[Item]:
    """Read an input in the format it is in.

    Raises InputError when the input cannot be read on; what was yielded before stands.
    """
    byte_strings = source.byte_strings()
    head = b""
    while not _has_first_line(head):
        data = next(byte_strings, None)
        if data is None:
            break
        if not data:
            yield None
        head += data
    if not head:
        return
    format_ = settings.format
    if format_ is Format.AUTO:
        format_ = _BY_SUFFIX.get(PurePath(source.name).suffix.lower()) or _sniff(head, source.name)
    body = chain([head.removeprefix(_BYTE_ORDER_MARK)], byte_strings)
    match format_:
        case Format.NDJSON:
            yield from read_ndjson(body, source.name)
        case Format.JSON:
            yield from read_json(body, source.name)
        case Format.TSV:
            yield from read_delimited(body, source.name, delimiter=settings.delimiter or "\t")
        case _:
            yield from read_delimited(body, source.name, delimiter=settings.delimiter)


def _has_first_line(head: bytes) -> bool:
    return len(head) >= _SNIFF_SIZE or b"\n" in head.removeprefix(_BYTE_ORDER_MARK).lstrip()


def _sniff(head: bytes, name: str) -> Format:
    """Tell the format by the first line that is not blank."""
    first_line = head.removeprefix(_BYTE_ORDER_MARK).lstrip().split(b"\n", 1)[0].rstrip()
    if first_line.startswith(b"["):
        return Format.JSON
    if first_line.startswith(b"{"):
        return Format.NDJSON if first_line.endswith(b"}") else Format.JSON
    if b"\0" not in head and any(delimiter.encode() in first_line for delimiter in DELIMITERS):
        return Format.CSV
    raise InputError(
        f"cannot tell the format of {name}: it looks like neither JSON nor CSV",
        hint="say what it is with --format json, ndjson, csv or tsv",
    )
