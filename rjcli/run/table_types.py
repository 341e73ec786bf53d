"""Column types of a table: what its earlier pushes found is kept, and types files are read.

Both are TOML with a line for each column: ``id = "integer"``.
"""

import json
import re
import shlex
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from rjcli.errors import UsageError, show_name
from rjcli.private_file import Directory, change_own_file, os_errors_as_ours, read_own_file
from rjcli.reading import KnownTypes
from rjcli.run.listing import find_run
from rjcli.settings.choices import ColumnType
from rjcli.settings.option_kinds import NO_TYPES, is_types_path

Types = Mapping[str, ColumnType]

_NAME = "column-types.toml"
_MAX_BYTES = 16 * 2**20
_BARE = re.compile("[A-Za-z0-9_-]+")


class TableTypes:
    """The column types of a table: those known before a push, and where its own ones are kept.

    ``memory``: the file that later pushes of the table know them from, and ``copy``: the
    one that the user named; None: there is none.
    """

    def __init__(self, known: KnownTypes, memory: Path | None, copy: str | None) -> None:
        self.known = known
        self._memory = memory
        self._copy = copy

    def write(self, types: Types) -> None:
        """Write the types file, before anything is sent. Raises UsageError or DiskError."""
        if self._copy:
            _write_file(self._copy, {**self.known.types, **types})

    def remember(self, types: Types) -> None:
        """Keep the types for later pushes, once something was sent. Raises as ``write`` does."""
        if self._memory and types:
            change_own_file(
                self._memory, "the column types", _MAX_BYTES, lambda old: _merge(old, types)
            )


def open_types(
    table: Path | None, runs: Path | None, types_from: str | None, types_to: str | None
) -> TableTypes:
    """Read what is known of a table's columns; what is wrong with it is in the result.

    ``table``: the directory of what is known of the table; ``runs``: the state directory;
    None: there is no such place. ``types_from`` and ``types_to``: as the options.
    """
    if types_from == NO_TYPES:
        return TableTypes(KnownTypes(), None, types_to)
    memory = table / _NAME if table else None
    try:
        content = read_own_file(memory, "the column types", _MAX_BYTES) if memory else None
        if types_from:
            known = _read_file(types_from) or _types_of_run(types_from, runs)
        else:
            known = _recall(content, memory) if memory and content else KnownTypes()
    except UsageError as error:
        known = KnownTypes(error=error)
    return TableTypes(known, memory, types_to)


def _recall(content: bytes, memory: Path) -> KnownTypes:
    try:
        return KnownTypes(_decode(content), "earlier pushes of the table")
    except ValueError as error:
        path = shlex.quote(str(memory))
        raise UsageError(
            f"the column types of the table's earlier pushes, {memory}, are damaged: {error}",
            hint="push with --types-from none, or have the types found anew from the next push"
            f" on: rm {path}",
        ) from None


def _read_file(name: str) -> KnownTypes | None:
    """The types in a file; None if the name is not that of a file."""
    path = Path(name)
    if not is_types_path(name) or path.is_dir():
        return None
    with os_errors_as_ours(f"cannot read the column types in {name}"), path.open("rb") as file:
        content = file.read(_MAX_BYTES)
    try:
        return KnownTypes(_decode(content), name)
    except ValueError as error:
        raise UsageError(
            f"{name} is not a file of column types: {error}",
            hint='it has a line for each column, such as id = "integer"; --types-to writes one',
        ) from None


def _types_of_run(name: str, state: Path | None) -> KnownTypes:
    record = find_run(state or Path(), name)
    checkpoint = record.checkpoint
    if checkpoint is None or not checkpoint.column_types:
        raise UsageError(f"the run {record.name} has no column types")
    types = {
        column: type_
        for column, type_ in checkpoint.column_types.items()
        if column not in checkpoint.without_values
    }
    return KnownTypes(types, f"run {record.name}")


def _write_file(name: str, types: Types) -> None:
    path = Path(name).resolve()
    with os_errors_as_ours(f"cannot write the column types to {name}"):
        if path.exists():
            _check_replaceable(path, name)
        with Directory(path.parent) as directory:
            directory.replace(path.name, _encode(types))


def _check_replaceable(path: Path, name: str) -> None:
    """Raise UsageError for a file that holds something else than column types."""
    with suppress(ValueError):
        if path.is_file():
            with path.open("rb") as file:
                _decode(file.read(_MAX_BYTES))
            return
    raise UsageError(
        f"{name} holds no column types, and is not overwritten",
        hint="name another file with --types-to, or remove this one",
    )


def _merge(old: bytes, types: Types) -> bytes:
    known: Types = {}
    with suppress(ValueError):  # what cannot be read is of no use to anyone
        known = _decode(old)
    return _encode({**known, **types})


def _encode(types: Types) -> bytes:
    lines = [f'{_show(name)} = "{types[name]}"\n' for name in sorted(types)]
    return "".join(["# Column types, for rjcli push --types-from\n", *lines]).encode()


def _show(name: str) -> str:
    """A name as a key of TOML, whose escapes are those of JSON, and one more."""
    if _BARE.fullmatch(name):
        return name
    return json.dumps(name, ensure_ascii=False).replace("\x7f", r"\u007f")


def _decode(content: bytes) -> dict[str, ColumnType]:
    """Read column types. Raises ValueError, which says where they are wrong."""
    try:
        document = tomllib.loads(content.decode())
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    for name, value in document.items():
        if value not in [*ColumnType]:
            allowed = ", ".join(ColumnType)
            more = "; a name with a dot in it needs quotes" if value and type(value) is dict else ""
            raise ValueError(f"the type of column {show_name(name)} is none of {allowed}{more}")
    return {name: ColumnType(value) for name, value in document.items()}
