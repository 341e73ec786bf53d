"""The kinds of values that only one option takes, or those of one purpose. Pure."""

import codecs
import json
import os
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from os import PathLike
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from rjcli.api.base_url import Endpoint, is_table_name
from rjcli.api.upsert import KEYS_FIELD
from rjcli.json_text import MalformedJsonError, parse_value
from rjcli.settings.choices import ColumnType, Resume
from rjcli.settings.kinds import BadValueError, Complete, Kind, choice, parse_flag, path, text
from rjcli.settings.lists import names, pairs

STDIN = "-"
NO_TYPES = "none"

_RECORDS_TO_JUDGE_BY = 100


class MaxRejects(Struct, frozen=True):
    """How many records may be rejected: so many, or so many in a hundred of those read."""

    number: float
    is_percentage: bool

    def __str__(self) -> str:
        return f"{self.number:g}{'%' if self.is_percentage else ''}"

    def are_passed(self, rejected: int, read: int) -> bool:
        """Whether that is too many. A percentage is judged from 100 records on."""
        if self.is_percentage:
            return read >= _RECORDS_TO_JUDGE_BY and rejected * 100 > self.number * read
        return rejected > self.number


def _client_id(value: object) -> int:
    if isinstance(value, str) and re.fullmatch("[0-9]{1,18}", value):  # 64 bits
        value = int(value)
    if type(value) is not int or value <= 0:
        raise TypeError
    return value


def _table(name: str) -> str:
    if not is_table_name(name):
        raise ValueError
    return name


def _base_url(address: str) -> Endpoint:
    try:
        return Endpoint.parse(address)
    except ValueError as error:  # it may hold a key, which is not quoted
        raise BadValueError(f"is no usable address: {error}") from None


def _without_keys_field(found: Collection[str]) -> None:
    if KEYS_FIELD in found:
        raise BadValueError(f"cannot name {KEYS_FIELD!r}: that field names the key fields")


def _new_names(renamed: Mapping[str, str]) -> None:
    _without_keys_field({*renamed, *renamed.values()})
    if len(set(renamed.values())) < len(renamed):
        raise BadValueError("makes one name of two fields")


def _files(value: Any) -> tuple[str, ...]:
    is_one = isinstance(value, str | PathLike)
    files = tuple(map(path("FILE").read, [value] if is_one else value))
    if not files and value != ():  # which says that the records are in no file
        raise ValueError
    if files.count(STDIN) > 1:
        raise BadValueError("names stdin (-) twice, which can be read only once")
    return files


def _encoding(name: str) -> str:
    with suppress(UnicodeError):  # a letter is no whole text in some
        b"a".decode(name)  # raises LookupError, also for what is no encoding of text
    return codecs.lookup(name).name


def _character(written: str) -> str | None:
    r"""One character, or the two characters ``\t`` for a tab; None for ``none``."""
    character = "\t" if written == r"\t" else written
    if written != "none" and (len(character) != 1 or character in "\r\n"):
        raise ValueError
    return None if written == "none" else character


def _delimiter(written: str) -> str:
    character = _character(written)
    if character in {None, '"'}:
        raise ValueError
    return str(character)


def _json(value: object) -> bytes:
    """The exact text of a JSON value, or that of a native one."""
    try:
        if not isinstance(value, bytes):
            value = json.dumps(value, ensure_ascii=False).encode()
        parse_value(value)
    except MalformedJsonError as error:
        raise BadValueError(f"is not JSON: {error.reason}; write text as 'name=\"text\"'") from None
    except (TypeError, ValueError, RecursionError):
        raise BadValueError("is not JSON") from None
    return value


def is_types_path(source: str) -> bool:
    """Whether a source of column types is a path, and not the name of a run, or none."""
    return "/" in source or "." in source


def absolute_types_path(source: str) -> str:
    """A source of column types that means the same from another directory."""
    return os.path.abspath(source) if is_types_path(source) else source  # noqa: PTH100 - as text


def _types_from(source: Any) -> str:
    if not (source := os.fspath(source)):
        raise ValueError
    return absolute_types_path(source)


def _max_rejects(value: object) -> MaxRejects:
    written = str(value) if type(value) is int else value
    if not isinstance(written, str):
        raise TypeError
    number = written.removesuffix("%")
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?" if written.endswith("%") else "[0-9]+", number):
        raise ValueError
    return MaxRejects(float(number), written.endswith("%"))


def _resume(value: object) -> Resume:
    if isinstance(value, str) and value.lower() == Resume.AUTO:
        return Resume.AUTO
    return Resume.ON if parse_flag(value) else Resume.OFF


# An API key may stand in the place of these two, which errors do not quote.
CLIENT_ID = Kind("a positive whole number", _client_id, "ID", is_secret=True)
BASE_URL = text("an address such as https://host", "URL", _base_url, is_secret=True)
TABLE = text("a name of letters, digits and underscores", "TABLE", _table)
KEYS = replace(names("FIELDS", _without_keys_field), complete=Complete.COLUMNS)
FIELDS = replace(names("FIELDS"), complete=Complete.COLUMNS)

FILES = Kind("files, or - for stdin", _files, "FILE", is_repeatable=True, is_path=True)
RUNS = Kind(
    "names of runs",
    tuple,
    "RUN",
    is_repeatable=True,
    is_path=True,
    complete=Complete.RUNS,
)
ENCODING = text("an encoding such as utf-16 or latin-1", "NAME", _encoding)
DELIMITER = text("a single character, and no quotation mark", "CHAR", _delimiter)
CHARACTER = text("a single character, or none", "CHAR|none", _character)
TYPES = replace(pairs("COLUMN=TYPE", choice(ColumnType).read), complete=Complete.TYPES)
TYPES_FROM = Kind(
    "the name of a run, a file with its folder or suffix, or none",
    _types_from,
    f"RUN|FILE|{NO_TYPES}",
    is_path=True,
    absolute=absolute_types_path,
)
RENAMED = replace(pairs("OLD=NEW", text("a name", "").read, _new_names), complete=Complete.RENAMED)
CONSTANTS = pairs("NAME=JSON", _json, _without_keys_field, json_values=True)
MAX_REJECTS = Kind("a number of records, or a percentage such as 1%", _max_rejects, "N|N%")
RESUME = Kind("auto, or true or false", _resume, "auto")
