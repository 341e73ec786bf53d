"""Column types of a table: remembered with its pushes, taken from a run or a file, never mixed."""

import os
import re
import shlex
import stat
from pathlib import Path
from typing import Any

import orjson
import pytest

import rjcli
from rjcli.errors import UsageError
from rjcli.run.table_types import open_types
from rjcli.settings.choices import ColumnType
from tests.conftest import CANARY_KEY, CLIENT_ID, Rjcli, Serve
from tests.support.scripted import Request, ScriptedServer, always, answer, ids

MONDAY = "id,x\n100,1\n101,2\n"
TUESDAY = "id,x\n100,3\nA12,4\n"


class Pushes:
    """Pushes CSVs to one server, in a home of their own."""

    def __init__(self, server: ScriptedServer, home: Path) -> None:
        self.server = server
        self.home = home
        self.notes: list[str] = []

    def __call__(self, text: str, name: str = "a.csv", **options: Any) -> rjcli.Result:
        """Push a CSV with this text."""
        file = self.home / name
        file.write_text(text)
        base_url = options.pop("base_url", self.server.base_url)
        where = {"base_url": base_url, "client_id": CLIENT_ID, "api_key": CANARY_KEY}
        fixed = {"table": "t", "keys": ["id"], "settle": 0, "retry_for": 0, **where, **options}
        self.notes.clear()
        return rjcli.push_files(file, on_note=self.notes.append, **fixed)

    def sent(self, text: str = MONDAY, **options: Any) -> list[dict[str, Any]]:
        """Push a CSV of which everything is accepted; return what was sent, without keys."""
        before = len(self.server.requests)
        self(text, **options).check()
        return self.records(before)

    def records(self, before: int) -> list[dict[str, Any]]:
        """What was sent after some requests, without keys."""
        bodies = [orjson.loads(request.body) for request in self.server.requests[before:]]
        records = [record for body in bodies for record in body]
        return [{name: record[name] for name in record if name != "keys"} for record in records]

    @property
    def memories(self) -> list[Path]:
        """The files of what is remembered."""
        return [*self.home.rglob("column-types.toml")]


@pytest.fixture
def pushes(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pushes:
    """Pushes to a server that accepts everything."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("RJCLI_", "XDG_"))]:
        monkeypatch.delenv(name)
    return Pushes(serve(always(answer())), tmp_path)


def option_in(hint: str | None) -> str:
    """The value of --type in a hint, as a shell would pass it on."""
    [_, words] = str(hint).split("--type ", 1)
    return shlex.split(words)[0]


def test_value_that_no_longer_fits_stops_before_anything_is_sent(pushes: Pushes) -> None:
    """An id that is no number any more ends the push with exit 2: column, place and both types."""
    pushes.sent(MONDAY)
    before = len(pushes.server.requests)
    for dry_run in (False, True):
        stopped = pushes(TUESDAY, "tue.csv", dry_run=dry_run)
        assert (stopped.exit_code, stopped.error, stopped.read) == (2, "input", 0)
        assert stopped.message == (
            f"{pushes.home}/tue.csv, line 3: column 'id' is integer in earlier pushes of the table,"
            " and string here"
        )
    assert len(pushes.server.requests) == before


def test_type_of_the_hint_holds_for_good(pushes: Pushes) -> None:
    """The --type that the error names lets the push through, and later pushes keep that type."""
    pushes.sent(MONDAY)
    option = option_in(pushes(TUESDAY).hint)
    assert [each["id"] for each in pushes.sent(TUESDAY, type=option)] == ["100", "A12"]
    assert pushes.notes == ["column 'id' is integer in earlier pushes of the table, and string now"]
    assert [each["id"] for each in pushes.sent(MONDAY)] == ["100", "101"]
    assert pushes.notes == []


def test_none_of_the_hint_holds_once(pushes: Pushes) -> None:
    """With --types-from none the push goes through, and what is remembered stays as it is."""
    pushes.sent(MONDAY)
    assert "--types-from none" in str(pushes(TUESDAY).hint)
    assert [each["id"] for each in pushes.sent(TUESDAY, types_from="none")] == ["100", "A12"]
    assert [each["id"] for each in pushes.sent(MONDAY)] == [100, 101]


def test_hint_can_be_copied_whatever_the_names(pushes: Pushes) -> None:
    """Names with commas, quotes and spaces are quoted in the hint as a shell takes them."""
    header = 'id,"a, b","it\'s ""x""",y=z\n'
    pushes.sent(header + "1,1,1,1\n")
    odd = header + "1,x,1.5,true\n"
    option = option_in(pushes(odd).hint)
    [found] = pushes.sent(odd, type=option)
    assert found == dict(id=1, **{"a, b": "x", 'it\'s "x"': 1.5, "y=z": True})


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("A1", "7", "7"),  # a string stays one
        ("1.5", "7", 7),
        ("true", "", None),
        ("7", "", None),
        ("7", "12345678901234567890123", 12345678901234567890123),
    ],
)
def test_values_that_fit_keep_the_known_type(
    pushes: Pushes, first: str, second: str, kept: object
) -> None:
    """What a column was it stays, as long as its values can be sent as that."""
    pushes.sent(f"id,x\n1,{first}\n")
    before = len(pushes.server.requests)
    pushes(f"id,x\n1,{second}\n").check()
    [request] = pushes.server.requests[before:]
    text = "null" if kept is None else f'"{kept}"' if isinstance(kept, str) else str(kept)
    assert request.body.endswith(b'"x":' + text.encode() + b"}]")


