"""The files of an entry: names and patterns become paths."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from rjcli.errors import InputError, UsageError
from rjcli.reading import Source


def find_files(names: tuple[str, ...], directory: Path, *, may_be_missing: bool) -> Iterator[str]:
    """The paths of files, each once, in the order of the names.

    A name that no file has is a pattern (``*``, ``?``, ``[…]``, ``**``), whose files are sorted
    as text: dates in names sort by time if they begin with the year. Directories are left out.
    Paths are relative to ``directory``, ``~`` is the home directory. Raises UsageError for
    patterns without files, and InputError for files that cannot be read.
    """
    seen: set[str] = set()
    for name in names:
        found = _expand(name, directory)
        if not found and not may_be_missing:
            raise UsageError(
                f"no file matches {name}",
                hint='see whether the export ran, or write missing = "skip" if it may be missing',
            )
        for path in found:
            if path not in seen and not (may_be_missing and not Path(path).exists()):
                seen.add(path)
                _check(path)
                yield path


def _expand(name: str, directory: Path) -> list[str]:
    path = directory / Path(name).expanduser()
    if path.exists() or not glob.has_magic(name):
        return [str(path)]
    pattern = str(Path(name).expanduser())
    found = glob.glob(pattern, root_dir=directory, recursive=True)  # noqa: PTH207 - keeps order
    paths = sorted(str(directory / each) for each in found)
    return [path for path in paths if not Path(path).is_dir()]


def _check(path: str) -> None:
    """Raise InputError if a file cannot be read."""
    Source(path)
    if not os.access(path, os.R_OK):
        raise InputError(f"cannot read {path}: Permission denied")


def size_of(files: tuple[str, ...]) -> int:
    """How many bytes files have together, as far as that is known."""
    return sum(Source(file).size or 0 for file in files)
