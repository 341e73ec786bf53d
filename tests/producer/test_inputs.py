"""Input from end to end: what people have on their disks and in their pipes, through rjcli."""

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from rjcli.errors import InputError
from rjcli.model import RawRecord
from rjcli.producer.messages import SpanRead
from rjcli.producer.process import Produce, open_producer
from rjcli.producer.producer import ProducerTask, StartingPoint
from rjcli.reading import Input, Source
from rjcli.settings.choices import Format
from rjcli.settings.values import DeliverySettings, InputSettings, PushSettings
from tests.conftest import LocalApi, Rjcli
from tests.reading.test_json import GOOD
from tests.support.blocks import items_of

PUSH = ("-t", "t", "-k", "id")
DRY = (*PUSH, "--dry-run", "--json")


def dry_run(rjcli: Rjcli, *arguments: str | Path, stdin: bytes = b"") -> tuple[int, Any]:
    """Exit code and document of a dry run."""
    done = rjcli("push", *arguments, *DRY, stdin=stdin)
    return done.returncode, json.loads(done.stdout)


LONG_AND_SHORT = b'{"id":1,"x":"%b"}\n{"id":2}\n' % (b"x" * 200_000)
UNTOUCHED = StartingPoint(0, "", 0, {})


@pytest.fixture(params=[1, 2], ids=["one_processor", "two_processors"])
def processors(request: pytest.FixtureRequest) -> Iterator[int]:
    """So many processors: with one, rjcli reads and sends in one process."""
    usable = os.sched_getaffinity(0)
    if len(usable) < request.param:
        pytest.skip("this machine has fewer")
    os.sched_setaffinity(0, {*sorted(usable)[: request.param]})
    yield request.param
    os.sched_setaffinity(0, usable)


