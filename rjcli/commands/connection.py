"""From an environment to an Import API: its address, its credentials, and a way to ask it."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rjcli.api.base_url import Endpoint
from rjcli.commands.output_filter import hide_key
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials, find_credentials
from rjcli.errors import UsageError
from rjcli.settings.commands import AccessSettings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rjcli.http.transport import Transport

T = TypeVar("T")

LOCAL_ENDPOINT = Endpoint("http://127.0.0.1")  # before the local Import API is started
LOCAL_CLIENT_ID = 1
LOCAL_API_KEY = "local-key"  # of `rjcli serve`, unless an option or variable sets another


@dataclass(frozen=True, slots=True)
class Connection:
    """An address, and a function that finds the credentials for it: not every call needs them."""

    endpoint: Endpoint
    credentials: Callable[[], Credentials]


@contextmanager
def connect(access: AccessSettings, profile: Profile | None) -> Iterator[Connection]:
    """Find the Import API of an environment; the local one runs within the context.

    Finding the credentials raises UsageError if there are none, or if the key does not
    belong there.
    """
    if access.target.endpoint:
        yield Connection(access.target.endpoint, lambda: _find_credentials(access, profile))
        return
    with extra_local():
        from rjcli.local.app import LocalCredentials
        from rjcli.local.server import LocalServer
    credentials = Credentials(LOCAL_CLIENT_ID, ApiKey(secrets.token_hex(16)))
    accepted = LocalCredentials(credentials.client_id, credentials.api_key.reveal())
    with LocalServer(access.database, accepted) as server:
        yield Connection(Endpoint.parse(server.base_url), lambda: credentials)


def _find_credentials(access: AccessSettings, profile: Profile | None) -> Credentials:
    """Find the credentials; from now on the key is kept out of all that is written."""
    credentials = find_credentials(
        access.client_id, access.api_key_file, os.environ, profile, access.target
    )
    hide_key(credentials.api_key)
    return credentials


@contextmanager
def extra_local() -> Iterator[None]:
    """Import what needs the packages of the extra ``local``; without them, say how to get them."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the local Import API needs a package that is not installed: {error.name}",
            hint="pip install 'rjcli[local]'",
        ) from None


def talk(
    access: AccessSettings,
    connection: Connection,
    conversation: "Callable[[Transport], Coroutine[None, None, T]]",
    connections: int = 1,
) -> T:
    """Run something that talks to the API."""
    # This import takes a while, in which the process that reads starts.
    from rjcli.http.transport import Transport

    async def talk() -> T:
        async with Transport(
            connection.endpoint, access.timeout, connections, access.ca_file
        ) as transport:
            return await conversation(transport)

    return asyncio.run(talk())
