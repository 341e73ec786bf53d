import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rjcli.errors import InputError, UsageError
from rjcli.local.records import canonical_number, read_batch
from rjcli.local.store import Store, TableSummary
from rjcli.local.tables import MAX_COLUMNS, column_names

from .conftest import select_all

INTEGERS = st.from_regex(r"-?(0|[1-9][0-9]{0,40})", fullmatch=True)
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,4})?", fullmatch=True
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SPACES = st.text(" \t\r\n", max_size=2)


@st.composite
def json_strings(draw: st.DrawFn) -> str:
    """Write a string, its letters escaped or not."""
    return json.dumps(draw(TEXTS), ensure_ascii=draw(st.booleans()))


@st.composite
def json_objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    """Write an object, spaced anyhow, its names repeated or not."""
    members = draw(st.lists(st.tuples(json_strings(), values), max_size=5))
    return "{" + ",".join(f"{draw(SPACES)}{n} :{draw(SPACES)}{v}" for n, v in members) + "}"


JSON_TEXTS = st.recursive(
    st.sampled_from(["null", "true", "false", "-0", "-0.0", "1.10", "1e400", "[ ]", "{ }"])
    | NUMBERS
    | json_strings(),
    lambda inner: json_objects(inner) | st.lists(inner).map(lambda each: f"[{', '.join(each)}]"),
    max_leaves=5,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file for a store."""
    return tmp_path / "rjcli-local.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    """Make a new store."""
    with Store(path) as made:
        yield made


@contextlib.contextmanager
def fresh_store() -> Iterator[tuple[Store, Path]]:
    """Make a store in a directory of its own, for tests that Hypothesis repeats."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.db"
        with Store(path) as made:
            yield made, path


def push(store: Store, table: str, *records: str | dict[str, Any]) -> None:
    """Upsert records given as JSON text or as objects."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in records]
    store.upsert(table, read_batch(f"[{','.join(texts)}]".encode()))


def only_row(path: Path, table: str) -> dict[str, Any]:
    """Read the single row of a table's view."""
    [row] = select_all(path, table)
    return row


@settings(deadline=None, max_examples=50)
@given(st.lists(json_objects(JSON_TEXTS), min_size=1, max_size=5), SPACES)
def test_local_records_are_kept_byte_for_byte(objects: list[str], space: str) -> None:
    """Whatever JSON a record holds, its exact text comes back, in order of arrival."""
    texts = [
        f'{each[:-1].strip()}{"," if each != "{}" else ""}"keys":["id"], "id":{number}}}'
        for number, each in enumerate(objects)
    ]
    with fresh_store() as (store, _):
        store.upsert("t", read_batch(f"{space}[{space}{f'{space},'.join(texts)}]".encode()))
        assert [record.decode() for record in store.records("t")] == texts


@pytest.mark.parametrize(
    ("text", "shown", "in_sql"),
    [
        ("1", "1", 1),
        ("58.40", "58.40", 58.4),
        ("1e2", "1e2", 100.0),
        ("-0", "-0", 0),
        ("9223372036854775807", "9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", "-9223372036854775808", -(2**63)),
        ("9223372036854775808", "9223372036854775808", "9223372036854775808"),
        ("18446744073709551617", "18446744073709551617", "18446744073709551617"),
        ("1e400", "1e400", "1e400"),
        ("true", "true", 1),
        ("false", "false", 0),
        ("null", "null", None),
        ('"a b\\n\\u00e9"', "a b\né", "a b\né"),
        ('"58.40"', "58.40", "58.40"),
        ('{"b":1.10, "a":[]}', '{"b":1.10, "a":[]}', '{"b":1.10, "a":[]}'),
        ("[1,  2]", "[1,  2]", "[1,  2]"),
    ],
)
def test_local_values_are_readable(
    store: Store, path: Path, text: str, shown: str, in_sql: object
) -> None:
    """Values show exactly as they were sent, and in SQL are numbers where SQLite has them."""
    push(store, "t", f'{{"keys":["id"],"id":1,"value":{text}}}')
    assert [*store.rows("t")] == [{"id": "1", "value": shown}]
    value = only_row(path, "t")["value"]
    assert value == in_sql
    assert type(value) is type(in_sql)


def test_local_upsert_replaces_the_whole_record(store: Store, path: Path) -> None:
    """Fields that the new version lacks become NULL, and its place stays."""
    push(store, "t", {"keys": ["id"], "id": 1, "a": 1}, {"keys": ["id"], "id": 2})
    push(store, "t", {"keys": ["id"], "id": 1, "b": 2})
    assert [*store.rows("t")] == [{"id": "1", "b": "2"}, {"id": "2"}]
    assert select_all(path, "t") == [
        {"id": 1, "a": None, "b": 2},
        {"id": 2, "a": None, "b": None},
    ]
    assert store.tables() == [TableSummary("t", ("id",), 2)]


@pytest.mark.parametrize(
    "same",
    [
        ["1", "1.0", "10e-1", "1E0"],
        ["0", "-0", "-0.0", "0e9"],
        ['"a"', '"\\u0061"'],
        ["100000000000000000000000000000", "1e29", "1000e26"],
        ["1e400", "10e399"],
    ],
)
def test_local_equal_keys_are_one_key(store: Store, same: list[str]) -> None:
    """Keys that are equal JSON values replace each other, however they are written."""
    for text in same:
        push(store, "t", f'{{"keys":["id"],"id":{text}}}')
    [kept] = store.records("t")
    assert kept.decode() == f'{{"keys":["id"],"id":{same[-1]}}}'


def test_local_different_keys_stay_apart(store: Store) -> None:
    """A number, its text and true differ, and so do numbers that one float stands for."""
    texts = ["1", '"1"', "true", "false", "0", '""', "1e400", "1e401", "0.1", "-1"]
    texts += ["100000000000000000000000000001", "100000000000000000000000000002"]
    push(store, "t", *(f'{{"keys":["id"],"id":{text}}}' for text in texts))
    assert store.tables()[0].records == len(texts)


@settings(deadline=None, max_examples=50)
@given(INTEGERS)
def test_local_canonical_numbers_are_exact(text: str) -> None:
    """A whole number has one canonical text, whether written with or without an exponent."""
    canonical = canonical_number(text)
    assert canonical_number(f"{text}.000") == canonical
    assert canonical_number(f"{text}0e-1") == canonical
    assert canonical_number(canonical) == canonical
    assert canonical_number(str(int(text) + 1)) != canonical


def test_local_compound_keys(store: Store) -> None:
    """The key of two fields is both values, wherever one ends and the other begins."""
    for first, second in [("a", 'b","c'), ('a","b', "c"), ("a", "b")]:
        push(store, "t", {"keys": ["x", "y"], "x": first, "y": second})
    assert store.tables() == [TableSummary("t", ("x", "y"), 3)]


FIELDS = ["", " ", "\0", "a\0b", "␀", 'a"b', "a'b", "id", "ID", "iD", "id_2", "é", "É", "rowid"]
FIELDS += ["oid", "_rowid_", "_ROWID_", "select", "keys ", "x); DROP TABLE t; --", "?", ":a", "[a]"]
FIELDS += ["n" * 5000, "n" * 5000 + "2", "\n", "\x1b[31m", "👩‍👩‍👧", "%s", "{}", "`", "\\"]


def test_local_any_field_name_works(store: Store, path: Path) -> None:
    """Each field has a column of its own, and the record its exact text, whatever the name."""
    record = {"keys": ["id"]} | {field: number for number, field in enumerate(FIELDS)}
    push(store, "t", record)
    push(store, "t", record)
    assert list(only_row(path, "t").values()) == list(range(len(FIELDS)))
    assert list(store.records("t")) == [json.dumps(record).encode()]


@settings(deadline=None, max_examples=50)
@given(st.lists(TEXTS, min_size=1, max_size=8, unique=True).filter(lambda f: "keys" not in f))
def test_local_random_field_names_work(fields: list[str]) -> None:
    """Random names keep their values apart."""
    with fresh_store() as (store, path):
        push(store, "t", {"keys": fields[:1], **{f: n for n, f in enumerate(fields)}})
        assert list(only_row(path, "t").values()) == list(range(len(fields)))


def test_local_fields_beyond_the_column_limit_stay_in_the_record(store: Store, path: Path) -> None:
    """More fields than SQLite has columns lose nothing but their columns."""
    record = {"keys": ["id"], "id": 1} | {f"f{number}": number for number in range(2500)}
    push(store, "t", record)
    push(store, "t", record | {"late": 1}, {"keys": ["id"], "id": 2, "f2400": 1})
    assert [len(row) for row in select_all(path, "t")] == [MAX_COLUMNS, MAX_COLUMNS]
    assert [len(orjson.loads(kept)) for kept in store.records("t")] == [2503, 3]


def test_local_new_fields_cost_the_same_however_many(path: Path) -> None:
    """The schema changes once for all new fields of a batch: the view is dropped and made anew."""
    changes = []
    with Store(path) as store:
        push(store, "t", {"keys": ["id"], "id": 1})
        for count in (1, 900, 1900):
            with contextlib.closing(sqlite3.connect(path)) as other:
                [(before,)] = other.execute("pragma schema_version")
                push(store, "t", {"keys": ["id"], "id": 1} | {f"f{n}": n for n in range(count)})
                [(after,)] = other.execute("pragma schema_version")
            changes.append(after - before)
    assert changes == [2, 2, 2]


def test_local_names_that_are_alike_are_numbered_once() -> None:
    """Of names that SQLite takes for one each gets a number, and is looked at once."""
    looked: list[str] = []

    class Name(str):
        __slots__ = ()

        def __getitem__(self, key: Any) -> "Name":
            return Name(super().__getitem__(key))

        def lower(self) -> str:
            looked.append(self)
            return super().lower()

    names = column_names([Name("n" * 100 + str(number)) for number in range(1000)])
    assert names[:3] == ["n" * 100, "n" * 100 + "_2", "n" * 100 + "_3"]
    assert len(set(names)) == 1000
    assert len(looked) < 10_000


def test_local_any_table_name_works(store: Store, path: Path) -> None:
    """Names that SQLite would mix up, or keeps for itself, are tables of their own."""
    names = ["orders", "Orders", "ORDERS", "orders_2", "sqlite_master", "SQLITE_x", "1", "_"]
    names += ["_rjcli_records", "_rjcli_tables", "table_sqlite_master", "select", "n" * 3000]
    for number, name in enumerate(names):
        push(store, name, {"keys": ["id"], "id": number})
    assert {name: [*store.rows(name)] for name in names} == {
        name: [{"id": str(number)}] for number, name in enumerate(names)
    }
    assert sorted(names) == [table.name for table in store.tables()]
    with contextlib.closing(sqlite3.connect(path)) as connection:
        views = connection.execute("select name from sqlite_master where type = 'view'")
        shown = [only_row(path, view)["id"] for (view,) in views.fetchall()]
    assert sorted(shown) == [*range(len(names))]


def test_local_usual_names_are_plain_sql(tmp_path: Path) -> None:
    """`select * from orders` works as it is typed."""
    with Store(tmp_path / "a.db") as store:
        push(store, "orders", {"keys": ["id"], "id": 1, "sku": "kitten-mittons"})
    with sqlite3.connect(tmp_path / "a.db") as connection:
        assert connection.execute("select * from orders").fetchall() == [(1, "kitten-mittons")]
    connection.close()


def test_local_unknown_tables_have_no_records(store: Store) -> None:
    """A table that nobody pushed to is empty."""
    assert list(store.records("t")) == []
    assert list(store.rows("t")) == []


def test_local_records_are_read_in_order(store: Store) -> None:
    """Thousands of records come in order of their first arrival, among other tables' records."""
    for start in range(0, 2500, 100):
        push(store, "t", *({"keys": ["id"], "id": -n} for n in range(start, start + 100)))
        push(store, "u", {"keys": ["id"], "id": start})
    ids = [orjson.loads(record)["id"] for record in store.records("t")]
    assert len(ids) == 2500
    assert all(after == before - 1 for before, after in pairwise(ids))


@pytest.mark.parametrize("content", [b"id,name\n1,a\n", b"SQLite format 3\0" + b"\xff" * 5000])
def test_local_foreign_files_are_refused(tmp_path: Path, content: bytes) -> None:
    """What is not SQLite is refused as an input, and not touched."""
    path = tmp_path / "a.db"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(InputError):
        Store(path)
    assert path.read_bytes() == content


def test_local_foreign_databases_are_refused(tmp_path: Path) -> None:
    """An SQLite file of something else is refused."""
    (tmp_path / "a.db").touch(0o600)
    with contextlib.closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("create table mine (x)")
    with pytest.raises(InputError, match="not a file of this version's local Import API"):
        Store(tmp_path / "a.db")


@pytest.mark.parametrize("name", [".", "no/such/directory/a.db"])
def test_local_unusable_paths_are_refused(tmp_path: Path, name: str) -> None:
    """A directory, or a file in none, is a usage error."""
    with pytest.raises(UsageError, match="the local database"):
        Store(tmp_path / name)


def test_local_two_stores_share_a_file(tmp_path: Path) -> None:
    """Columns that one process adds are seen by the other."""
    with Store(tmp_path / "a.db") as first, Store(tmp_path / "a.db") as second:
        push(first, "t", {"keys": ["id"], "id": 1})
        push(second, "t", {"keys": ["id"], "id": 2, "new": 2})
        push(first, "t", {"keys": ["id"], "id": 3, "new": 3, "newer": 3})
        push(second, "t", {"keys": ["id"], "id": 4, "newer": 4})
        assert [*first.rows("t")] == [*second.rows("t")]
    assert [row["newer"] for row in select_all(tmp_path / "a.db", "t")] == [None, None, 3, 4]


WRITER = """
import sys
from rjcli.local.records import read_batch
from rjcli.local.store import Store
store = Store(sys.argv[1])
for number in range(1_000_000):
    store.upsert("t", read_batch(b'{"keys":["id"],"id":%d}' % number))
    print(number, flush=True)
"""


def test_local_kill_9_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """After kill -9 the file is sound and has every record that was acknowledged."""
    path = tmp_path / "a.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged = 49 + len(process.stdout.read().splitlines())
    with Store(path) as store:
        assert store.tables()[0].records > acknowledged
        push(store, "t", {"keys": ["id"], "id": -1})