@pytest.mark.parametrize(
    ("known", "value", "found"),
    [
        ("integer", "1.5", "number"),
        ("integer", "007", "string"),
        ("number", "true", "boolean"),
        ("boolean", "1", "integer"),
        ("json", "{", "string"),
    ],
)
def test_every_type_is_checked(pushes: Pushes, known: str, value: str, found: str) -> None:
    """Whatever type is known, a value that cannot be sent as it stops the push."""
    file = pushes.home / "types.toml"
    file.write_text(f'id = "integer"\nx = "{known}"\n')
    stopped = pushes(f"id,x\n1,\n2,{value}\n", types_from=file)
    assert stopped.exit_code == 2
    expected = f"a.csv, line 3: column 'x' is {known} in {file}, and {found} here"
    assert expected in str(stopped.message)
    assert pushes.server.requests == []


def test_line_of_a_misfit_counts_rows_that_are_no_records(pushes: Pushes) -> None:
    """The line is that of the file: blank lines, ragged rows and quoted line ends count."""
    pushes.sent(MONDAY)
    rows = ["id,x", '"1",2', "", "ragged", '3,"4', '"', "5,6", "A12,8", ""]
    stopped = pushes("\n".join(rows), null_string="4\n")
    assert "a.csv, line 8: column 'id' is integer" in str(stopped.message)


def test_new_columns_are_added_and_absent_ones_stay(pushes: Pushes) -> None:
    """What is remembered grows by new columns; one that is absent for a day is not forgotten."""
    pushes.sent("id,x\n1,A\n")
    pushes.sent("id,y\n1,B\n")
    assert pushes.sent("id,x,y,z\n1,2,3,4\n") == [{"id": 1, "x": "2", "y": "3", "z": 4}]


def test_column_without_values_is_not_remembered(pushes: Pushes) -> None:
    """An empty column counts as string for one push only: later values say what it is."""
    assert pushes.sent("id,x\n1,\n") == [{"id": 1, "x": ""}]
    assert pushes.sent("id,x\n1,2\n") == [{"id": 1, "x": 2}]
    assert pushes.sent("id,x\n1,\n") == [{"id": 1, "x": None}]


def test_tables_and_targets_do_not_mix(pushes: Pushes, serve: Serve) -> None:
    """What is known of a table holds for no other table, client or Import API."""
    pushes.sent("id,x\n1,A\n")
    other = serve(always(answer()))
    for options in ({"table": "u"}, {"client_id": CLIENT_ID + 1}, {"base_url": other.base_url}):
        fixed: dict[str, Any] = {"client_id": CLIENT_ID, **options}
        pushes("id,x\n1,2\n", **fixed).check()
        server = other if "base_url" in options else pushes.server
        assert orjson.loads(server.requests[-1].body)[0]["x"] == 2
    assert len(pushes.memories) == 4


def test_only_what_was_sent_is_remembered(pushes: Pushes, serve: Serve) -> None:
    """Dry runs, pushes without an accepted record, and --types-from none leave nothing."""
    pushes("id,x\n1,A\n", dry_run=True).check()
    refusing = serve(always(answer(401)))
    assert pushes("id,x\n1,A\n", base_url=refusing.base_url).exit_code == 4
    pushes("id,x\n1,A\n", types_from="none").check()
    assert pushes.memories == []
    pushes("id,x\n1,A\n").check()
    [memory] = pushes.memories
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600


