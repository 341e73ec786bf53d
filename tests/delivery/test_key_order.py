"""Key order: who has to wait for whom."""

from rjcli.delivery.key_order import KeyOrder


def test_a_holder_waits_for_the_last_one_of_each_of_its_keys() -> None:
    """Each claim names the last holders of its keys, until they release them; no others."""
    order: KeyOrder[str] = KeyOrder()
    assert order.claim(["a", "b", "a"], "first") == set()
    assert order.claim(["c"], "second") == set()
    assert order.claim(["b", "c", "d"], "third") == {"first", "second"}
    assert order.claim(["b"], "fourth") == {"third"}
    assert [order.is_claimed(key) for key in "abcde"] == [True, True, True, True, False]
    order.release("third")  # "b" is the fourth's now
    assert [order.is_claimed(key) for key in "abcd"] == [True, True, False, False]
    assert order.claim(["c", "a"], "fifth") == {"first"}
    order.release("first")
    order.release("second")
    assert order.claim(["a", "b"], "sixth") == {"fourth", "fifth"}
    for holder in ("fourth", "fifth", "sixth"):
        order.release(holder)
    assert not any(map(order.is_claimed, "abcd"))