@pytest.mark.usefixtures("processors")
@pytest.mark.parametrize("start", [None, UNTOUCHED], ids=["at_first", "resumed"])
@pytest.mark.parametrize("content", [LONG_AND_SHORT, gzip.compress(LONG_AND_SHORT)])
def test_pipe_at_rest_holds_nothing_back(content: bytes, start: StartingPoint | None) -> None:
    """What has come through a pipe is handed on, though the pipe stays open and silent."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)  # noqa: FBT003 - as a shell leaves it for `push <(command)`
    path = f"/dev/fd/{reading}"
    inputs = InputSettings(files=(path,), format=Format.NDJSON)
    delivery = DeliverySettings(batch_size=1)
    settings = PushSettings(table="t", keys=("id",), input=inputs, delivery=delivery)

    async def take_two(produce: Produce) -> list[bytes]:
        taken: list[bytes] = []
        messages = produce(ProducerTask(settings, start))
        async with asyncio.timeout(10), aclosing(messages):
            while len(taken) < 2:
                message = await anext(messages)
                if isinstance(message, SpanRead) and message.batch:
                    taken += [record.raw[-8:] for record in message.batch.records]
        return taken

    with ThreadPoolExecutor() as writer, open_producer([Source(path)]) as produce:
        writer.submit(os.write, writing, content)  # more than a pipe holds
        assert asyncio.run(take_two(produce)) == [b'xxxxxx"}', b'{"id":2}']
    os.close(writing)
    os.close(reading)


def records_that_would_be_sent(rjcli: Rjcli, *arguments: str | Path) -> Any:
    """The records in the first body of a dry run."""
    done = rjcli("push", *arguments, *PUSH, "--dry-run")
    assert done.returncode == 0, done.stderr
    return [line for line in done.stdout.splitlines() if line.startswith("[")]


def awkward_records(count: int) -> Iterator[bytes]:
    """Records of all that makes JSON hard to keep as it is."""
    chance = random.Random(3)
    texts = [text.strip() for text in GOOD.values() if len(text) < 1000]
    spaces = [b"", b"", b" ", b"  ", b"\t"]
    for number in range(count):
        members = [b'"id":%d' % number]
        for place in range(chance.randrange(6)):
            name = b'"%b%d"' % (chance.choice([b"a", b"\\u00e9", "é".encode()]), place)
            members.append(b":".join([name + chance.choice(spaces), chance.choice(texts)]))
        chance.shuffle(members)
        yield b"{" + chance.choice(spaces) + b",".join(members) + chance.choice(spaces) + b"}"


@pytest.mark.parametrize("kind", ["ndjson", "json", "ndjson.gz", "concatenated"])
def test_awkward_records_land_as_written(rjcli: Rjcli, local_api: LocalApi, kind: str) -> None:
    """2,000 records of awkward JSON are stored value for value, as text, whatever the format."""
    texts = list(awkward_records(2000))
    content = {
        "ndjson": b"\r\n".join(texts),
        "json": b"[\n" + b" ,\n ".join(texts) + b"]",
        "ndjson.gz": gzip.compress(b"\n".join(texts)),
        "concatenated": b"".join(texts),
    }[kind]
    path = rjcli.home / f"a.{kind}"
    path.write_bytes(content)
    done = rjcli("push", path, *PUSH, "--base-url", local_api.base_url, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"]["accepted"] == 2000
    stored = sorted(local_api.records("t"), key=lambda text: json.loads(text, parse_int=str)["id"])
    expected = sorted(texts, key=lambda text: json.loads(text, parse_int=str)["id"])
    assert stored == [b'{"keys":["id"],' + text[1:] for text in expected]


def test_dry_run_tells_every_fault(rjcli: Rjcli) -> None:
    """A dry run goes through the whole file and tells of each fault, not only the first."""
    lines = [b'{"id":%d}' % number for number in range(300)]
    for line in (10, 150, 299):
        lines[line] = b'{"id":NaN}'
    lines[200] = b'{"no":1}'
    (rjcli.home / "a.ndjson").write_bytes(b"\n".join(lines))
    done = rjcli("push", "a.ndjson", *PUSH, "--dry-run", "--verbose")
    assert done.returncode == 3
    for line in (11, 151, 201, 300):
        assert f"a.ndjson, line {line}: " in done.stderr
    assert done.stderr.count("rejected: ") == 4


def test_types_are_shown(rjcli: Rjcli) -> None:
    """The types of a CSV's columns are in the summary of a dry run."""
    (rjcli.home / "a.csv").write_bytes(b"id,zip,price\n1,007,1.50\n")
    done = rjcli("push", "a.csv", *PUSH, "--dry-run")
    assert done.returncode == 0
    for part in ("id", "integer", "zip", "string", "price", "number"):
        assert part in done.stdout
    assert '"id":1,"zip":"007","price":1.50' in done.stdout


def test_csv_on_stdin_is_spooled_and_says_so(rjcli: Rjcli) -> None:
    """A CSV on stdin is spooled to find its types, with a note; not if each column is pinned."""
    data = b"id,x\n1,2\n"
    done = rjcli("push", "-", *PUSH, "--dry-run", stdin=data)
    assert done.returncode == 0
    assert "copied to disk" in done.stderr
    pinned = ["--type", "id=integer", "--type", "x=string"]
    done = rjcli("push", "-", *PUSH, "--dry-run", *pinned, stdin=data)
    assert done.returncode == 0
    assert "spooled" not in done.stderr


def test_pinned_misfit_is_rejected_with_its_line(rjcli: Rjcli) -> None:
    """A value that does not fit its --type rejects its record, with line and reason."""
    (rjcli.home / "a.csv").write_bytes(b"id,x\n1,2\n2,two\n3,3\n")
    done = rjcli("push", "a.csv", *PUSH, "--dry-run", "--type", "x=integer")
    assert done.returncode == 3
    assert "a.csv, line 3: the value in column 'x' is no integer" in done.stderr