@pytest.mark.parametrize("options", [{"type": {"x": "string"}}, {"no_detect_types": True}])
def test_options_beat_a_file_and_it_beats_memory(pushes: Pushes, options: dict[str, Any]) -> None:
    """Options come before a file, a file before what is remembered, and that before detection."""
    file = pushes.home / "types.toml"
    file.write_text('x = "number"\n')
    assert pushes.sent("id,x\n1,2\n") == [{"id": 1, "x": 2}]
    assert pushes("id,x\n1,2.5\n").exit_code == 2
    assert pushes.sent("id,x\n1,2.5\n", types_from=file) == [{"id": 1, "x": 2.5}]
    [found] = pushes.sent("id,x\n1,2.5\n", **options)
    assert found["x"] == "2.5"
    assert any("column 'x' is number in earlier pushes" in note for note in pushes.notes)
    [found] = pushes.sent("id,x\n1,2.5\n")
    assert found["x"] == "2.5"


def test_file_holds_for_its_columns_without_detection(pushes: Pushes) -> None:
    """With --no-detect-types a types file that is named still counts; all else is text."""
    file = pushes.home / "types.toml"
    file.write_text('x = "number"\n')
    found = pushes.sent("id,x\n1,2.5\n", types_from=file, no_detect_types=True)
    assert found == [{"id": "1", "x": 2.5}]


def test_types_of_a_run(pushes: Pushes) -> None:
    """A run is named by its name, the beginning of it, or its directory."""
    run = pushes("id,x,e\n1,A,\n").check()
    pushes.sent("id,x\n1,2\n", type={"x": "integer"})
    for source in (run.run, str(run.run)[:-1], run.run_dir):
        found = pushes.sent("id,x,e\n1,2,3\n", types_from=source, table="u")
        assert found == [{"id": 1, "x": "2", "e": 3}]


@pytest.mark.parametrize(
    ("source", "text", "expected"),
    [
        ("19", "", "there is no run 19"),
        ("./gone.toml", "", "cannot read the column types in "),
        ("./types.toml", "x = ", "is not a file of column types: "),
        ("./types.toml", 'x = "text"', "the type of column 'x' is none of string, integer"),
        ("./types.toml", 'a.b = "string"', "a name with a dot in it needs quotes"),
        ("./types.toml", "x = " + "[" * 10_000, "is not a file of column types: "),
        ("./types.toml", "\x00", "is not a file of column types: "),
    ],
)
def test_bad_source_is_refused(
    pushes: Pushes, monkeypatch: pytest.MonkeyPatch, source: str, text: str, expected: str
) -> None:
    """A source that is missing or no good ends the push with exit 2, and says what is wrong."""
    monkeypatch.chdir(pushes.home)
    Path("types.toml").write_text(text)
    refused = pushes(MONDAY, types_from=source)
    assert (refused.exit_code, pushes.server.requests) == (2, [])
    assert expected in str(refused.message)


def test_file_of_types_makes_the_round_trip(pushes: Pushes) -> None:
    """A dry run writes the types, one sorted line each; a push with them keeps absent columns."""
    file = pushes.home / "types.toml"
    text = 'zip,id,"a ""b"".c",é,n,e\nA,1,1.5,true,9,\n'
    pushes(text, dry_run=True, types_to=file).check()
    written = file.read_text()
    assert written == (
        "# Column types, for rjcli push --types-from\n"
        '"a \\"b\\".c" = "number"\nid = "integer"\nn = "integer"\nzip = "string"\n"é" = "boolean"\n'
    )
    pushes.sent("id,zip\n1,2\n", types_from=file, types_to=file, table="u")
    assert file.read_text() == written
    pushes.sent("id,n,e\n1,2,3\n", types_from=file, types_to=file, type={"n": "string"})
    changed = written.replace('n = "integer"', 'n = "string"').replace(
        "id =", 'e = "integer"\nid ='
    )
    assert file.read_text() == changed
    assert pushes.sent("id,zip,n\n1,2,3\n", types_from=file) == [{"id": 1, "zip": "2", "n": "3"}]


def test_nothing_but_types_is_overwritten(pushes: Pushes) -> None:
    """--types-to refuses a file that holds something else, before anything is sent."""
    file = pushes.home / "a.csv"
    refused = pushes(MONDAY, types_to=file)
    assert (refused.exit_code, file.read_text(), pushes.server.requests) == (2, MONDAY, [])
    assert "is not overwritten" in str(refused.message)
    assert pushes(MONDAY, types_to="/dev/null").exit_code == 2
    assert pushes(MONDAY, types_to=pushes.home / "no" / "types.toml").exit_code == 2


