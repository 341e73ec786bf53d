"""What a push is given: a way to the API, a place on disk, and somebody who watches."""

from collections.abc import Callable

from msgspec import Struct

from rjcli.delivery.limits import Limits
from rjcli.delivery.sender import Upsert
from rjcli.events import Event
from rjcli.run import InDoubt, Run, TableTypes

Emit = Callable[[Event], None]
"""Called with each event of a push."""


class Storage(Struct, frozen=True):
    """What of a push is kept on disk; None: not.

    ``run``: its account; ``in_doubt`` and ``types``: what is known of its table.
    """

    run: Run | None = None
    in_doubt: InDoubt | None = None
    types: TableTypes | None = None


class Route(Struct, frozen=True):
    """How records get to the API. ``asked``: which one, with which credentials, for errors."""

    upsert: Upsert
    limits: Limits
    asked: str = ""
