"""Newline-delimited JSON: one object a line."""

from collections.abc import Iterator

from rjcli.json_text import MalformedJsonError, parse_object
from rjcli.model import RawRecord, Rejection, Stage
from rjcli.reading.size_limit import reject_too_long


def read_ndjson(
    byte_strings: Iterator[bytes], file: str, max_record_bytes: int
) -> Iterator[RawRecord | Rejection | None]:
    """Read one record a line. A bad line costs only itself; blank lines do not count.

    None is "nothing there yet". A line past ``max_record_bytes`` is rejected without its text.
    """
    line_number = number = 0
    for line in _lines(byte_strings, max_record_bytes):
        if line is None:
            yield None
            continue
        line_number += 1
        if not line or line.isspace():
            continue
        number += 1
        if len(line) > max_record_bytes:
            yield reject_too_long(file, line_number, number, max_record_bytes)
            continue
        try:
            fields = parse_object(line)
        except MalformedJsonError as error:
            yield Rejection(Stage.READ, file, line_number, number, line, (error.reason,))
        else:
            yield RawRecord(line, line.strip(), fields, file, line_number, number)


def _lines(byte_strings: Iterator[bytes], max_bytes: int) -> Iterator[bytes | None]:
    """Lines without their ends; None for "nothing there yet".

    Only LF ends a line: U+2028 and lone CRs may stand inside JSON. Of a line
    that is too long just enough is kept to see that it is.
    """
    rest = b""
    for data in byte_strings:
        if not data:
            yield None
            continue
        if len(rest) > max_bytes and b"\n" not in data:
            continue
        lines = data.split(b"\n")
        lines[0] = rest + lines[0]
        rest = lines.pop()
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest
