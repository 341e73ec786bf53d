"""What a push is given: a way to the API, a place on disk, and somebody who watches."""

from collections.abc import Callable
from dataclasses import dataclass

from rjcli.delivery.limits import Limits
from rjcli.delivery.sender import Upsert
from rjcli.events import Event
from rjcli.run import KeysInDoubt, Run

Emit = Callable[[Event], None]
"""Called with each event of a push."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What of a push is kept on disk: its account, and what its table has in doubt; None: not."""

    run: Run | None = None
    in_doubt: KeysInDoubt | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """How records get to the API."""

    upsert: Upsert
    limits: Limits
