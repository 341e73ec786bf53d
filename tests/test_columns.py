"""Columns: rows that are kept field by field are the rows that they were made of."""

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from rjcli.columns import Columns, Repeated


class Pair(Struct, frozen=True):
    """A row."""

    name: str
    number: int


class Pairs(Columns[Pair]):
    """Rows as columns."""

    row = Pair


pairs = st.lists(st.builds(Pair, st.sampled_from("ab"), st.integers(0, 3)), max_size=5)
slices = st.slices(6)


def columns_of(rows: list[Pair]) -> Pairs:
    """The same rows; values and numbers are kept as shortly as they can be."""
    names, numbers = [row.name for row in rows], [row.number for row in rows]
    step = numbers[1] - numbers[0] if len(numbers) > 1 else 1
    short = range(numbers[0], numbers[-1] + 1, step) if numbers and step > 0 else range(0)
    return Pairs(
        Repeated(names[0], len(names)) if len({*names}) == 1 else names,
        short if numbers == [*short] else numbers,
    )


@given(pairs, pairs, slices)
@example([Pair("a", 1), Pair("a", 3)], [Pair("a", 4), Pair("a", 6)], slice(None))
@example([Pair("a", 1), Pair("a", 3)], [Pair("a", 5), Pair("a", 7)], slice(1, 4))
def test_columns_join_and_are_cut_as_lists_are(
    first: list[Pair], second: list[Pair], part: slice
) -> None:
    """Joining, slices, single rows and lengths are those of a list of the rows."""
    joined, rows = columns_of(first) + columns_of(second), first + second
    assert ([*joined], len(joined)) == (rows, len(rows))
    assert [*joined[part]] == rows[part]
    assert [joined[place] for place in range(-len(rows), len(rows))] == rows + rows
    assert [*pickle.loads(pickle.dumps(joined))] == rows  # noqa: S301 - of our own


@given(st.integers(0, 5), slices)
def test_a_repeated_value_is_a_sequence_of_it(count: int, part: slice) -> None:
    """It is as long as it is said to be, and no place after its end has a value."""
    repeated = Repeated("x", count)
    assert [*repeated] == ["x"] * count
    assert [*repeated[part]] == (["x"] * count)[part]
    assert repeated.count("x") == count
    with pytest.raises(IndexError):
        repeated[count]