@pytest.mark.parametrize("content", [b"x", b"\xff", b'id = "text"', b"id = " + b"[" * 10_000])
@pytest.mark.parametrize("way", ["rm", "none"])
def test_damaged_memory(pushes: Pushes, content: bytes, way: str) -> None:
    """What is remembered and damaged ends a push with exit 2; both ways out of the hint work."""
    pushes.sent(MONDAY)
    [memory] = pushes.memories
    memory.write_bytes(content)
    before = len(pushes.server.requests)
    refused = pushes(MONDAY)
    assert (refused.exit_code, len(pushes.server.requests)) == (2, before)
    assert f"rm {memory}" in str(refused.hint)
    assert "--types-from none" in str(refused.hint)
    if way == "rm":
        memory.unlink()
    assert len(pushes.sent(MONDAY, **({"types_from": "none"} if way == "none" else {}))) == 2


def test_json_knows_nothing_of_it(pushes: Pushes) -> None:
    """Damaged memory does not stop JSON, and options of column types are refused for it."""
    pushes.sent(MONDAY)
    pushes.memories[0].write_bytes(b"x")
    assert pushes('{"id":1}\n', "a.ndjson").exit_code == 0
    for options in ({"types_from": "x.toml"}, {"types_to": "x.toml"}, {"type": {"id": "string"}}):
        refused = pushes('{"id":1}\n', "a.ndjson", **options)
        assert refused.exit_code == 2
        assert "is for CSV and TSV" in str(refused.message)


def test_resumed_run_keeps_its_types(pushes: Pushes, serve: Serve) -> None:
    """A run that is resumed has its own types, whatever was remembered since."""
    replies = [None]

    async def script(_: Request) -> bytes | None:
        return replies.pop() if replies else answer()

    pushes.server = serve(script)
    assert pushes(MONDAY).exit_code == 5
    pushes.sent("id\nA\n", name="b.csv")
    assert [each["id"] for each in pushes.sent(MONDAY, resume=True)] == [100, 101]


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Pushes that were opened at the same time each add what they found; the last one wins."""
    integer, string = ColumnType.INTEGER, ColumnType.STRING
    one, two = (open_types(tmp_path, None, None, None) for _ in range(2))
    one.remember({"a": integer, "b": integer})
    two.remember({"b": string, "c": string})
    known = open_types(tmp_path, None, None, None).known.types
    assert known == {"a": integer, "b": string, "c": string}


FILE_HINT = 'it has a line for each column, such as id = "integer"; --types-to writes one'
KINDS = "string, integer, number, boolean, json"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 1", f"the type of column 'x' is none of {KINDS}"),
        ("[x]", f"the type of column 'x' is none of {KINDS}"),
        (
            'x.y = "string"',
            f"the type of column 'x' is none of {KINDS}; a name with a dot in it needs quotes",
        ),
        ("x = " + "[" * 10_000, "it is nested too deeply"),
    ],
)
def test_types_that_cannot_be_read_say_what_to_do(tmp_path: Path, text: str, expected: str) -> None:
    """A file and what is remembered are refused with the same reason, each with its way out."""
    file = tmp_path / "it's.toml"
    file.write_text(text)
    error = open_types(tmp_path, None, str(file), None).known.error
    assert error
    assert (error.message, error.hint) == (
        f"{file} is not a file of column types: {expected}",
        FILE_HINT,
    )
    memory = tmp_path / "column-types.toml"
    memory.touch(0o600)
    memory.write_text(text)
    error = open_types(tmp_path, None, None, None).known.error
    assert error
    damaged = f"the column types of the table's earlier pushes, {memory}, are damaged: {expected}"
    way_out = "push with --types-from none, or have the types found anew from the next push on: rm"
    assert (error.message, error.hint) == (damaged, f"{way_out} {shlex.quote(str(memory))}")


def test_memory_that_is_too_long_or_not_our_own_is_refused(tmp_path: Path) -> None:
    """What is remembered is neither read nor replaced beyond 16 MiB, or where it is a link."""
    types = open_types(tmp_path, None, None, None)
    memory = tmp_path / "column-types.toml"
    memory.touch(0o600)
    os.truncate(memory, 16 * 2**20 + 1)
    for message in (
        f"the column types {memory} is longer than 16,777,216 bytes",
        f"the column types {memory} is a symbolic link",
    ):
        error = open_types(tmp_path, None, None, None).known.error
        assert error
        assert error.message == message
        with pytest.raises(UsageError) as caught:
            types.remember({"id": ColumnType.STRING})
        assert caught.value.message == message
        memory.unlink()
        memory.symlink_to("other")


def test_damaged_memory_is_replaced_where_it_is_not_asked(tmp_path: Path) -> None:
    """What cannot be read is of no use, and gives way to the types of a push that was sent."""
    types = open_types(tmp_path, None, None, None)
    memory = tmp_path / "column-types.toml"
    memory.touch(0o600)
    memory.write_text("damaged")
    types.remember({"id": ColumnType.STRING})
    assert open_types(tmp_path, None, None, None).known.types == {"id": ColumnType.STRING}


def test_types_are_written_whatever_was_known(tmp_path: Path) -> None:
    """With --types-from none as well, --types-to writes; names that need it are escaped."""
    file = tmp_path / "types.toml"
    names = ["a", "b\x7fé\n"]
    found = dict.fromkeys(names, ColumnType.STRING)
    open_types(tmp_path, None, "none", str(file)).write(found)
    assert file.read_text() == (
        '# Column types, for rjcli push --types-from\na = "string"\n"b\\u007fé\\n" = "string"\n'
    )
    assert open_types(None, None, str(file), None).known.types == found


def test_types_that_cannot_be_written_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of something else and a missing directory are named as the user named them."""
    monkeypatch.chdir(tmp_path)
    Path("a.csv").write_text("id\n")
    for name, message, hint in [
        (
            "./a.csv",
            "./a.csv holds no column types, and is not overwritten",
            "name another file with --types-to, or remove this one",
        ),
        (
            "./no/a.toml",
            "cannot write the column types to ./no/a.toml: No such file or directory",
            None,
        ),
    ]:
        with pytest.raises(UsageError) as caught:
            open_types(None, None, None, name).write({"id": ColumnType.STRING})
        assert (caught.value.message, caught.value.hint) == (message, hint)


