"""Newline-delimited JSON: one object a line."""

from collections.abc import Iterator

from rjcli.json_text import MalformedJsonError, parse_object
from rjcli.model import RawRecord, Rejection, Stage


def read_ndjson(byte_strings: Iterator[bytes], file: str) -> Iterator[RawRecord | Rejection | None]:
    """Read one record a line. A bad line costs only itself; blank lines do not count."""
    line_number = number = 0
    for line in _lines(byte_strings):
        if line is None:
            yield None
            continue
        line_number += 1
        if not line or line.isspace():
            continue
        number += 1
        try:
            fields = parse_object(line)
        except MalformedJsonError as error:
            yield Rejection(Stage.READ, file, line_number, number, line, (error.reason,))
        else:
            yield RawRecord(line, line.strip(), fields, file, line_number, number)


def _lines(byte_strings: Iterator[bytes]) -> Iterator[bytes | None]:
    """Lines without their ends; None for "nothing there yet".

    Only LF ends a line: U+2028 and lone CRs may stand inside JSON.
    """
    rest = b""
    for data in byte_strings:
        if not data:
            yield None
            continue
        lines = (rest + data).split(b"\n")
        rest = lines.pop()
        for line in lines:
            yield line.removesuffix(b"\r")
    if rest:
        yield rest