@pytest.mark.parametrize(
    ("options", "read"),
    [
        (["--skip", "8"], 2),
        (["--skip", "4", "--limit", "3"], 3),
        (["--skip", "4", "--limit", "100"], 6),
    ],
)
def test_skip_and_limit_count_over_all_files(rjcli: Rjcli, options: list[str], read: int) -> None:
    """--skip and --limit count the records of all files together, in their order."""
    for name in ("a", "b"):
        rows = b"".join(b'{"id":"%b%d"}\n' % (name.encode(), number) for number in range(5))
        (rjcli.home / f"{name}.ndjson").write_bytes(rows)
    exit_code, document = dry_run(rjcli, "a.ndjson", "b.ndjson", *options)
    assert exit_code == 0
    assert document["records"]["read"] == read


def test_shape_of_a_csv_and_an_array(rjcli: Rjcli) -> None:
    """Files of several formats get one shape, with exact values."""
    (rjcli.home / "a.csv").write_bytes(b"id,price,x\n1,1.50,a\n")
    (rjcli.home / "b.json").write_bytes(b'[{"id":2,"price":1e400,"y":[1, 2]}]')
    [body] = records_that_would_be_sent(
        rjcli, "a.csv", "b.json", "--select", "id,price", "--rename", "price=p", "--set", "s=1.0"
    )
    assert body == (
        '[{"keys":["id"],"id":1,"p":1.50,"s":1.0},{"keys":["id"],"id":2,"p":1e400,"s":1.0}]'
    )


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("dir.csv", "is a directory"),
        ("missing.csv", "No such file"),
        ("a.bin", "cannot find out the format"),
        ("a.bin/x", "Not a directory"),
        ("bad\udcff.csv", "cannot read"),
        ("nul\0.csv", "cannot read"),
    ],
)
def test_what_is_no_file(tmp_path: Path, name: str, complaint: str) -> None:
    """Directories, missing files and unknown formats are refused by name."""
    (tmp_path / "dir.csv").mkdir()
    (tmp_path / "a.bin").write_bytes(bytes(range(256)))
    with pytest.raises(InputError, match=complaint):
        list(Input(Source(f"{tmp_path}/{name}"), InputSettings(files=())).identify())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read(rjcli: Rjcli) -> None:
    """A file without permission to read it is refused, exit 2."""
    (rjcli.home / "a.ndjson").write_bytes(b"{}")
    (rjcli.home / "a.ndjson").chmod(0)
    assert "Permission denied" in rjcli("push", "a.ndjson", *PUSH, "--dry-run").stderr


@pytest.mark.parametrize(
    ("name", "content", "numbers"),
    [
        ("empty.csv", b"", []),
        ("empty.json", b"", []),
        ("empty.ndjson", b"", []),
        ("empty", b"", []),
        ("blank", b"\n \n\r\n", []),
        ("mark", b"\xef\xbb\xbf", []),
        ("mark.json", b"\xef\xbb\xbf[]", []),
        ("concatenated", b'{"id":1}{"id":2}', [1, 2]),
        ("on_one_line", b'{"id":1} {"id":2}\n{"id":3}\n', [1, 2, 3]),
        ("bad_first_line", b'{"id":NaN}\n{"id":[}\n{"id":3}\n', [3]),
        ("long_first_line", b'{"x":"%b"}\n{"id":[}\n{"id":3}\n' % (b"x" * 99_999), [None, 3]),
        ("pretty", b'{\n"id":1}\n{\n"id":2}\n', [1, 2]),
        ("array_after_blank_lines", b' \n\n  [{"id":1},\n{"id":2}]', [1, 2]),
        ("array_after_many", b"\n" * 100_000 + b'[{"id":1},\n{"id":2}]', [1, 2]),
        ("array_on_one_line.json", b'[{"id":1},{"id":2}]', [1, 2]),
        ("lines.json", b'{"id":1}\n{"id":2}', [1, 2]),
    ],
)
def test_kind_of_json_is_told_by_its_beginning(
    tmp_path: Path, name: str, content: bytes, numbers: list[int]
) -> None:
    """Empty inputs, arrays, concatenated values and NDJSON are told apart without an option."""
    (tmp_path / name).write_bytes(content)
    found = Input(Source(str(tmp_path / name)), InputSettings(files=()))
    assert not list(found.identify())
    records = [item for item in items_of(found.records({})) if isinstance(item, RawRecord)]
    assert [record.fields.get("id") for record in records] == numbers


