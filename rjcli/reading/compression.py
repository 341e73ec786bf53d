"""Compressed inputs: streamed, and good up to their very end or an error.

What comes out of one step is bounded, and so is how much bigger an input may
become: one that expands without end costs little memory and little time.
"""

import re
import sys
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import PurePath
from typing import Protocol

from rjcli.errors import InputError
from rjcli.reading.source import READ_SIZE
from rjcli.settings.choices import Compression

_STEP = READ_SIZE  # bytes that come out of one step at most
_ANY_EXPANSION = 64 * 2**20  # bytes that may come out of any number
_XZ_MEMORY = 256 * 2**20  # bytes; `xz -9` needs 65 MiB
_MAGIC = {
    Compression.GZIP: re.compile(rb"\x1f\x8b"),
    # BZh alone could begin a CSV. What follows opens a block, or closes an empty stream.
    Compression.BZ2: re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    Compression.XZ: re.compile(rb"\xfd7zXZ\x00"),
    # A frame, or one to be skipped, which pzstd begins with.
    Compression.ZSTD: re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
}
_LONGEST_MAGIC = 10  # bytes
_MAGIC_BEGINS = re.compile(rb"\x1f\x8b|BZ|\xfd7|\x28\xb5|[\x50-\x5f]\x2a")
_SUFFIXES = {
    ".gz": Compression.GZIP,
    ".bz2": Compression.BZ2,
    ".xz": Compression.XZ,
    ".zst": Compression.ZSTD,
    ".zstd": Compression.ZSTD,
}

_FETCH_AGAIN = "fetch the file again; the records before this point are accounted for"


class _Decompressor(Protocol):
    """What bz2, lzma and zstd offer for one stream, of which a file may hold several."""

    def decompress(self, data: bytes, max_length: int = ..., /) -> bytes: ...

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...


class _GzipDecompressor:
    """The same for gzip, which zlib offers in another form."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)

    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes:
        return self._stream.decompress(self._stream.unconsumed_tail + data, max_length)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data


def _find_decompressor(
    compression: Compression,
) -> tuple[Callable[[], _Decompressor], type[Exception]]:
    """What opens a compressed stream, and what it raises for a corrupt one."""
    match compression:
        case Compression.BZ2:
            import bz2

            return bz2.BZ2Decompressor, OSError
        case Compression.XZ:
            import lzma

            return partial(lzma.LZMADecompressor, memlimit=_XZ_MEMORY), lzma.LZMAError
        case Compression.ZSTD:
            if sys.version_info >= (3, 14):
                from compression import zstd
            else:
                from backports import zstd
            return zstd.ZstdDecompressor, zstd.ZstdError
        case _:
            return _GzipDecompressor, zlib.error


def decompress(
    byte_strings: Iterator[bytes], name: str, compression: Compression, max_expansion: int
) -> Iterator[bytes]:
    """Decompress an input, if it is compressed; an empty byte string lets other tasks run.

    Raises InputError, once all that was good has been yielded, if the input is
    corrupt, ends too early, has anything else after its compressed part, or
    becomes more than ``max_expansion`` times as big and past 64 MiB.
    """
    head = b""
    if compression is Compression.AUTO:
        for data in byte_strings:
            head += data
            # A short record on a slow stdin does not wait for more bytes than are needed.
            if len(head) >= _LONGEST_MAGIC or (len(head) > 1 and not _MAGIC_BEGINS.match(head)):
                break
            if not data:
                yield b""
        compression = _find(head, name)
    rest = chain([head], byte_strings) if head else byte_strings
    if compression is Compression.NONE:
        yield from rest
    else:
        yield from _decompress(rest, name, compression, max_expansion)


def without_suffix(name: str) -> str:
    """A file's name as it would be without compression."""
    return name.removesuffix(PurePath(name).suffix) if _suffix(name) else name


def _suffix(name: str) -> Compression | None:
    return _SUFFIXES.get(PurePath(name).suffix.lower())


def _find(head: bytes, name: str) -> Compression:
    for compression, magic in _MAGIC.items():
        if magic.match(head):
            return compression
    if named := _suffix(name):
        raise InputError(
            f"{name} is not {named} as its name says",
            hint="if it is not compressed at all, say --compression none",
        )
    return Compression.NONE


def _decompress(
    byte_strings: Iterator[bytes], name: str, compression: Compression, max_expansion: int
) -> Iterator[bytes]:
    open_stream, corrupt = _find_decompressor(compression)
    stream: _Decompressor | None = None  # none is open before the first and after each
    ended = False
    taken = given = 0  # bytes
    for data in byte_strings:
        before = given
        taken += len(data)
        left = data
        while left:
            if stream is None:
                left = left.lstrip(b"\0") if ended else left  # padding to a block's size
                if not left:
                    break
                stream = open_stream()
            try:
                while not stream.eof and (out := stream.decompress(left, _STEP)):
                    yield out
                    left = b""
                    given += len(out)
                    _check_expansion(taken, given, max_expansion, name)
            except (corrupt, OSError, EOFError) as error:
                what = "has other data after its end" if ended else "is corrupt"
                raise InputError(f"{name} {what}: {error}", hint=_FETCH_AGAIN) from None
            left = b""
            if stream.eof:
                left, stream, ended = stream.unused_data, None, True
        if given == before:
            yield b""
    if stream is not None or not ended:
        raise InputError(
            f"{name} ends too early: its {compression} data is cut off", hint=_FETCH_AGAIN
        )


def _check_expansion(taken: int, given: int, max_expansion: int, name: str) -> None:
    if given > max(_ANY_EXPANSION, max_expansion * taken):
        raise InputError(
            f"{name} becomes more than {max_expansion:,} times as big when it is decompressed",
            hint="if you trust it, allow more with --max-ratio",
        )
