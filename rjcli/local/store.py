"""Records in an SQLite file: readable in one SQL table per table, and lossless beside it."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import orjson

from rjcli.errors import InputError
from rjcli.local import sql_names
from rjcli.local.records import Record, RefusedBatchError, SqlValue, quoted

# SQLite allows a table 2,000 columns. Fields beyond these stay in the lossless record.
MAX_COLUMNS = 1900

_FORMAT = 1
_BUSY_SECONDS = 30.0
_PAGE = 1000
_SCHEMA = """
    CREATE TABLE _rjcli_tables (
        name TEXT PRIMARY KEY, sql_name TEXT NOT NULL UNIQUE, keys TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE _rjcli_columns (
        table_name TEXT NOT NULL, field TEXT NOT NULL, sql_name TEXT NOT NULL,
        PRIMARY KEY (table_name, field)
    ) WITHOUT ROWID;
    CREATE TABLE _rjcli_records (
        number INTEGER PRIMARY KEY,
        table_name TEXT NOT NULL, key TEXT NOT NULL, record TEXT NOT NULL,
        UNIQUE (table_name, key)
    );
"""


@dataclass(frozen=True, slots=True)
class TableSummary:
    """A table's name, the names of its key fields, and how many records it holds."""

    name: str
    keys: tuple[str, ...]
    records: int


@dataclass(frozen=True, slots=True)
class _Table:
    """Where a table is kept; ``columns`` maps fields to columns and grows."""

    name: str
    sql_name: str
    keys: tuple[str, ...]
    columns: dict[str, str]


class Store:
    """The tables of one SQLite file, made (mode 0600) if there is none.

    A row of a readable table has the row number of its record in
    `_rjcli_records`, where the key is indexed. Safe to share between threads;
    other processes may use the file at the same time. Usable as a context manager.

    Raises InputError if the file cannot be opened or holds something else.
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self._path = Path(path)
        self._lock = threading.Lock()
        self._known: dict[str, _Table] = {}
        self._version = -1
        try:
            self._connection = self._open(read_only=read_only)
        except (OSError, sqlite3.OperationalError) as error:
            raise InputError(f"cannot open {self._path}: {error}") from None
        except sqlite3.DatabaseError:
            raise self._foreign_file() from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish the transaction under way, and close the file."""
        with self._lock:
            self._connection.close()

    def upsert(self, table: str, records: Sequence[Record]) -> None:
        """Apply a batch, all or nothing: each record replaces the one with its key.

        The first batch makes the table. Raises RefusedBatchError if a record's
        keys are not those of the table, whatever their order.
        """
        with self._transaction():
            target = self._find(table) or self._make(table, records[0])
            _check_keys(target, records)
            latest = {_key(target, record): record for record in records}
            for record in latest.values():
                self._add_columns(target, record.values)
            for key, record in latest.items():
                self._replace(target, key, record)

    def tables(self) -> list[TableSummary]:
        """All tables, in alphabetical order."""
        rows = self._query(
            "SELECT name, keys, (SELECT count(*) FROM _rjcli_records WHERE table_name = name)"
            " FROM _rjcli_tables ORDER BY name"
        )
        return [TableSummary(name, tuple(orjson.loads(keys)), count) for name, keys, count in rows]

    def records(self, table: str) -> Iterator[bytes]:
        """Yield each record of a table exactly as it was sent, oldest key first.

        An unknown table has no records.
        """
        last = 0
        # The plus keeps SQLite off the index over keys, which is in another order.
        page = (
            "SELECT number, CAST(record AS BLOB) FROM _rjcli_records"
            " WHERE +table_name = ? AND number > ? ORDER BY number LIMIT ?"
        )
        while rows := self._query(page, table, last, _PAGE):
            yield from (record for _, record in rows)
            last = rows[-1][0]

    def rows(self, table: str) -> tuple[list[str], list[tuple[SqlValue, ...]]]:
        """The readable columns and rows of a table, oldest key first; KeyError if there is none."""
        found = self._query("SELECT sql_name FROM _rjcli_tables WHERE name = ?", table)
        if not found:
            raise KeyError(table)
        name = sql_names.quote(found[0][0])
        with self._lock:
            cursor = self._connection.execute(
                f"SELECT * FROM {name} ORDER BY {sql_names.ROW_NUMBER}"  # noqa: S608 -- quoted name
            )
            return [column[0] for column in cursor.description], cursor.fetchall()

    def _open(self, *, read_only: bool) -> sqlite3.Connection:
        if not read_only:
            # Only if it is new: closing a file that SQLite has open drops its locks.
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        connection = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?{self._mode(read_only=read_only)}",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
            self._settle_schema(connection, read_only=read_only)
        except BaseException:
            connection.close()
            raise
        return connection

    def _mode(self, *, read_only: bool) -> str:
        if not read_only:
            return "mode=rw"
        # Without a log nobody has the file open; then reading it need leave no files behind.
        unused = not self._path.with_name(f"{self._path.name}-wal").exists()
        return "mode=ro&immutable=1" if unused else "mode=ro"

    def _settle_schema(self, connection: sqlite3.Connection, *, read_only: bool) -> None:
        connection.execute("BEGIN" if read_only else "BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (names,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version != _FORMAT:
            if version or names or read_only:
                raise self._foreign_file()
            for statement in _SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_FORMAT}")
        connection.execute("COMMIT")

    def _foreign_file(self) -> InputError:
        return InputError(
            f"{self._path} is not a file of the local Import API",
            hint="name another file, or move this one away",
        )

    def _query(self, sql: str, *parameters: SqlValue) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            execute = self._connection.execute
            execute("BEGIN IMMEDIATE")
            try:
                (version,) = execute("PRAGMA data_version").fetchone()
                if version != self._version:  # another process wrote: look at its tables anew
                    self._known.clear()
                    self._version = version
                yield
                execute("COMMIT")
            except BaseException:
                self._known.clear()
                if self._connection.in_transaction:  # a full disk may have ended it already
                    execute("ROLLBACK")
                raise

    def _find(self, table: str) -> _Table | None:
        if table not in self._known:
            execute = self._connection.execute
            found = execute(
                "SELECT sql_name, keys FROM _rjcli_tables WHERE name = ?", (table,)
            ).fetchone()
            if found is None:
                return None
            columns = execute(
                "SELECT field, sql_name FROM _rjcli_columns WHERE table_name = ?", (table,)
            )
            keys = tuple(orjson.loads(found[1]))
            self._known[table] = _Table(table, found[0], keys, dict(columns.fetchall()))
        return self._known[table]

    def _make(self, table: str, record: Record) -> _Table:
        execute = self._connection.execute
        names = execute("SELECT name FROM sqlite_master")
        taken = {sql_names.fold(name) for (name,) in names}
        made = _Table(table, sql_names.table_name(table, taken), tuple(record.key), {})
        keys = orjson.dumps(made.keys).decode()
        execute("INSERT INTO _rjcli_tables VALUES (?, ?, ?)", (table, made.sql_name, keys))
        self._add_columns(made, record.values)
        self._known[table] = made
        return made

    def _add_columns(self, table: _Table, fields: Mapping[str, SqlValue]) -> None:
        new = [field for field in fields if field not in table.columns]
        if not new:
            return
        taken = {sql_names.fold(column) for column in table.columns.values()}
        added = {}
        for field in new[: MAX_COLUMNS - len(table.columns)]:
            added[field] = sql_names.column_name(field, taken)
            taken.add(sql_names.fold(added[field]))
        name = sql_names.quote(table.sql_name)
        definitions = [sql_names.quote(column) for column in added.values()]
        execute = self._connection.execute
        if table.columns:
            for definition in definitions:
                execute(f"ALTER TABLE {name} ADD COLUMN {definition}")
        else:  # SQLite knows no table without columns
            execute(f"CREATE TABLE {name} ({', '.join(definitions)})")
        for field, column in added.items():
            execute("INSERT INTO _rjcli_columns VALUES (?, ?, ?)", (table.name, field, column))
        table.columns.update(added)

    def _replace(self, table: _Table, key: str, record: Record) -> None:
        (number,) = self._connection.execute(
            "INSERT INTO _rjcli_records (table_name, key, record) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET record = excluded.record RETURNING number",
            (table.name, key, record.text.decode()),
        ).fetchone()
        values = record.values
        if len(table.columns) == MAX_COLUMNS:
            values = {field: value for field, value in values.items() if field in table.columns}
        columns = tuple(table.columns[field] for field in values)
        self._connection.execute(
            _insert_statement(table.sql_name, columns), (number, *values.values())
        )


@lru_cache
def _insert_statement(table: str, columns: tuple[str, ...]) -> str:
    """Build the statement that replaces a row: its number, then the columns' values."""
    names = ", ".join(map(sql_names.quote, (sql_names.ROW_NUMBER, *columns)))
    marks = ", ?" * len(columns)
    return f"INSERT OR REPLACE INTO {sql_names.quote(table)} ({names}) VALUES (?{marks})"  # noqa: S608 -- quoted names


def _key(table: _Table, record: Record) -> str:
    return f"[{','.join(record.key[field] for field in table.keys)}]"


def _check_keys(table: _Table, records: Sequence[Record]) -> None:
    keys = set(table.keys)
    reasons = [
        f"record {number}: its keys are {quoted(list(record.key))},"
        f" but those of table {quoted(table.name)} are {quoted(table.keys)}"
        for number, record in enumerate(records, 1)
        if record.key.keys() != keys
    ]
    if reasons:
        raise RefusedBatchError(reasons)
