"""Which jobs are the same, and which have something in common."""

from typing import Any

import pytest

from rjcli.run.identity import continues, difference, hash_identity, same_files, shares_files


def job(*files: str, **more: Any) -> dict[str, Any]:
    """A job that reads these files."""
    return {"table": "t", **more, "files": [*files]}


def test_hash_of_a_job_does_not_depend_on_order() -> None:
    """A job has one name of 32 hexadecimal digits in whatever order it is written."""
    ours = job("a", keys=["id"])
    name = hash_identity(ours)
    assert hash_identity(dict(reversed(ours.items()))) == name
    assert len(bytes.fromhex(name)) == 16
    assert hash_identity(job("b", keys=["id"])) != name


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (job("a", "b"), (True, True, True)),
        (job("a"), (True, True, False)),
        (job("b"), (False, True, False)),
        (job("b", "a"), (False, True, False)),
        (job("a", "b", "c"), (False, True, False)),
        (job("c"), (False, False, False)),
        (job(), (False, False, False)),
        (job("a", "b", csv=True), (False, True, True)),
        ({"table": "t"}, (False, False, False)),  # of a run that is damaged
    ],
)
def test_files_of_two_jobs(theirs: dict[str, Any], expected: tuple[bool, ...]) -> None:
    """A job continues one with fewer files at its end; it shares files; it has the same ones."""
    ours = job("a", "b")
    found = (continues(ours, theirs), shares_files(ours, theirs), same_files(ours, theirs))
    assert found == expected


def test_stdin_is_never_the_same_file() -> None:
    """Two jobs that read stdin may read different records."""
    assert not same_files(job("-"), job("-"))
    assert not same_files(job("a", "-"), job("a", "-"))


def test_difference_says_what_and_how() -> None:
    """The first difference is said with both values, and what one of them lacks."""
    ours = {"table": "t", "keys": ["id"]}
    assert difference(ours, ours) is None
    assert difference(ours, {**ours, "keys": ["ä"]}) == 'keys: ["id"] now, ["ä"] before'
    assert difference(ours, {**ours, "csv": 1}) == "csv: not given now, 1 before"
    assert difference({**ours, "csv": 1}, ours) == "csv: 1 now, not given before"
