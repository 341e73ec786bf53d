"""The input files: the same records in every format, made once and kept.

A record is about 170 bytes of NDJSON: an integer key, a time with colons, a
decimal that ends in zero, a boolean, a null, text with quotes and commas. The
n-th record is the same in every file.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path

MEGABYTE = 1_000_000  # bytes
BATCH_RECORDS = 100

_WRITE_RECORDS = 10_000  # at a time
_FIRST_ID = 10_000_000  # ids have the same number of digits everywhere, so sizes do not drift
_HEADER = "id,user,at,email,status,value,first,coupon,note\r\n"
_STATUSES = ("pending", "paid", "shipped", "complete", "refunded")
_NOTES = (  # as JSON, as CSV
    ('"milky-white-suede-shoes"', "milky-white-suede-shoes"),
    ('"red, button-down fleece"', '"red, button-down fleece"'),
    ('"says \\"as described\\""', '"says ""as described"""'),
    ('"kitten mittons, Zürich"', '"kitten mittons, Zürich"'),
)


class Format(StrEnum):
    """What a file is written in; the value is the end of its name."""

    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"
    GZIP = "ndjson.gz"


def records_in(megabytes: int, form: Format) -> int:
    """How many records make a file of a size. For gzip it is the size of what is inside."""
    sample = sum(len(text.encode()) for text in _texts(form, _WRITE_RECORDS))
    return megabytes * MEGABYTE * _WRITE_RECORDS // sample


class DataFiles:
    """A directory of input files, each made when it is first asked for."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def file(self, form: Format, records: int) -> Path:
        """Give a file of so many records."""
        path = self._directory / f"{records}.{form}"
        return _made(path, lambda unfinished: _write(unfinished, form, records))

    def bodies(self, records: int) -> Path:
        """Give a directory with the bodies of the requests for so many records, keys added."""
        path = self._directory / f"{records}.bodies"
        return _made(path, lambda unfinished: _write_bodies(unfinished, records))


def _made(path: Path, make: Callable[[Path], None]) -> Path:
    """Make a path unless it is there, and not older than the code that makes it."""
    if path.exists() and path.stat().st_mtime >= Path(__file__).stat().st_mtime:
        return path
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.unfinished")
    try:
        make(unfinished)
        if path.is_dir():
            _remove(path)
        unfinished.replace(path)
    finally:
        _remove(unfinished)
    return path


def _remove(path: Path) -> None:
    if path.is_dir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _write(path: Path, form: Format, records: int) -> None:
    """Write a file as a stream, and wait until it is on disk: no measurement shall share it."""
    parts = (text.encode() for text in _texts(form, records))
    with path.open("wb") as file:
        if form is Format.GZIP:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=1) as compressed:
                compressed.writelines(parts)
        else:
            file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def _write_bodies(directory: Path, records: int) -> None:
    directory.mkdir()
    lines = (line.replace("{", '{"keys":["id"],', 1) for line in map(_json, range(records)))
    number = 0
    while batch := list(islice(lines, BATCH_RECORDS)):
        number += 1
        (directory / f"{number:06}.json").write_text(f"[{','.join(batch)}]")


def _texts(form: Format, records: int) -> Iterator[str]:
    """The text of a file, some thousand records at a time."""
    one = _csv if form is Format.CSV else _json
    before, between, after = {
        Format.CSV: (_HEADER, "\r\n", "\r\n"),
        Format.JSON: ("[\n", ",\n", "\n]\n"),
    }.get(form, ("", "\n", "\n"))
    yield before
    for first in range(0, records, _WRITE_RECORDS):
        numbers = range(first, min(first + _WRITE_RECORDS, records))
        yield (between if first else "") + between.join(map(one, numbers))
    yield after


def _json(number: int) -> str:
    return (
        f'{{"id":{_FIRST_ID + number},"user":{number % 9973},"at":"{_time(number)}",'
        f'"email":"u{number % 9973}@example.com","status":"{_STATUSES[number % 5]}",'
        f'"value":{number % 997}.{number % 10}0,"first":{"true" if number % 3 else "false"},'
        f'"coupon":null,"note":{_NOTES[number % 4][0]}}}'
    )


def _csv(number: int) -> str:
    return (
        f"{_FIRST_ID + number},{number % 9973},{_time(number)},"
        f"u{number % 9973}@example.com,{_STATUSES[number % 5]},"
        f"{number % 997}.{number % 10}0,{'true' if number % 3 else 'false'},"
        f",{_NOTES[number % 4][1]}"
    )


def _time(number: int) -> str:
    """A time, one a second, in a year whose months have 28 days."""
    minutes, second = divmod(number, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"2026-{days // 28 % 12 + 1:02}-{days % 28 + 1:02} {hour:02}:{minute:02}:{second:02}"
