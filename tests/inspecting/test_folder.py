"""A folder becomes a load file that works: tables, patterns, dialects, and what is wrong."""

import bz2
import gzip
import json
import tomllib
from pathlib import Path

import pytest

import rjcli
from rjcli.commands.inspect import check, init
from rjcli.errors import UsageError
from rjcli.inspecting.folder import look_into
from rjcli.report import Report
from rjcli.settings.commands import OutputSettings
from rjcli.settings.load import InitSettings
from rjcli.settings.values import InputSettings
from tests.conftest import LocalApi
from tests.loading.conftest import Folder

FILES = {
    "customers-2026-01-01.csv.gz": gzip.compress(b"id;name;zip\n1;a;0123\n2;b;0456\n"),
    "customers-2026-01-02.csv.gz": gzip.compress(b"id;name;zip\n3;c;0789\n"),
    "lines.ndjson": b'{"order":1,"line":1}\n{"order":1,"line":2}\n{"order":2,"line":1}\n{"order\n',
    "pg.tsv": b"id\tn\n" + b"".join(b"%d\t\\N\n" % number for number in range(5)),
    "latin.csv": "id,näme\n1,ü\n2,x\n".encode("latin-1"),
    "nameless.csv.bz2": bz2.compress(b",id\nx,1\ny,2\n"),
    "wide.csv": "id,a\n1,2\n2,3\n".encode("utf-16"),
    "own.json": b'[{"keys":["a"],"a":1},{"keys":["a"],"a":2}]',
    "bytes.csv": b"id,a\n1,\xff\n2,b\n3,c\n",
    "same.csv": b"a,b\n1,1\n1,1\n",
    "broken.csv.gz": b"\x1f\x8bgarbage",
    "README.md": b"read me",
}


@pytest.fixture
def exports(folder: Folder) -> Path:
    """A folder of all kinds of files."""
    path = folder.path / "exports"
    path.mkdir()
    for name, content in FILES.items():
        (path / name).write_bytes(content)
    (path / "archive").mkdir()
    return path


def propose(exports: Path, output: Path) -> str:
    """The load file for a folder."""
    settings = InitSettings(directory=str(exports), output=str(output))
    assert init(settings, Report(OutputSettings(quiet=True))) == 0
    return output.read_text()


def test_a_folder_is_proposed(exports: Path, folder: Folder) -> None:
    """Each table has its files, key, types and dialect; what cannot be read is a comment."""
    text = propose(exports, folder.file)
    entries = {entry.pop("table"): entry for entry in tomllib.loads(text)["load"]}
    assert entries == {
        "bytes": {
            "files": "exports/bytes.csv",
            "keys": ["id"],
            "type": {"id": "integer", "a": "string"},
        },
        "customers": {
            "files": "exports/customers-[0-9]*.csv.gz",
            "keys": ["id"],
            "type": {"id": "integer", "name": "string", "zip": "string"},
        },
        "latin": {
            "files": "exports/latin.csv",
            "keys": ["id"],
            "encoding": "cp1252",
            "type": {"id": "integer", "näme": "string"},
        },
        "lines": {"files": "exports/lines.ndjson", "keys": ["order", "line"]},
        "nameless": {
            "files": "exports/nameless.csv.bz2",
            "keys": ["id"],
            "header-empty": "name",
            "type": {"column_1": "string", "id": "integer"},
        },
        "own": {"files": "exports/own.json"},
        "pg": {
            "files": "exports/pg.tsv",
            "keys": ["id"],
            "dialect": "postgres",
            "type": {"id": "integer"},  # the other column has no value
        },
        "same": {"files": "exports/same.csv", "type": {"a": "integer", "b": "integer"}},
        "wide": {
            "files": "exports/wide.csv",
            "keys": ["id"],
            "encoding": "utf-16",
            "type": {"id": "integer", "a": "integer"},
        },
    }
    assert "# broken: exports/broken.csv.gz cannot be read as it is:" in text
    assert "# not looked at: README.md, archive/" in text
    assert "# keys = []  # to fill in: none found" in text
    assert "# 1 record would be rejected, the first of them:" in text
    assert '# encoding = "cp1252"' in text


