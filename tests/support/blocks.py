"""What readers find, one by one."""

from collections.abc import Iterable, Iterator
from itertools import chain

from rjcli.model import Block, RawRecord, Rejection

Item = RawRecord | Rejection


def items_of(blocks: Iterable[Block]) -> Iterator[Item]:
    """Everything in some blocks, in order."""
    return chain.from_iterable(blocks)
