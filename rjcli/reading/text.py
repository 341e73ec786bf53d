"""Bytes become text: decoded as a stream, with the first bad byte named."""

import codecs
from collections.abc import Iterator
from itertools import chain

from rjcli.errors import InputError

_BYTE_ORDER_MARK = "\ufeff"


def decode(byte_strings: Iterator[bytes], name: str, encoding: str) -> Iterator[str | None]:
    """Decode an input, without its byte order mark; None is "nothing there yet".

    Raises InputError at the first byte that is not text in this encoding.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    offset = 0
    at_start = True
    for data in chain(byte_strings, [None]):
        if data == b"":
            yield None
            continue
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data or b"", final=data is None)
        except UnicodeError as error:
            raise InputError(
                f"{name} is not {encoding}: {_describe(error, offset - held)}",
                hint="say which encoding it is in, as in --encoding latin-1",
            ) from None
        offset += len(data or b"")
        if text:
            yield text.removeprefix(_BYTE_ORDER_MARK) if at_start else text
            at_start = False


def encoding_without_mark(encoding: str) -> str:
    """The encoding of a part of a text, which begins with no byte order mark."""
    name = codecs.lookup(encoding).name
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)


def _describe(error: UnicodeError, offset: int) -> str:
    if not isinstance(error, UnicodeDecodeError):
        return str(error)
    return f"byte 0x{error.object[error.start]:02x} at offset {offset + error.start}"