def test_nothing_on_stdin_is_no_records(rjcli: Rjcli) -> None:
    """/dev/null and an empty stdin hold no records, and that is no error."""
    exit_code, document = dry_run(rjcli, "/dev/null", "-")
    assert (exit_code, document["records"]["read"]) == (0, 0)


def test_same_file_twice_is_read_twice(rjcli: Rjcli) -> None:
    """A file that is named twice is read twice."""
    (rjcli.home / "a.csv").write_bytes(b"id\n1\n2\n")
    _, document = dry_run(rjcli, "a.csv", "a.csv")
    assert document["records"]["read"] == 4


def test_stdin_from_a_file_begins_where_it_stands(rjcli: Rjcli) -> None:
    """Where a shell has read the beginning of stdin already, the rest is read, also twice."""
    (rjcli.home / "a.csv").write_bytes(b"# exported today\nid\n1\n2\n")
    command = 'read -r line; exec "$@"'
    push = [sys.executable, "-m", "rjcli", "push", "-", "--format", "csv", *DRY]
    with (rjcli.home / "a.csv").open("rb") as stdin:
        done = subprocess.run(
            ["/bin/bash", "-c", command, "-", *push],
            stdin=stdin,
            capture_output=True,
            cwd=rjcli.home,
            env=rjcli.environment(),
            check=False,
        )
    assert json.loads(done.stdout)["records"]["read"] == 2


def test_fifos_and_process_substitution(rjcli: Rjcli) -> None:
    """FIFOs are read like files, and waited for if nobody writes into them yet."""
    fifo = rjcli.home / "fifo"
    os.mkfifo(fifo)
    push = [sys.executable, "-m", "rjcli", "push", *DRY, "--format", "csv", "fifo"]
    with subprocess.Popen(
        ["/bin/bash", "-c", 'exec "$@" <(printf "id\\n3\\n")', "-", *push],
        stdout=subprocess.PIPE,
        cwd=rjcli.home,
        env=rjcli.environment(),
    ) as pushing:
        while pushing.poll() is None:
            try:
                writing = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # nobody reads it yet
                time.sleep(0.01)
                continue
            os.write(writing, b"id\n1\n2\n")
            os.close(writing)
            break
        document = json.loads(pushing.communicate(timeout=30)[0])
    assert document["records"]["read"] == 3


def test_json_that_is_none_is_not_taken_for_csv(rjcli: Rjcli) -> None:
    """A .json file that holds something else is refused and not read as a CSV."""
    (rjcli.home / "a.json").write_bytes(b"id,x\n1,2\n")
    exit_code, document = dry_run(rjcli, "a.json")
    assert exit_code == 2
    assert "line 1: this is not JSON" in document["message"]


