import pytest

from tests.docs.output import matches

HOME = "/somewhere/home"


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        ("read 5, 0.3 s, 17 records/s", "read 5, 1.25 s, 4 records/s\n"),
        ("a long line,\nfolded", "a long line, folded\n"),
        ("…\nthe end", "anything\nelse\nthe end\n"),
        ("the beginning, …", "the beginning, and more"),
        ("run 20261127-030056-lines-c63d", "run 20270101-000000-lines-0000"),
        ("/home/jo/x at 127.0.0.1:80", f"{HOME}/x at 127.0.0.1:41234"),
        ('{"seconds": 0.3, "requests": 1}', '{"seconds": 0.12, "requests": 1}'),
        ("", ""),
    ],
)
def test_what_varies_is_the_same(shown: str, output: str) -> None:
    """Times, rates, names of runs, ports and folded lines may differ from the page."""
    assert matches(shown, output, HOME)


@pytest.mark.parametrize(
    ("shown", "output"),
    [
        ("read 5, 0.3 s", "read 6, 0.3 s"),
        ("one line", "one line\nand another"),
        ("…\nthe end", "the end\nand more"),
        ("run 20261127-030056-lines-c63d", "run 20270101-000000-orders-0000"),
        ('{"requests": 1}', '{"requests": 2}'),
        ("", "something"),
        ("something", ""),
    ],
)
def test_other_output_is_noticed(shown: str, output: str) -> None:
    """Counts, words, and lines that the page does not show are differences."""
    assert not matches(shown, output, HOME)
