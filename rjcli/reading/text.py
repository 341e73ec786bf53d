"""Bytes become text, by the encoding of a CSV."""

import codecs
import re
from collections.abc import Iterator, Sequence
from itertools import chain

from rjcli.errors import InputError

_BAD_BYTE = 0xDC00  # a byte that cannot be decoded becomes this code point, plus its value
_BAD_BYTES = re.compile("[\udc00-\udcff]")
_MARK = "\ufeff"  # byte order mark
_BIG_ENDIAN = {
    "utf-16": (codecs.BOM_UTF16_BE, "utf-16-be"),
    "utf-32": (codecs.BOM_UTF32_BE, "utf-32-be"),
}
_LONGEST_MARK = 4  # bytes
_MARKS = (
    codecs.BOM_UTF8,
    codecs.BOM_UTF32_LE,
    codecs.BOM_UTF32_BE,
    codecs.BOM_UTF16_LE,
    codecs.BOM_UTF16_BE,
)
_ASCII = bytes(range(128)) + rb"\x41\u0041"  # which some encodings take for escapes


def extends_ascii(encoding: str) -> bool:
    """Whether line ends are the bytes of ASCII, so that a bad byte costs no more than its line."""
    try:
        return _ASCII.decode(encoding) == _ASCII.decode("ascii")
    except UnicodeError:
        return False


def decode_lines(lines: Sequence[bytes], encoding: str) -> list[str]:
    """Decode lines in an encoding that extends ASCII, whatever bytes they have.

    In a line with a bad byte, the rest is decoded as Latin-1; ``bad_byte`` finds it.
    """
    return [_decode_line(line, encoding) for line in lines]


def bad_byte(text: str) -> str | None:
    """The first byte in a decoded line, or a part of it, that could not be decoded; for people."""
    found = _BAD_BYTES.search(text)
    return f"byte 0x{ord(found[0]) - _BAD_BYTE:02x}" if found else None


def _decode_line(line: bytes, encoding: str) -> str:
    try:
        return line.decode(encoding)
    except UnicodeDecodeError as error:
        at = error.start
        good, bad, rest = line[:at], line[at], line[at + 1 :]
        return good.decode(encoding, "ignore") + chr(_BAD_BYTE + bad) + rest.decode("latin-1")


def without_utf8_mark(byte_strings: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes, but for UTF-8's byte order mark at their beginning."""
    at_start = True
    for data in with_whole_start(byte_strings, len(codecs.BOM_UTF8)):
        yield data.removeprefix(codecs.BOM_UTF8) if at_start else data
        at_start = at_start and not data


def to_utf8(byte_strings: Iterator[bytes], name: str, encoding: str) -> Iterator[bytes]:
    """Turn an input into UTF-8, without its byte order mark; b"" means "nothing there yet".

    Raises InputError with the line of the first byte that is not text, after all text before it.
    """
    decoder: codecs.IncrementalDecoder | None = None
    codec = encoding
    line_feeds = returns = 0
    for data in chain(with_whole_start(byte_strings, _LONGEST_MARK), [None]):
        if data == b"":
            yield b""
            continue
        is_first = decoder is None
        if decoder is None:
            codec = _codec(encoding, data or b"")
            decoder = codecs.getincrementaldecoder(codec)()
        fault = ""
        try:
            text = decoder.decode(data or b"", final=data is None)
        except UnicodeDecodeError as error:
            text = error.object[: error.start].decode(codec, "ignore")
            fault = f"byte 0x{error.object[error.start]:02x}"
        except UnicodeError as error:  # of codecs that are no real encodings
            text, fault = "", str(error)
        try:
            utf8 = text.encode()
        except UnicodeEncodeError as error:  # utf-7 lets halves of surrogate pairs pass
            utf8 = text[: error.start].encode()
            fault = "half of a surrogate pair"
        line_feeds += utf8.count(b"\n")
        returns += utf8.count(b"\r")
        if is_first:
            utf8 = utf8.removeprefix(codecs.BOM_UTF8)
        if utf8:
            yield utf8
        if fault:
            raise InputError(
                f"{name}, line {1 + (line_feeds or returns)}: this is not {encoding}: {fault}",
                hint="say which encoding it is in, as in --encoding latin-1",
            )


def encoding_without_mark(encoding: str) -> str:
    """The encoding of a part of a text, which begins with no byte order mark."""
    name = codecs.lookup(encoding).name
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)


def mark_of(start: bytes, encoding: str) -> bytes:
    """The byte order mark for a text in this encoding, if the text that starts so has one."""
    is_unicode = encoding.startswith(("utf-8", "utf-16", "utf-32"))
    return _MARK.encode(encoding) if is_unicode and start.startswith(_MARKS) else b""


def with_whole_start(byte_strings: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The same byte strings, the first that is not empty with at least this many bytes.

    It has fewer only if there are no more.
    """
    start = b""
    for data in byte_strings:
        start += data
        if len(start) >= size:
            break
        if not data:
            yield b""
    if start:
        yield start
    yield from byte_strings


def _codec(encoding: str, start: bytes) -> str:
    """Without a byte order mark UTF-16 is taken to be little-endian, as Windows writes it."""
    mark, big_endian = _BIG_ENDIAN.get(codecs.lookup(encoding).name, (None, ""))
    is_big_endian = mark is not None and start.startswith(mark)
    return big_endian if is_big_endian else encoding_without_mark(encoding)
