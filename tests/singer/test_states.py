"""States: the newest one that is earned, in bounded memory."""

from hypothesis import given
from hypothesis import strategies as st

from rjcli.singer.states import States


@given(st.lists(st.sampled_from(["state", "open", "close", "take"]), max_size=400), st.randoms())
def test_newest_earned_state_is_taken(steps: list[str], chance: object) -> None:
    """Whatever happens, what is taken is the newest state before every open position, if newer."""
    open_positions: list[int] = []
    states = States(lambda: open_positions)
    seen: list[int] = []
    taken = 0
    for position, step in enumerate(steps, 1):
        if step == "state":
            seen.append(position)
            states.add(position, b"%d" % position)
        elif step == "open":
            open_positions.append(position)
        elif step == "close" and open_positions:
            open_positions.remove(chance.choice(open_positions))  # type: ignore[attr-defined]
        elif step == "take":
            earned = [each for each in seen if all(each < other for other in open_positions)]
            newest = max(earned, default=0)
            found = states.take()
            assert found[-1:] == ([(newest, b"%d" % newest)] if newest > taken else [])
            taken = max(taken, newest)


def test_endless_states_take_no_memory() -> None:
    """A million states behind one record that waits are held as a few."""
    open_positions = {5}
    states = States(lambda: open_positions)
    for position in range(10, 100_000, 2):
        states.add(position, b"x")
        open_positions = {5, position + 1}
    assert len(states._held) < 200  # noqa: SLF001 - memory is the promise
    open_positions = set()
    assert states.take()[-1] == (99_998, b"x")
