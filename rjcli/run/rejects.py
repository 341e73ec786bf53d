"""Files of rejects: the records as they came, to be fixed and pushed again, and their errors."""

import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from rjcli.errors import InputError
from rjcli.model import InputForm, Rejection
from rjcli.private_file import Directory

ERRORS = "errors.ndjson"
_NOT_KEPT = "its text was not kept, so that it is not among the rejects"
_BYTES_HELD = 2**20  # before they are written
_APPEND = os.O_RDWR | os.O_APPEND
_REJECTS = re.compile(r"rejects(-[0-9]+)?\.(ndjson|csv|tsv)")
_NUMBER = re.compile(r"-([0-9]+)\.[a-z]+\Z")
_STRING_OR_LINE_BREAK = re.compile(rb'"(?:[^"\\]|\\.)*+"?|\r\n|[\r\n]', re.DOTALL)


def reject_files(directory: Path) -> list[Path]:
    """The files of rejects in a run's directory, in order, without copies of an editor."""
    names = [path.name for path in directory.glob("rejects*") if _REJECTS.fullmatch(path.name)]
    return [directory / name for name in in_order(names)]


def flatten(json_text: bytes) -> bytes:
    r"""Put JSON on one line, its values unchanged.

    Line breaks between its tokens become spaces; within a string, where they
    are a fault, they become the ``\n`` and ``\r`` that they ought to be.
    """

    def one_line(match: "re.Match[bytes]") -> bytes:
        if match[0].startswith(b'"'):
            return match[0].replace(b"\r", b"\\r").replace(b"\n", b"\\n")
        return b" "

    return _STRING_OR_LINE_BREAK.sub(one_line, json_text)


class GrowingFile:
    """A file that is appended to, by its descriptor. Raises OSError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._held = bytearray()
        self._written = os.fstat(self._fd).st_size

    @property
    def size(self) -> int:
        """Its size in bytes, with what is held."""
        return self._written + len(self._held)

    def starts_with(self, header: bytes) -> bool:
        """Whether it has this header, or could get it."""
        self.flush()
        return not self._written or os.pread(self._fd, len(header), 0) == header

    def append(self, data: bytes) -> None:
        """Take data in; it is on the disk after ``sync``."""
        self._held += data
        if len(self._held) > _BYTES_HELD:
            self.flush()

    def sync(self) -> None:
        """Have everything on the disk."""
        self.flush()
        os.fsync(self._fd)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        while self._held:
            written = os.write(self._fd, self._held)
            del self._held[:written]
            self._written += written

    def cut(self, size: int) -> None:
        """Cut it to a size in bytes, before anything is appended."""
        os.ftruncate(self._fd, size)
        self._written = size

    def close(self) -> None:
        """Close it; what is held is dropped."""
        os.close(self._fd)


def in_order(names: Iterable[str]) -> list[str]:
    """Names, or paths, of files of rejects, in the order in which these were made."""

    def order(name: str) -> tuple[int, str]:
        number = _NUMBER.search(name)
        return (int(number[1]) if number else 1), name

    return sorted(names, key=order)


class Rejects:
    """The files of rejects and errors of a run. All methods raise OSError where the disk does.

    UsageError, if a file is another user's, or not for oneself alone.
    """

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._files: dict[str, GrowingFile] = {}
        self._by_form: dict[InputForm, GrowingFile] = {}
        self._positions: list[int] = []  # of the first record of each input
        self._forms: list[InputForm] = []  # of each input

    @property
    def names(self) -> list[str]:
        """The names of the files that hold rejects, and not only errors."""
        return in_order(name for name in self._files if name != ERRORS)

    @property
    def errors(self) -> str | None:
        """The name of the file of errors, if there is one."""
        return ERRORS if ERRORS in self._files else None

    def cut(self, sizes: Mapping[str, int]) -> None:
        """Cut the files back to what a checkpoint covers. Raises InputError if they are shorter."""
        for name in self._directory.names():
            if name not in sizes and (name == ERRORS or _REJECTS.fullmatch(name)):
                self._directory.remove(name)
        for name, size in sizes.items():
            file = None
            with suppress(FileNotFoundError):
                file = self._open(Path(name).name, _APPEND)
            if file is None or file.size < size:
                raise InputError(
                    f"{self._directory.path / name} has been changed:"
                    f" the checkpoint says that it has {size:,} bytes",
                    hint="while a run is not finished, fix a copy of its rejects;"
                    " or push again without --resume",
                )
            file.cut(size)

    def start_input(self, position: int, form: InputForm) -> None:
        """From this position on, the records are written in another form."""
        self._positions.append(position)
        self._forms.append(form)

    def write(self, rejection: Rejection) -> None:
        """Write a record down, and what is wrong with it."""
        document = rejection.facts()
        if rejection.raw:
            form = self._forms[bisect_right(self._positions, rejection.position) - 1]
            file = self._file_for(form)
            file.append(flatten(rejection.raw) if form.flatten else rejection.raw)
            file.append(form.line_end)
        else:
            document["reasons"] = (*rejection.reasons, _NOT_KEPT)
        self._open(ERRORS).append(json.dumps(document).encode() + b"\n")

    def sync(self) -> dict[str, int]:
        """Have everything on the disk; return the sizes of the files."""
        for file in self._files.values():
            file.sync()
        return {name: file.size for name, file in self._files.items()}

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files.clear()

    def _file_for(self, form: InputForm) -> GrowingFile:
        """The file for records of a form: those with another header need one of their own."""
        number = 1
        while form not in self._by_form:
            file = self._open(f"rejects{f'-{number}' if number > 1 else ''}.{form.suffix}")
            number += 1
            if file.starts_with(form.header):
                if not file.size:
                    file.append(form.header)
                self._by_form[form] = file
        return self._by_form[form]

    def _open(self, name: str, flags: int = _APPEND | os.O_CREAT) -> GrowingFile:
        if name not in self._files:
            self._files[name] = GrowingFile(self._directory.open(name, name, flags))
        return self._files[name]
