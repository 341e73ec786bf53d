import os
import subprocess
import sys
from pathlib import Path

import pytest

from rjcli.local.__main__ import main
from rjcli.local.records import read_batch
from rjcli.local.store import Store
from rjcli.visible_text import visible


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Make a file with two tables."""
    path = tmp_path / "rjcli-local.db"
    orders = b"""[
        {"keys":["id"],"id":1,"sku":"milky-white-suede-shoes","value":58.40},
        {"keys":["id"],"id":20,"sku":"\\u001b[31mred\\n\\u202e","value":null}, {"keys":["id"],
         "id":3,"sku":"\\u6f22\\u5b57","value":{"a":1e400}}]"""
    with Store(path) as store:
        store.upsert("orders", read_batch(orders))
        store.upsert("Lines", read_batch(b'{"keys":["order","sku"],"order":1,"sku":"a"}'))
    return path


def look(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Run `python -m rjcli.local`."""
    command = [sys.executable, "-W", "error", "-m", "rjcli.local", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False)


def test_local_look_lists_tables(file: Path) -> None:
    """Without a table the tables are listed with their keys and numbers of records."""
    assert look(file).stdout.decode() == (
        "table   keys        records\n"
        "------  ----------  -------\n"
        "Lines   order, sku  1\n"
        "orders  id          3\n"
    )


def test_local_look_shows_a_table(file: Path) -> None:
    """A table is aligned, with control characters made visible."""
    assert look(file, "orders").stdout.decode() == (
        "id  sku                      value\n"
        "--  -----------------------  -----------\n"
        "1   milky-white-suede-shoes  58.40\n"
        "20  \\x1b[31mred\\n\\u202e      null\n"
        '3   漢字                     {"a":1e400}\n'
    )


def test_local_look_prints_exact_records(file: Path) -> None:
    """As JSON each record is one line, with its text as it was sent."""
    lines = look(file, "orders", "--json").stdout.splitlines()
    assert lines[0] == b'{"keys":["id"],"id":1,"sku":"milky-white-suede-shoes","value":58.40}'
    assert lines[2].endswith(b'"id":3,"sku":"\\u6f22\\u5b57","value":{"a":1e400}}')
    assert len(lines) == 3


def test_local_look_leaves_no_traces(file: Path) -> None:
    """Looking writes nothing: the directory stays as it was."""
    before = file.read_bytes()
    look(file)
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert file.read_bytes() == before


def test_local_look_works_while_the_file_is_written(file: Path) -> None:
    """What another process has just pushed is seen."""
    with Store(file) as store:
        store.upsert("late", read_batch(b'{"keys":["id"],"id":1}'))
        assert b"late" in look(file).stdout


@pytest.mark.parametrize("name", ["missing.db", ".", "notes.txt", "empty.db"])
def test_local_look_refuses_other_files(tmp_path: Path, name: str) -> None:
    """A missing or foreign file is a plain error, exit 2, and is not made."""
    for file in ("notes.txt", "empty.db"):
        (tmp_path / file).touch(0o600)
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be read as one" * 20)
    seen = look(tmp_path / name)
    assert (seen.returncode, seen.stdout) == (2, b"")
    assert seen.stderr.startswith(b"error: ")
    assert len(seen.stderr.splitlines()) <= 2
    assert not (tmp_path / "missing.db").exists()


def test_local_look_refuses_a_damaged_file(file: Path) -> None:
    """A file whose pages are damaged is a plain error with a way out, exit 2."""
    content = file.read_bytes()
    file.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    seen = look(file)
    assert (seen.returncode, seen.stdout) == (2, b"")
    [error, way_out] = seen.stderr.decode().splitlines()
    assert error.startswith("error: cannot use the local database")
    assert way_out.startswith("what to do: if it is damaged")


def test_local_look_ends_with_its_reader(file: Path) -> None:
    """A closed pipe, as after `head`, is no error."""
    command = [sys.executable, "-m", "rjcli.local", str(file), "orders"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("table", ["nothing", "ORDERS", "_rjcli_tables", "x'--", ""])
def test_local_look_refuses_unknown_tables(file: Path, table: str) -> None:
    """A table that was never pushed is one line of error, and exit 2."""
    seen = look(file, table)
    assert (seen.returncode, seen.stdout) == (2, b"")
    assert b"there is no table" in seen.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("a.db", "--json"),
        ("a.db", "t", "more\x1b[2J"),
        ("a.db", "--\x1b[2J\u202e\u115f"),
        ("a.db", "--json=\x9b31m"),
        ("a\x1b[2J\u202e.db",),
        ("a\udcff.db",),
    ],
)
def test_local_look_refuses_wrong_arguments(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
) -> None:
    """Arguments that are wrong are a plain error, exit 2, with nothing that acts on a terminal."""
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("error: ")
    assert shown.err == "".join(map(visible, shown.err.splitlines(keepends=True))).replace(
        "\\n", "\n"
    )


def test_local_look_shows_what_is_unseen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unseen characters in names of fields and in values are shown as escapes."""
    path = tmp_path / "a.db"
    with Store(path) as store:
        store.upsert(
            "t", read_batch('{"keys":["i\u202ed"],"i\u202ed":"a\u3164\x7f\ufe0f"}'.encode())
        )
    assert main([str(path), "t"]) == 0
    heading, line, row = capsys.readouterr().out.splitlines()
    assert (heading, row) == (r"i\u202ed", r"a\u3164\x7f\ufe0f")
    assert line == "-" * len(row)


def test_local_look_fits_any_terminal(file: Path) -> None:
    """Characters that the terminal's encoding lacks are shown as escapes."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "rjcli.local", str(file), "orders"]
    seen = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert rb"\u6f22\u5b57" in seen.stdout


def test_local_look_tells_of_a_full_disk(file: Path) -> None:
    """Output that cannot be written is a plain error, and not exit 0."""
    command = [sys.executable, "-m", "rjcli.local", str(file), "orders"]
    with Path("/dev/full").open("wb") as full:
        seen = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert seen.returncode == 5
    assert seen.stderr == b"error: cannot write: No space left on device\n"