def test_a_proposal_loads(exports: Path, folder: Folder, local_api: LocalApi) -> None:
    """What is proposed can be loaded as it is, without the table that has no key."""
    propose(exports, folder.file)
    good = ["customers", "latin", "nameless", "own", "pg", "wide"]
    result = folder.load(local_api, *good).check()
    assert {table: each.accepted for table, each in result.tables.items()} == {
        "customers": 3,
        "latin": 2,
        "nameless": 2,
        "own": 2,
        "pg": 5,
        "wide": 2,
    }
    with pytest.raises(rjcli.NotAllAcceptedError, match="keys"):
        folder.load(local_api, "same").check()


def test_no_file_is_overwritten(exports: Path, folder: Folder) -> None:
    """A file that is there stays as it is."""
    folder.file.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        propose(exports, folder.file)
    assert folder.file.read_text() == "mine"


def test_an_empty_folder(folder: Folder) -> None:
    """A folder without files to load is said to be one, and so is one that is not there."""
    with pytest.raises(UsageError, match="no files to load"):
        propose(folder.path, folder.file)
    with pytest.raises(UsageError, match="cannot read"):
        propose(folder.path / "gone", folder.file)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a-1.csv", "a-2.csv"], {"a": ("a-[0-9]*.csv",)}),
        (["a-1.csv"], {"a": ("a-1.csv",)}),
        (["a-20260101.csv"], {"a": ("a-[0-9]*.csv",)}),
        (["20260101_a.csv", "20260102_a.csv"], {"a": ("[0-9]*_a.csv",)}),
        (
            ["a-1.csv", "a-1-old.csv", "a-2.csv"],
            {"a": ("a-1.csv", "a-2.csv"), "a_old": ("a-1-old.csv",)},
        ),
        (["a-1.csv", "a-2.csv", "a-3x.csv"], {"a": ("a-1.csv", "a-2.csv"), "a_x": ("a-3x.csv",)}),
        (["a.csv", "a-2026.ndjson"], {"a": ("a-[0-9]*.ndjson", "a.csv")}),
        (["q1.csv", "q2.csv"], {"q1": ("q1.csv",), "q2": ("q2.csv",)}),
        (["Ä b.csv"], {"b": ("Ä b.csv",)}),
        (["[1].csv"], {"1": ("[1].csv",)}),
        (["2026.csv"], {"records": ("[0-9]*.csv",)}),
    ],
)
def test_files_become_tables(tmp_path: Path, names: list[str], expected: object) -> None:
    """Files that differ in numbers only are one table, whose pattern matches them alone."""
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert {each.table: each.patterns for each in look_into(tmp_path).groups} == expected


def test_order_of_numbers(tmp_path: Path) -> None:
    """Files that are not in the order of their numbers are pointed out."""
    for name in ("a-10.csv", "a-2.csv", "b-10.csv", "b-20.csv"):
        (tmp_path / name).write_bytes(b"")
    groups = look_into(tmp_path).groups
    assert {each.table: each.is_misordered for each in groups} == {"a": True, "b": False}


def test_check(exports: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each file is described, with a command to copy; rejects and unreadable files have codes."""
    files = tuple(str(exports / name) for name in ("pg.tsv", "lines.ndjson", "broken.csv.gz"))

    def run(*names: str, json: bool = False) -> int:
        return check(InputSettings(files=names), Report(OutputSettings(json=json)))

    assert run(files[0]) == 0
    assert f"rjcli push {files[0]} -t pg -k id --dialect postgres" in capsys.readouterr().out
    assert run(*files[:2]) == 3
    assert "line 4: unexpected end" in capsys.readouterr().out
    assert run(*files, json=True) == 2
    found = json.loads(capsys.readouterr().out)
    assert [each["keys"] for each in found["files"]] == [["id"], ["order", "line"], None]
    assert [each["records"] for each in found["files"]] == [5, 4, 0]
    assert "corrupt" in found["files"][2]["problem"]
    with pytest.raises(UsageError, match="stdin"):
        run("-")
