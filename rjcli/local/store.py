"""Records in an SQLite file, lossless, with a readable view of each table."""

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import msgspec
import orjson

from rjcli.api.upsert import KEYS_FIELD
from rjcli.errors import InputError, UnfinishedError
from rjcli.local.records import Record, RefusedBatchError, exact_values, quoted
from rjcli.local.tables import READ_TABLES, SCHEMA, Table, quoted_name, view_name
from rjcli.private_file import check_own_file, create_own_file

_FORMAT = 2
_OPENING_SECONDS = 5.0  # to wait for another process that is writing
_NAME = "the local database"
_SUFFIXES = ("-wal", "-shm", "-journal")  # of the files that SQLite adds


class StoreBusyError(Exception):
    """Another process is writing into the file: the same upsert can succeed a moment later."""


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table's name, the names of its key fields, and how many records it holds."""

    name: str
    keys: tuple[str, ...]
    records: int


class Store:
    """The tables of one SQLite file, made (mode 0600) if there is none.

    Other processes may use the file at the same time, but threads not the same
    store. Usable as a context manager.

    Raises UsageError if the file is not private. InputError, here and from each
    method: it cannot be opened or written, is damaged, or is something else.
    UnfinishedError: the disk is full, or another process keeps it locked.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self._path = Path(path)
        self._tables: dict[str, Table] = {}
        self._version = -1
        if not self._check_files():
            if read_only:
                raise InputError(f"there is no file {self._path}")
            create_own_file(self._path, _NAME)
        with ExitStack() as opening:
            with self._errors():
                self._connection = self._connect(read_only=read_only)
                opening.callback(self.close)
                self._prepare(read_only=read_only)
            self._check_files()  # once more, with those that SQLite has added
            opening.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def upsert(self, table: str, records: Sequence[Record]) -> None:
        """Apply a batch, all or nothing: each record replaces the one with its key.

        The first batch makes the table. Raises RefusedBatchError if a record's
        keys are not those of the table, whatever their order, and StoreBusyError.
        """
        execute = self._connection.execute
        with self._errors(), self._transaction():
            target = self._tables.get(table) or self._make(table, tuple(records[0].key))
            _check_keys(target, records)
            if target.add_fields(records):
                fields = orjson.dumps([*target.labels]).decode()
                number = target.number
                execute("UPDATE _rjcli_tables SET fields = ? WHERE number = ?", (fields, number))
                execute(f"DROP VIEW IF EXISTS {quoted_name(target.sql_name)}")
                execute(target.view)
            execute(*target.upsert(records))

    def tables(self) -> list[TableSummary]:
        """All tables, in alphabetical order."""
        with self._errors():
            self._load()
            return [
                TableSummary(each.name, each.keys, self._read_number("count(*)", each.source))
                for _, each in sorted(self._tables.items())
            ]

    def records(self, table: str) -> Iterator[bytes]:
        """Return each record of a table exactly as it was sent, oldest key first.

        An unknown table has no records.
        """
        return self._select(table, "number")

    def newest(self, table: str, count: int) -> list[Mapping[str, str]]:
        """As many rows of a table as ``count``, those with the newest keys first; see ``rows``."""
        return [*self._texts(self._select(table, f"number DESC LIMIT {count:d}"))]

    def rows(self, table: str) -> Iterator[Mapping[str, str]]:
        """Yield each record's fields but `keys` as text: what a string says, or a value's JSON.

        Numbers, arrays and objects are exactly as they were sent.
        """
        return self._texts(self.records(table))

    def _select(self, table: str, order: str) -> Iterator[bytes]:
        with self._errors():
            self._load()
            if table in self._tables:
                source = self._tables[table].source
                query = f"SELECT CAST(record AS BLOB) FROM {source} ORDER BY {order}"  # noqa: S608 -- ours
                yield from (record for (record,) in self._connection.execute(query))

    def _texts(self, records: Iterator[bytes]) -> Iterator[Mapping[str, str]]:
        for record in records:
            with self._errors():
                texts = {
                    name: orjson.loads(text) if text.startswith(b'"') else text.decode()
                    for name, text in exact_values(record).items()
                    if name != KEYS_FIELD
                }
            yield texts

    def _check_files(self) -> bool:
        """Whether the file is there; raise UsageError if it or one beside it is not private."""
        for suffix in _SUFFIXES:
            check_own_file(self._path.with_name(f"{self._path.name}{suffix}"), _NAME)
        return check_own_file(self._path, _NAME)

    def _connect(self, *, read_only: bool) -> sqlite3.Connection:
        mode = "mode=rw"
        if read_only:
            # Without a log nobody has the file open; then reading it need leave none beside it.
            is_open = self._path.with_name(f"{self._path.name}-wal").exists()
            mode = "mode=ro" if is_open else "mode=ro&immutable=1"
        return sqlite3.connect(
            f"{self._path.absolute().as_uri()}?{mode}",
            uri=True,
            timeout=_OPENING_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    def _prepare(self, *, read_only: bool) -> None:
        execute = self._connection.execute
        if not read_only:
            execute("PRAGMA journal_mode = WAL")
            execute("PRAGMA synchronous = NORMAL")
        execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
        version = self._read_number("user_version", "pragma_user_version")
        if version != _FORMAT:
            if version or read_only or self._read_number("count(*)", "sqlite_master"):
                raise InputError(
                    f"{self._path} is not a file of this version's local Import API",
                    hint="name another file, or move this one away",
                )
            execute(SCHEMA)
            execute(f"PRAGMA user_version = {_FORMAT}")
        execute("COMMIT")
        [(state,)] = execute("PRAGMA quick_check(1)")
        if state != "ok":
            raise sqlite3.DatabaseError("its pages are damaged")
        self._load()
        execute("PRAGMA busy_timeout = 0")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SQLite's errors, and those of damaged contents, into ours."""
        try:
            yield
        except (sqlite3.Error, msgspec.MsgspecError, ValueError) as error:
            message = f"cannot use {_NAME} {self._path}: {error}"
            if _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL}:
                raise UnfinishedError(message) from None
            hint = "if it is damaged, move it away, or name another file"
            raise InputError(message, hint=hint) from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        execute = self._connection.execute
        try:
            execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if _code(error) == sqlite3.SQLITE_BUSY:
                raise StoreBusyError from None
            raise
        try:
            self._load()
            yield
            execute("COMMIT")
        except BaseException:
            self._version = -1
            if self._connection.in_transaction:  # a full disk may have ended it already
                execute("ROLLBACK")
            raise

    def _load(self) -> None:
        """Read which tables there are, unless no other process has written since."""
        version = self._read_number("data_version", "pragma_data_version")
        if version != self._version:
            rows = self._connection.execute(READ_TABLES)
            self._tables = {table.name: table for table in map(Table.from_row, rows)}
            self._version = version

    def _make(self, name: str, keys: tuple[str, ...]) -> Table:
        execute = self._connection.execute
        taken = [taken for (taken,) in execute("SELECT name FROM sqlite_master")]
        sql_name = view_name(name, taken)
        [(number,)] = execute(
            "INSERT INTO _rjcli_tables (name, sql_name, keys, fields) VALUES (?, ?, ?, '[]')"
            " RETURNING number",
            (name, sql_name, orjson.dumps(keys).decode()),
        )
        made = self._tables[name] = Table(number, name, sql_name, keys)
        execute(made.schema)
        return made

    def _read_number(self, expression: str, source: str) -> int:
        [(number,)] = self._connection.execute(f"SELECT {expression} FROM {source}")  # noqa: S608 -- ours
        return int(number)


def _code(error: Exception) -> int:
    """SQLite's code for an error, without what it adds to it; 0 for others."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _check_keys(table: Table, records: Sequence[Record]) -> None:
    keys, shown = set(table.keys), quoted(table.keys)
    reasons = [
        f"record {number}: its keys are {quoted([*record.key])},"
        f" but those of table {quoted(table.name)} are {shown}"
        for number, record in enumerate(records, 1)
        if record.key.keys() != keys
    ]
    if reasons:
        raise RefusedBatchError(reasons)
