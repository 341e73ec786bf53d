"""Importing less than a library would."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(module: str) -> Iterator[None]:
    """Import something as if one of its modules, which it can do without, were not there."""
    is_there = module in sys.modules
    if not is_there:
        # As None it counts as missing, whatever typeshed says.
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if not is_there:
            del sys.modules[module]
