"""Compression: streamed, found by magic bytes, and good up to the very end or an error."""

import bz2
import gzip
import json
import lzma
import os
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.errors import InputError
from rjcli.model import RawRecord
from rjcli.reading import Input, Source
from rjcli.reading.compression import decompress
from rjcli.settings.choices import Compression
from rjcli.settings.values import InputSettings
from tests.conftest import Rjcli
from tests.support.blocks import items_of
from tests.support.weighing import run_and_weigh

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

COMPRESS: dict[Compression, Callable[[bytes], bytes]] = {
    Compression.GZIP: lambda data: gzip.compress(data, mtime=0),
    Compression.BZ2: bz2.compress,
    Compression.XZ: lzma.compress,
    Compression.ZSTD: lambda data: zstd.compress(
        data, options={zstd.CompressionParameter.checksum_flag: 1}
    ),
}
SUFFIX = {
    Compression.GZIP: ".gz",
    Compression.BZ2: ".bz2",
    Compression.XZ: ".xz",
    Compression.ZSTD: ".zst",
}
LINES = b"".join(b'{"id":%d,"x":"%d"}\n' % (number, number**7) for number in range(3000))

kinds = pytest.mark.parametrize("kind", COMPRESS)
methods = st.sampled_from(sorted(COMPRESS))


