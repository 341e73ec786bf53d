"""Bytes become text: decoded as a stream, with the first bad byte named."""

import codecs
from collections.abc import Iterator
from itertools import chain

from rjcli.errors import InputError

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


def decode(byte_strings: Iterator[bytes], name: str, encoding: str) -> Iterator[str | None]:
    """Decode an input, without its byte order mark; None is "nothing there yet".

    Raises InputError at the first byte that is not text in this encoding.
    """
    decoder: codecs.IncrementalDecoder | None = None
    offset = 0
    at_start = True
    for data in chain(with_whole_start(byte_strings, _LONGEST_MARK), [None]):
        if data == b"":
            yield None
            continue
        decoder = decoder or _decoder(encoding, data or b"")
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data or b"", final=data is None)
            text.encode()  # encodings such as utf-7 let halves of surrogate pairs pass
        except UnicodeError as error:
            raise InputError(
                f"{name} is not {encoding}: {_describe(error, offset - held)}",
                hint="say which encoding it is in, as in --encoding latin-1",
            ) from None
        offset += len(data or b"")
        if at_start and text:
            text = text.removeprefix(_MARK)
            at_start = False
        if text:
            yield text


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


def _decoder(encoding: str, start: bytes) -> codecs.IncrementalDecoder:
    """Without a byte order mark UTF-16 is taken to be little-endian, as Windows writes it."""
    mark, big_endian = _BIG_ENDIAN.get(codecs.lookup(encoding).name, (None, ""))
    is_big_endian = mark is not None and start.startswith(mark)
    name = big_endian if is_big_endian else encoding_without_mark(encoding)
    return codecs.getincrementaldecoder(name)()


def _describe(error: UnicodeError, offset: int) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    return f"byte 0x{error.object[error.start]:02x} at offset {offset + error.start}"
