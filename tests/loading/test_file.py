"""The load file: all that is wrong with it is said at once, by line, before anything is sent."""

import os
from pathlib import Path

import pytest

import rjcli
from rjcli.loading.plan import LoadFileError
from tests.conftest import Serve
from tests.loading.conftest import Folder
from tests.support.scripted import always, answer

ENTRY = '[[load]]\ntable = "a"\nkeys = ["id"]\nfiles = "a.ndjson"\n'


def problems(folder: Folder, text: str) -> list[str]:
    """What is wrong with a load file."""
    folder.records("a.ndjson", [1])
    folder.file.write_text(text)
    with pytest.raises(LoadFileError) as caught:
        rjcli.load(folder.file, environment="local")
    place = str(folder.file)
    return [each.message.replace(place, "shop.toml") for each in caught.value.problems]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"job = 3\n{ENTRY}", "unknown option in shop.toml, line 1: job; did you mean jobs?"),
        (
            f'{ENTRY}kees = "id"\n',
            "unknown option in shop.toml, line 5 (a): kees; did you mean keys?",
        ),
        (f"{ENTRY}jobs = 3\n", "shop.toml, line 5 (a): jobs is of the whole load: write it at"),
        (f"{ENTRY}resume = true\n", "resume is given with the command"),
        (f"{ENTRY}batch-size = 101\n", "batch-size in shop.toml, line 5 (a) must be a whole"),
        (f"batch-size = 0\n{ENTRY}", "batch-size in shop.toml, line 1 must be a whole number"),
        (f'table = "a"\n{ENTRY}', "shop.toml, line 1: table belongs in an entry [[load]]"),
        (f"{ENTRY}missing = 3\n", "missing in shop.toml, line 5 (a) must be one of error, skip"),
        (ENTRY.replace('"a"', '"a-b"'), "table in shop.toml, line 2 must be a name of letters"),
        ('[[load]]\ntable = "a"\n', "shop.toml, line 1 (a): this entry has no files"),
        (ENTRY.replace("a.ndjson", "-"), "files in shop.toml, line 4 (a) must name files"),
        (ENTRY.replace("a.ndjson", "b*"), "shop.toml, line 1 (a): no file matches b*"),
        (ENTRY.replace("a.ndjson", "b"), "cannot read "),
        (f'{ENTRY}select = ["x"]\n', "shop.toml, line 1 (a): --select leaves out 'id'"),
        (f'{ENTRY}types-from = "x.toml"\n', "shop.toml, line 1 (a): cannot read the column types"),
        (f"{ENTRY}{ENTRY}", "shop.toml, line 5 (a): there is another entry for this table, line 1"),
    ],
)
def test_each_problem_has_its_place(folder: Folder, text: str, message: str) -> None:
    """An error names the line, the table where there is one, and the nearest known name."""
    [found] = problems(folder, text)
    assert message in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no tables"),
        ("load = 3", "names no tables"),
        ("[[load]\n", "line 1: this is no TOML"),
        ('x = "rj-canary', "this is no TOML"),
        (f"x = {'[' * 10_000}", "nested too deep"),
    ],
)
def test_what_is_no_load_file(folder: Folder, text: str, message: str) -> None:
    """What is no load file is refused, and none of it is quoted."""
    folder.file.write_text(text)
    with pytest.raises(rjcli.UsageError, match=message) as caught:
        rjcli.load(folder.file)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["api-key", "api_key", "apikey", "API_KEY", '"api-key"'])
@pytest.mark.parametrize("place", ["top", "entry"])
def test_an_api_key_is_refused(folder: Folder, name: str, place: str) -> None:
    """A load file with an API key is refused, and the key is not in the error."""
    line = f'{name} = "rj-canary-1234"\n'
    [found] = problems(folder, line + ENTRY if place == "top" else ENTRY + line)
    assert "holds no API key" in found
    assert "canary" not in found


def test_all_problems_are_shown(folder: Folder) -> None:
    """Several problems are found in one go."""
    other = ENTRY.replace('"a"', '"b"')
    found = problems(folder, f"job = 3\n{ENTRY}kees = 1\n{other}x = 1\n")
    assert len(found) == 3
    found = problems(folder, ENTRY.replace("a.ndj", "*.x") + '[[load]]\ntable="b"\nfiles="y"\n')
    assert len(found) == 2


def test_unknown_tables_have_the_nearest(folder: Folder) -> None:
    """A table that the file does not name is an error, with the nearest name that it has."""
    folder.records("a.ndjson", [1])
    folder.file.write_text(ENTRY.replace('"a"', '"customers"'))
    with pytest.raises(rjcli.UsageError, match="'custmers'; did you mean customers"):
        rjcli.load(folder.file, ["custmers"], environment="local")


def test_nothing_is_sent_while_anything_is_wrong(folder: Folder, serve: Serve) -> None:
    """One bad entry, or credentials that are missing, keep all tables from being sent."""
    server = serve(always(answer()))
    folder.records("a.ndjson", [1])
    folder.entries(a='files = "a.ndjson"', b='files = "b-*.ndjson"')
    with pytest.raises(rjcli.UsageError, match="no file matches"):
        folder.load(server)
    folder.entries(a='files = "a.ndjson"')
    with pytest.raises(rjcli.UsageError, match="API key"):
        rjcli.load(folder.file, base_url=server.base_url, client_id=1)
    assert not server.requests


def test_files_are_relative_and_sorted(folder: Folder, serve: Serve) -> None:
    """Names are relative to the load file; those of a pattern are sorted as text, each once."""
    (folder.path / "in" / "deep").mkdir(parents=True)
    for number, name in enumerate(["in/a-10.ndjson", "in/a-2.ndjson", "in/deep/b[1].ndjson"]):
        folder.records(name, [number])
    folder.entries(
        a='files = ["in/a-2.ndjson", "in/a-*.ndjson", "in/*", "in/**/b*", "in/deep/b[1].ndjson"]'
    )
    server = serve(always(answer()))
    before = Path.cwd()
    try:
        os.chdir("/")
        result = folder.load(server, jobs=1, batch_size=1)
    finally:
        os.chdir(before)
    assert result.exit_code == 0
    assert [request.body for request in server.requests] == [
        b'[{"keys":["id"],"id":%d}]' % number for number in (1, 0, 2)
    ]


def test_a_table_may_be_missing(folder: Folder, serve: Serve) -> None:
    """With missing = "skip" a table without files is left out, and said to be."""
    folder.records("a.ndjson", [1])
    folder.entries(
        a='files = ["a.ndjson", "gone.ndjson", "gone-*"]\nmissing = "skip"',
        b='files = "b*"\nmissing = "skip"',
    )
    result = folder.load(serve(always(answer())))
    assert (result.exit_code, [*result.tables], result.skipped) == (0, ["a"], ("b",))
    folder.entries('missing = "skip"', a='files = "b*"')
    result = folder.load(serve(always(answer())))
    assert (result.exit_code, result.status, result.skipped) == (0, "complete", ("a",))


def test_the_command_goes_before_the_file(folder: Folder, serve: Serve) -> None:
    """An option of the command beats the file's, an entry's beats that at its top."""
    server = serve(always(answer()))
    folder.records("a.ndjson", range(6))
    folder.entries(
        'base-url = "http://127.0.0.1:9"\nbatch_size = 2\nclient-id = 3',
        a='files = "a.ndjson"\nbatch-size = 3',
        b='files = "a.ndjson"',
    )
    result = folder.load(server)
    assert {table: each.requests for table, each in result.tables.items()} == {"a": 2, "b": 3}
    assert folder.load(server, batch_size=6).requests == 2