def test_records_are_sent_while_stdin_is_slow(rjcli: Rjcli) -> None:
    """A part-filled batch is sent after --flush-after, while stdin stays open and silent."""
    command = [sys.executable, "-m", "rjcli", "push", "-", *PUSH, "--env", "local"]
    with subprocess.Popen(
        [*command, "--flush-after", "0.1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=rjcli.home,
        env=rjcli.environment(),
    ) as push:
        assert push.stdin
        push.stdin.write(b'[{"id":1},{"id":2')
        push.stdin.flush()
        look = [sys.executable, "-m", "rjcli.local", "rjcli-local.db", "t"]
        for _ in range(40):
            shown = subprocess.run(look, cwd=rjcli.home, capture_output=True, check=False)
            if b"1" in shown.stdout:
                break
        assert b"1" in shown.stdout
        push.stdin.write(b"}]")
        push.stdin.close()
        assert push.wait(30) == 0


def test_damaged_csv_lands_but_for_its_bad_rows(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A stray quote and a bad byte cost their rows, which are rejected as they came."""
    rows = [b'%d,"x%d"\n' % (number, number) for number in range(3000)]
    rows[10] = b'10,"stray\n'
    rows[2000] = b"2000,caf\xe9\n"
    (rjcli.home / "a.csv").write_bytes(b"id,x\n" + b"".join(rows))
    done = rjcli("push", "a.csv", *PUSH, "--base-url", local_api.base_url, "--json")
    document = json.loads(done.stdout)
    assert (done.returncode, document["records"]["accepted"]) == (3, 2998)
    assert Path(document["rejects"]).read_bytes() == b'id,x\n10,"stray\n2000,caf\xe9\n'
    errors = [*map(json.loads, Path(document["errors"]).read_text().splitlines())]
    assert [(error["line"], error["reasons"]) for error in errors] == [
        (12, ["a quote is opened and not closed before line 13, which is a row by itself"]),
        (2002, ["byte 0xe9 in column 'x' is not utf-8; see --encoding"]),
    ]


def test_csv_of_a_data_frame_is_pushed(rjcli: Rjcli) -> None:
    """The nameless index that pandas writes is left out, with a note."""
    (rjcli.home / "a.csv").write_bytes(b",id,x\n0,7,a\n1,8,b\n")
    done = rjcli("push", "a.csv", *PUSH, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "a.csv: column 1: without a name, and left out" in done.stderr
    assert '[{"keys":["id"],"id":7,"x":"a"},{"keys":["id"],"id":8,"x":"b"}]' in done.stdout


@pytest.mark.parametrize(
    ("options", "content"),
    [
        (["--rename", "2=id"], b"x,x\na,7\n"),
        (["--rename", "2=id", "--select", "2,x"], b"x,x,y\na,7,b\n"),
        (["--rename", "2=id", "--select", "x,2", "--type", "id=integer"], b"x,\na,7\n"),
        (["--no-header", "--columns", "x,id"], b"a,7\n"),
        (["--no-header", "--rename", "1=x", "--rename", "2=id"], b"sep=;\r\na;7\r\n"),
        (["--dialect", "mysql"], b"x\tid\na\t7\n"),
        (["--quote", "'"], b"'x','id'\n'a','7'\n"),
        (["--quote", "none", "--escape", "none"], b"x,id\na,7\n"),
    ],
)
def test_columns_are_named_by_options(rjcli: Rjcli, options: list[str], content: bytes) -> None:
    """A CSV whose header is missing, repeated or odd is pushed, with the options for it."""
    (rjcli.home / "a.csv").write_bytes(content)
    done = rjcli("push", "a.csv", *PUSH, "--dry-run", "--strict", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert '[{"keys":["id"],"x":"a","id":7}]' in done.stdout


def test_dialect_and_quote_exclude_each_other(rjcli: Rjcli) -> None:
    """What a dialect says is not said otherwise."""
    (rjcli.home / "a.csv").write_bytes(b"id\n1\n")
    done = rjcli("push", "a.csv", *PUSH, "--dry-run", "--dialect", "mysql", "--quote", "none")
    assert done.returncode == 2
    assert "--dialect mysql" in done.stderr


def test_part_line_waits_for_the_next_run(rjcli: Rjcli) -> None:
    """With --resume=auto a line that is still being written is left for the run after."""
    push = ("push", "a.ndjson", *PUSH, "--env", "local", "--json", "--resume=auto")
    (rjcli.home / "a.ndjson").write_bytes(b'{"id":1}\n{"id":2')
    done = rjcli(*push)
    assert json.loads(done.stdout)["records"]["accepted"] == 1
    assert "its last line is not complete, and is held back" in done.stderr
    (rjcli.home / "a.ndjson").write_bytes(b'{"id":1}\n{"id":22}\n')
    done = rjcli(*push)
    assert json.loads(done.stdout)["records"]["accepted"] == 2
    assert "held back" not in done.stderr
