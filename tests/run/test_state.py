"""The list of runs in the state directory: the last run of a series."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rjcli.errors import UsageError
from rjcli.run.state import State

SERIES = {"table": "t"}
FULL = 1000  # lines


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A state directory in a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with State(tmp_path / "rjcli") as opened:
        yield opened


def index_of(state: State) -> Path:
    """The list of runs of the only series."""
    [index] = (state.directory / "index").iterdir()
    return index


def test_list_is_a_line_for_each_run(state: State, tmp_path: Path) -> None:
    """Each run is one line at the end of the list, and the newest is recalled first."""
    runs = [tmp_path / name for name in ("a", "b", "ü")]
    for run in runs:
        state.remember(SERIES, run)
    assert index_of(state).read_text() == "".join(f"{json.dumps(str(run))}\n" for run in runs)
    assert [*state.recall(SERIES)] == runs[::-1]
    assert [*state.recall({"table": "u"})] == []


@pytest.mark.parametrize("cut_off", ["5", '"/a', "["])
def test_line_that_is_no_path_is_passed_over(state: State, tmp_path: Path, cut_off: str) -> None:
    """A last line that a full disk cut off, or that is no text, hides no run."""
    state.remember(SERIES, tmp_path / "a")
    with index_of(state).open("a") as file:
        file.write(cut_off)
    state.remember(SERIES, tmp_path / "b")
    a, b = (json.dumps(str(tmp_path / name)) for name in "ab")
    assert index_of(state).read_text() == f"{a}\n{cut_off}\n{b}\n"
    assert [*state.recall(SERIES)] == [tmp_path / "b", tmp_path / "a"]


@pytest.mark.parametrize("lines", [FULL - 1, FULL])
def test_long_list_loses_the_runs_that_are_gone(state: State, tmp_path: Path, lines: int) -> None:
    """A list of 1000 lines keeps, in order, only the runs that still exist."""
    kept = [tmp_path / "kept1", tmp_path / "kept2"]
    for run in kept:
        run.mkdir()
    gone = tmp_path / "gone"
    state.remember(SERIES, kept[0])
    index = index_of(state)
    with index.open("a") as file:
        file.write("\n" + f"{json.dumps(str(gone))}\n" * (lines - 3))
        file.write(f"{json.dumps(str(kept[1]))}\n")
    state.remember(SERIES, tmp_path / "new")
    found = [*state.recall(SERIES)][::-1]
    missing = [gone] * (lines - 3) if lines < FULL else []
    assert found == [kept[0], *missing, kept[1], tmp_path / "new"]
    assert len(index.read_text().splitlines()) == (lines + 1 if lines < FULL else 3)


def test_list_that_cannot_be_used_is_named(state: State, tmp_path: Path) -> None:
    """What is in the place of the list of runs, or gives it a second name, is an error."""
    state.remember(SERIES, tmp_path / "a")
    index = index_of(state)
    os.link(index, tmp_path / "second")
    message = f"the list of runs {index} has more than one name"
    for use in (lambda: state.remember(SERIES, tmp_path), lambda: [*state.recall(SERIES)]):
        with pytest.raises(UsageError) as caught:
            use()
        assert caught.value.message == message


def test_list_that_is_a_link_is_not_followed(state: State, tmp_path: Path) -> None:
    """A symbolic link in the place of the list is refused, and what it names stays as it is."""
    state.remember(SERIES, tmp_path / "a")
    index = index_of(state)
    index.rename(tmp_path / "moved")
    index.symlink_to(tmp_path / "moved")
    before = (tmp_path / "moved").read_bytes()
    with pytest.raises(UsageError) as caught:
        state.remember(SERIES, tmp_path / "b")
    assert caught.value.message == f"the list of runs {index} is a symbolic link"
    assert (tmp_path / "moved").read_bytes() == before


def test_list_that_cannot_be_opened_is_an_error(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors of the operating system say whether the list of runs was to be read or written."""
    state.remember(SERIES, tmp_path / "a")
    index = index_of(state)
    index.unlink()
    monkeypatch.chdir(index.parent)  # a socket's address must be short
    with socket.socket(socket.AF_UNIX) as in_its_place:
        in_its_place.bind(index.name)
    uses: dict[str, Callable[[], object]] = {
        "write": lambda: state.remember(SERIES, tmp_path),
        "read": lambda: [*state.recall(SERIES)],
    }
    for verb, use in uses.items():
        with pytest.raises(UsageError) as caught:
            use()
        message = f"cannot {verb} {index.parent}: No such device or address"
        assert caught.value.message == message