def test_types_of_a_run_name_it(pushes: Pushes) -> None:
    """Types of a run are known as that run's; a run without any, or a damaged one, has none."""
    run = pushes(MONDAY).check()
    known = open_types(None, None, run.run_dir, None).known
    types = dict.fromkeys(("id", "x"), ColumnType.INTEGER)
    assert (known.types, known.source) == (types, f"run {run.run}")
    without = pushes('{"id":1}\n', "a.ndjson").check()
    damaged = pushes(MONDAY, "b.csv").check()
    (Path(str(damaged.run_dir)) / "checkpoint.json").write_text("{")
    for none in (without, damaged):
        error = open_types(None, None, none.run_dir, None).known.error
        assert error
        assert error.message == f"the run {none.run} has no column types"


def test_pipe_and_second_process(rjcli: Rjcli, serve: Serve) -> None:
    """Types hold for stdin as well, which another process reads and copies to disk."""
    server = serve(always(answer()))
    address = ["-t", "t", "-k", "id", "--base-url", server.base_url]
    assert rjcli("push", "-", *address, stdin=MONDAY.encode()).returncode == 0
    before = len(server.requests)
    stopped = rjcli("push", "-", *address, stdin=TUESDAY.encode())
    assert stopped.returncode == 2
    assert "<stdin>, line 3: column 'id' is integer" in stopped.stderr
    assert re.search("--type id=string .* --types-from none", stopped.stderr)
    assert len(server.requests) == before
    assert rjcli("push", "-", *address, "--type", "id=string", stdin=TUESDAY.encode()).stderr
    assert ids(server)[-2:] == ["100", "A12"]


def test_retry_has_its_runs_types_and_files_in_order(rjcli: Rjcli, serve: Serve) -> None:
    """Fixed rejects of several headers are pushed in order with the types that their run had."""
    server = serve(always(answer()))
    address = ["-t", "t", "-k", "id", "--base-url", server.base_url]
    for name in "xyz":
        (rjcli.home / f"{name}.csv").write_text(f"id,{name}\n1,{2 if name != 'y' else 'A'}\n3\n")
    done = rjcli("push", "x.csv", "y.csv", "z.csv", *address, "--json")
    run = orjson.loads(done.stdout)
    rejects = [run["rejects"], *run["more_rejects"]]
    assert [Path(path).name for path in rejects] == [
        "rejects.csv",
        "rejects-2.csv",
        "rejects-3.csv",
    ]
    (rjcli.home / "later.csv").write_text("id,x\nA,B\n")
    later = rjcli("push", "later.csv", *address, "--type", "id=string,x=string")
    assert later.returncode == 0, later.stderr
    for name, path in zip("xyz", rejects, strict=True):
        Path(path).write_text(f"id,{name}\n3,4\n")
    before = len(server.requests)
    done = rjcli("retry", run["run"], env={"RJCLI_CLIENT_ID": ""})
    assert done.returncode == 0, done.stderr
    bodies = [orjson.loads(request.body) for request in server.requests[before:]]
    assert [each for body in bodies for each in body] == [
        {"keys": ["id"], "id": 3, "x": 4},
        {"keys": ["id"], "id": 3, "y": "4"},
        {"keys": ["id"], "id": 3, "z": 4},
    ]