def in_steps(data: bytes, size: int) -> Iterator[bytes]:
    """Byte strings of a size, with "nothing there yet" between them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]
        yield b""


def unpack(
    data: bytes, compression: Compression = Compression.AUTO, *, name: str = "f", size: int = 1000
) -> tuple[bytes, str | None]:
    """What comes out, and the error that ends it, if one does."""
    out = b""
    try:
        for piece in decompress(in_steps(data, size), name, compression, 250):
            out += piece
    except InputError as error:
        return out, error.message
    return out, None


@given(st.binary(max_size=300), methods, st.integers(1, 50), st.integers(1, 3))
def test_content_comes_out_however_it_is_cut(
    content: bytes, kind: Compression, size: int, members: int
) -> None:
    """What was compressed comes out, in one part or in several, wherever the bytes are cut."""
    packed = COMPRESS[kind](content) * members
    assert unpack(packed, size=size) == (content * members, None)
    assert unpack(packed, kind, size=size) == (content * members, None)


@kinds
def test_truncated_anywhere(kind: Compression) -> None:
    """Cut off at any byte it is refused, and what comes out before is a prefix of the content."""
    content = LINES[:2000]
    packed = COMPRESS[kind](content)
    for end in range(1, len(packed)):
        out, error = unpack(packed[:end], kind)
        assert content.startswith(out)
        assert error == f"f ends too early: its {kind} data is cut off"


@kinds
def test_truncated_second_part(kind: Compression) -> None:
    """Where a second part is cut off, the first has come out whole."""
    packed = COMPRESS[kind](LINES)
    for end in (1, 2, 5, 9, len(packed) // 2, len(packed) - 1):
        out, error = unpack(packed + packed[:end], kind)
        assert out.startswith(LINES)
        assert error


@kinds
@pytest.mark.parametrize("garbage", [b"garbage", b"\n", b"\0\0garbage", b"\x1f", b"{}"])
def test_garbage_after_the_end(kind: Compression, garbage: bytes) -> None:
    """Anything else after the end is refused, once all that was good has come out."""
    for size in (1, 1000):
        out, error = unpack(COMPRESS[kind](LINES[:500]) + garbage, kind, size=size)
        assert out == LINES[:500]
        assert error


@kinds
def test_zero_padding_after_the_end(kind: Compression) -> None:
    """Zero bytes, with which tapes and disks fill their blocks, may follow the end."""
    packed = COMPRESS[kind](LINES) + b"\0" * 5000
    assert unpack(packed, kind) == (LINES, None)
    assert unpack(packed * 2, kind) == (LINES * 2, None)


@kinds
def test_any_damaged_byte(kind: Compression) -> None:
    """A damaged byte never passes: it is refused, but for bytes that say nothing of the content."""
    content = LINES[:300]
    packed = COMPRESS[kind](content)
    for place in range(len(packed)):
        damaged = bytearray(packed)
        damaged[place] ^= 0x55
        out, error = unpack(bytes(damaged), kind)
        assert error or out == content


def test_wrong_checksum_and_length() -> None:
    """A gzip whose checksum or length does not fit is refused."""
    packed = gzip.compress(LINES)
    crc, length = struct.unpack("<II", packed[-8:])
    for trailer in ((crc ^ 1, length), (crc, length + 1)):
        _, error = unpack(packed[:-8] + struct.pack("<II", *trailer))
        assert "is corrupt" in str(error)


@kinds
@pytest.mark.parametrize("content", [b"", b"x", b"plain text", b"\0\0"])
def test_what_is_not_compressed_as_named(kind: Compression, content: bytes) -> None:
    """A name that promises compression, or an option that does, is held to it."""
    _, error = unpack(content, name=f"a.ndjson{SUFFIX[kind]}")
    assert error == f"a.ndjson{SUFFIX[kind]} is not {kind} as its name says"
    assert unpack(content, kind)[1]
    assert unpack(content, Compression.NONE, name=f"a{SUFFIX[kind]}") == (content, None)


@pytest.mark.parametrize("start", [b"BZh", b"BZh9,x", b"BZ", b"P", b"P*", b"(", b"\xc2\xb5"])
def test_text_that_begins_like_a_compressed_file(start: bytes) -> None:
    """Text is not taken for compressed because of its first letters."""
    for size in (1, 1000):
        assert unpack(start + b",id\n", size=size) == (start + b",id\n", None)
    assert unpack(start) == (start, None)


@kinds
def test_magic_goes_before_the_name(kind: Compression) -> None:
    """Content says how it is compressed, whatever suffix the file has."""
    for name in ("a", "a.ndjson", "a.ndjson.gz", "a.csv.ZST"):
        assert unpack(COMPRESS[kind](LINES), name=name) == (LINES, None)


def test_zstd_frames_to_be_skipped() -> None:
    """Skippable frames, which pzstd and seekable zstd write, are skipped, also the first."""
    skipped = b"\x50\x2a\x4d\x18" + struct.pack("<I", 3) + b"abc"
    packed = zstd.compress(LINES)
    assert unpack(skipped + packed + skipped + packed, size=1) == (LINES * 2, None)
    assert unpack(skipped + packed, name="a.zst") == (LINES, None)


def test_gzip_with_all_its_header_fields() -> None:
    """A gzip with a name, a comment, extra bytes and a header checksum is read."""
    header = b"\x1f\x8b\x08\x1e" + b"\0" * 6 + b"\x02\0xyname\0comment\0"
    header += struct.pack("<H", zlib.crc32(header) & 0xFFFF)
    assert unpack(header + gzip.compress(LINES)[10:], size=1) == (LINES, None)


@kinds
@pytest.mark.parametrize("suffix", ["ndjson", "NDJSON", "jsonl"])
def test_format_is_found_by_the_name_inside(tmp_path: Path, kind: Compression, suffix: str) -> None:
    """The format of a.ndjson.gz is found as that of a.ndjson, in small letters or capitals."""
    path = tmp_path / f"a.{suffix}{SUFFIX[kind].upper()}"
    path.write_bytes(COMPRESS[kind](b"[1]\n" + LINES))
    found = Input(Source(str(path)), InputSettings(files=()))
    assert not list(found.identify())
    items = list(items_of(found.records({})))
    assert len([item for item in items if isinstance(item, RawRecord)]) == 3000
    assert len(items) == 3001


def test_byte_order_mark_in_parts(tmp_path: Path) -> None:
    """A byte order mark that is spread over several gzip members is one all the same."""
    parts = [b"\xef", b"\xbb", b'\xbf{"id":1}\n']
    (tmp_path / "a.ndjson.gz").write_bytes(b"".join(map(gzip.compress, parts)))
    found = Input(Source(str(tmp_path / "a.ndjson.gz")), InputSettings(files=()))
    assert not list(found.identify())
    assert [item.fields for item in items_of(found.records({})) if isinstance(item, RawRecord)] == [
        {"id": 1}
    ]


@kinds
def test_stdin_in_small_pieces(kind: Compression) -> None:
    """A compressed pipe is read piece by piece, and yields its records as they come."""
    reading, writing = os.pipe()
    found = Input(Source(f"/dev/fd/{reading}"), InputSettings(files=()))
    packed = COMPRESS[kind](LINES)
    steps = found.identify()
    written = 0
    while next(steps, 0) is None:
        os.write(writing, packed[written : written + 7])
        written += 7
    records = 0
    for block in found.records({}):
        records += len([item for item in block if isinstance(item, RawRecord)])
        if not block and written < len(packed):
            os.write(writing, packed[written : written + 999])
            written += 999
            if written >= len(packed):
                os.close(writing)
    os.close(reading)
    assert records == 3000


@pytest.mark.parametrize(
    ("kind", "format_"),
    [*zip(COMPRESS, ["ndjson", "csv", "json", "csv"], strict=True)],
)
def test_truncated_file_exits_2_after_its_good_part(
    rjcli: Rjcli, kind: Compression, format_: str
) -> None:
    """A truncated file is accounted for as far as it goes; then exit 2, and never 0."""
    content = {
        "ndjson": LINES,
        "json": b"[" + LINES.replace(b"\n", b",\n")[:-2] + b"]",
        "csv": b"id,x\n" + b"".join(b"%d,%d\n" % (n, n**7) for n in range(3000)),
    }[format_]
    packed = COMPRESS[kind](content)
    path = rjcli.home / f"a.{format_}{SUFFIX[kind]}"
    path.write_bytes(packed + packed[: len(packed) // 2])
    done = rjcli("push", path, "-t", "t", "-k", "id", "--dry-run", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == document["exit_code"] == 2
    assert "ends too early" in document["message"]
    assert document["records"]["read"] >= 3000


BOMB_STARTS = {"ndjson": b'{"id":"', "json": b'[{"id":"', "csv": b'id,x\n1,"'}


@pytest.mark.parametrize(
    ("kind", "format_", "megabytes_out"),
    [
        (Compression.ZSTD, "ndjson", 1024),
        (Compression.GZIP, "ndjson", 1024),
        (Compression.GZIP, "json", 128),
        (Compression.GZIP, "csv", 128),
    ],
)
def test_bomb_is_refused_in_little_memory(
    rjcli: Rjcli, kind: Compression, format_: str, megabytes_out: int
) -> None:
    """A few kilobytes that would become 1 GB are refused before long, in little memory."""
    # One stream of 128 MB, several times over, is made in no time.
    zeros = COMPRESS[kind](b"0" * 2**27) * (megabytes_out // 128)
    path = rjcli.home / f"a.{format_}{SUFFIX[kind]}"
    path.write_bytes(COMPRESS[kind](BOMB_STARTS[format_]) + zeros)
    arguments = ["-t", "t", "-k", "id", "--dry-run", "--no-detect-types"]
    exit_code, megabytes = run_and_weigh(rjcli, "push", path, *arguments)
    assert path.stat().st_size < 2_000_000
    assert exit_code == 2
    assert megabytes < 128  # a record may have 16, and is held twice while it is short enough


@pytest.mark.parametrize("kind", [Compression.GZIP, Compression.ZSTD])
def test_expansion_is_bounded(kind: Compression) -> None:
    """Past 64 MiB, what becomes more than 250 times as big is refused, unless that is allowed."""
    packed = COMPRESS[kind](b"0" * 2**26) + COMPRESS[kind](b"1" * 2**20)
    sizes: list[int] = []
    with pytest.raises(InputError, match="f becomes more than 250 times as big"):
        sizes.extend(map(len, decompress(in_steps(packed, 1000), "f", kind, 250)))
    assert 2**26 < sum(sizes) < 2**26 + 2**17
    allowed = decompress(in_steps(packed, 1000), "f", kind, 10**6)
    assert sum(map(len, allowed)) == 2**26 + 2**20
    packed = COMPRESS[kind](b"0" * 2**25)
    assert sum(map(len, decompress(iter([packed]), "f", kind, 1))) == 2**25


@kinds
def test_parts_that_hold_nothing_let_others_go_on(kind: Compression) -> None:
    """A file of very many empty parts lets other tasks run after each piece of it."""
    pieces = [COMPRESS[kind](b"") * 100] * 20
    assert [*decompress(iter(pieces), "f", kind, 250)] == [b""] * 20
