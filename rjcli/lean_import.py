"""Import libraries without the parts of them that only take time."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_AUTHORITIES = "SSL_CERT_FILE"


@contextmanager
def without(module: str) -> Iterator[None]:
    """Import something as if one of its modules, which it can do without, were missing."""
    is_there = module in sys.modules
    if not is_there:
        # As None it counts as missing, whatever typeshed says.
        sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if not is_there:
            del sys.modules[module]


@contextmanager
def no_authorities() -> Iterator[None]:
    """Import something that finds no certificate authorities of the machine.

    aiohttp, when it is imported, makes two contexts with all of them, which takes
    a tenth of the time of a short push. rjcli uses neither.
    """
    given = os.environ.get(_AUTHORITIES)
    os.environ[_AUTHORITIES] = os.devnull
    try:
        yield
    finally:
        del os.environ[_AUTHORITIES]
        if given is not None:
            os.environ[_AUTHORITIES] = given
