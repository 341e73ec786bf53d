"""What commands share that talk to an Import API."""

from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rjcli.commands.output_filter import hide_key
from rjcli.commands.signals import run_async
from rjcli.engine import connection

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rjcli.http.transport import Transport
    from rjcli.settings.commands import AccessSettings

T = TypeVar("T")

connect = partial(connection.connect, on_key=hide_key)
"""The engine's ``connect``; from then on the key is kept out of all that is written."""


def talk(
    access: "AccessSettings",
    connection: connection.Connection,
    conversation: "Callable[[Transport], Coroutine[None, None, T]]",
) -> T:
    """Run something that asks the API."""
    from rjcli.http.transport import Transport

    async def talk() -> T:
        async with Transport(
            connection.endpoint, access.timeout, ca_file=access.ca_file
        ) as transport:
            return await conversation(transport)

    return run_async(talk)
