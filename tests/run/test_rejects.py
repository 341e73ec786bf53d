"""Files of rejects and errors: every byte of them, and which record goes where."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rjcli.errors import UsageError
from rjcli.model import InputForm, Rejection, Stage
from rjcli.private_file import Directory
from rjcli.run.rejects import Rejects, flatten, in_order, reject_files

NDJSON = InputForm()
PRETTY = InputForm(flatten=True)


def csv(header: str) -> InputForm:
    """The form of a CSV."""
    return InputForm("csv", f"{header}\r\n".encode(), b"\r\n")


def rejection(position: int, raw: bytes) -> Rejection:
    """A record that the API refused."""
    reasons = ("too long", "no id")
    return Rejection(Stage.API, "a.csv", position + 1, position + 2, raw, reasons, 400, position)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Directory]:
    """A run's directory."""
    with Directory(tmp_path / "run", make=True) as opened:
        yield opened


def test_each_record_is_written_in_the_form_of_its_input(directory: Directory) -> None:
    """A record has the form of the input at its position, and one error beside it."""
    rejects = Rejects(directory)
    for start, form in [(1, NDJSON), (3, PRETTY), (4, csv("id")), (6, csv("id,x"))]:
        rejects.start_input(start, form)
    raws = [b"[\n1]", b"[\n2]", b"[\n3]", b"4", b"5", b"6", b""]
    for position, raw in enumerate(raws, 1):
        rejects.write(rejection(position, raw))
    sizes = rejects.sync()
    rejects.close()
    texts = {name: (directory.path / name).read_bytes() for name in sizes}
    errors = texts.pop("errors.ndjson")
    assert texts == {
        "rejects.ndjson": b"[\n1]\n[\n2]\n[ 3]\n",
        "rejects.csv": b"id\r\n4\r\n5\r\n",
        "rejects-2.csv": b"id,x\r\n6\r\n",
    }
    lines = errors.splitlines(keepends=True)
    assert lines[0] == (
        b'{"file": "a.csv", "line": 2, "record": 3, "stage": "api", "status": 400,'
        b' "reasons": ["too long", "no id"]}\n'
    )
    reasons = [json.loads(line)["reasons"] for line in lines]
    assert [json.loads(line)["record"] for line in lines] == [*range(3, 10)]
    assert reasons[:6] == [["too long", "no id"]] * 6
    not_kept = "its text was not kept, so that it is not among the rejects"
    assert reasons[6] == ["too long", "no id", not_kept]


def test_resumed_run_goes_on_in_the_files_of_its_forms(directory: Directory) -> None:
    """Reopened files grow where they were cut, and a form finds its file by the header."""
    sizes: dict[str, int] = {}
    for turn in range(2):
        rejects = Rejects(directory)
        rejects.cut(sizes)
        for position, header in enumerate(("c", "b", "a") if turn else ("a", "b", "c"), 1):
            rejects.start_input(position, csv(header))
            rejects.write(rejection(position, b"%d%d" % (turn, position)))
            rejects.sync()
        sizes = rejects.sync()
        rejects.close()
        for name, size in sizes.items():
            with (directory.path / name).open("ab") as file:
                assert file.tell() == size
                file.write(b"beyond")
    names = ["rejects.csv", "rejects-2.csv", "rejects-3.csv"]
    assert [path.name for path in reject_files(directory.path)] == names
    assert [(directory.path / name).read_bytes() for name in names] == [
        b"a\r\n01\r\n13\r\nbeyond",
        b"b\r\n02\r\n12\r\nbeyond",
        b"c\r\n03\r\n11\r\nbeyond",
    ]


def test_rejects_are_in_the_order_in_which_their_files_were_made() -> None:
    """Numbers order the files, and the first one has none; kinds of one number by their name."""
    names = ["rejects.csv", "rejects.ndjson", "rejects-2.csv", "rejects-10.csv"]
    assert in_order(reversed(names)) == names
    assert in_order(sorted(names)) == names


def test_line_breaks_become_escapes_in_strings_only() -> None:
    """On one line, a break between tokens is a space, and one in a string its escape."""
    assert flatten(b'{"a":\r\n"x\ny\rz\r\n"\n,\r1}') == rb'{"a": "x\ny\rz\r\n" , 1}'


@pytest.mark.parametrize("name", ["rejects.ndjson", "errors.ndjson"])
def test_file_that_is_not_the_runs_own_is_named(
    directory: Directory, tmp_path: Path, name: str
) -> None:
    """A file of rejects with a second name is refused, whether it is new or goes on."""
    (directory.path / name).touch(0o600)
    os.link(directory.path / name, tmp_path / "second")
    rejects = Rejects(directory)
    rejects.start_input(1, NDJSON)
    message = f"{name} {directory.path / name} has more than one name"
    with pytest.raises(UsageError) as caught:
        rejects.write(rejection(1, b"["))
    assert caught.value.message == message
    rejects.close()
    with pytest.raises(UsageError) as caught:
        Rejects(directory).cut({name: 0})
    assert caught.value.message == message
