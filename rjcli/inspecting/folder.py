"""The files of a folder, grouped into tables by their names."""

import glob
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rjcli.errors import InputError
from rjcli.reading.compression import without_suffix

_SUFFIXES = {".csv", ".tsv", ".tab", ".json", ".ndjson", ".jsonl"}
# Not the number in the name of a table such as q1.
_NUMBERS = re.compile(r"(?:[-_. ]+[0-9]+|(?<![0-9])[0-9]{4,})(?:[-_.T ]*[0-9]+)*Z?")
_DATE = re.compile(r"[0-9]{4}")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_PARTS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class Group:
    """Files of one table. ``patterns``: match them and no other file of the folder.

    ``is_misordered``: sorted as text, as patterns are, they do not ascend by their numbers.
    """

    table: str
    patterns: tuple[str, ...]
    files: tuple[str, ...]
    is_misordered: bool


@dataclass(frozen=True, slots=True)
class Folder:
    """What is in a folder. ``others``: names that were not looked at."""

    groups: tuple[Group, ...]
    others: tuple[str, ...]


def look_into(directory: Path) -> Folder:
    """Group the files of a folder. Raises InputError if it cannot be read."""
    try:
        entries = sorted(directory.iterdir(), key=str)
    except OSError as error:
        raise InputError(f"cannot read {directory}: {error.strerror}") from None
    shown = [each for each in entries if not each.name.startswith(".")]
    names = [each.name for each in shown if each.is_file() and _has_format(each.name)]
    others = [f"{each.name}/" if each.is_dir() else each.name for each in shown]
    series: dict[str, dict[str, list[str]]] = {}
    for name in names:
        series.setdefault(table_name(name), {}).setdefault(_form(name), []).append(name)
    groups = [_group(table, found, directory) for table, found in series.items()]
    return Folder(tuple(groups), tuple(name for name in others if name not in names))


def table_name(file: str) -> str:
    """The name of a table for the records of a file."""
    stem = _stem(Path(file).name)
    return _NO_WORD.sub("_", _NUMBERS.sub("_", stem).lower()).strip("_") or "records"


def _has_format(name: str) -> bool:
    return Path(without_suffix(name)).suffix.lower() in _SUFFIXES


def _form(name: str) -> str:
    """The name with a pattern for its numbers; the name itself if it is none of a series."""
    if not _NUMBERS.search(_stem(name)):
        return name
    return _NUMBERS.sub(_numbers_pattern, _escape(_stem(name))) + glob.escape(_end(name))


def _numbers_pattern(match: "re.Match[str]") -> str:
    before = re.match(r"[-_. ]*", match[0])
    return f"{before[0] if before else ''}[0-9]*"


def _escape(text: str) -> str:
    # What is not UTF-8 cannot stand in a load file.
    return re.sub(r"[\ud800-\udfff]", "?", glob.escape(text))


def _stem(name: str) -> str:
    return name.removesuffix(_end(name))


def _end(name: str) -> str:
    """The suffixes of format and compression."""
    bare = without_suffix(name)
    return name[len(bare) - len(Path(bare).suffix) :]


def _group(table: str, series: Mapping[str, list[str]], directory: Path) -> Group:
    patterns: list[str] = []
    for form, names in series.items():
        one_of_many = len(names) > 1 or _DATE.search(_stem(names[0]))
        if form not in names and one_of_many and _matches(form, directory) == names:
            patterns.append(form)
        else:
            patterns += map(_literal, names)
    files = [name for names in series.values() for name in names]
    is_misordered = any([*names] != sorted(names, key=_by_number) for names in series.values())
    paths = tuple(str(directory / name) for name in files)
    return Group(table, tuple(patterns), paths, is_misordered)


def _literal(name: str) -> str:
    return name if name.isascii() or name == _escape(name) else _escape(name)


def _matches(pattern: str, directory: Path) -> list[str]:
    return sorted(glob.glob(pattern, root_dir=directory))  # noqa: PTH207 - of names


def _by_number(name: str) -> list[int | str]:
    parts: Iterable[str] = _PARTS.split(name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)]
