"""From an environment to an Import API that can be talked to."""

import asyncio
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials, find_credentials
from rjcli.errors import UsageError
from rjcli.settings.commands import AccessSettings

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from rjcli.http.transport import Transport

T = TypeVar("T")

LOCAL_ENDPOINT = Endpoint("http://127.0.0.1")  # before it has been started
LOCAL_CLIENT_ID = 1
LOCAL_API_KEY = "local-key"  # what `rjcli serve` takes unless it is given another


@dataclass(frozen=True, slots=True)
class Connection:
    """An address, and a way to find the credentials for it: not every call needs them."""

    endpoint: Endpoint
    credentials: Callable[[], Credentials]


@contextmanager
def connect(access: AccessSettings, profile: Profile | None) -> Iterator[Connection]:
    """Find the Import API of an environment; the local one runs within the context.

    Finding the credentials raises UsageError if there are none.
    """
    if access.target.endpoint:
        client_id, file = access.client_id, access.api_key_file
        yield Connection(
            access.target.endpoint,
            lambda: find_credentials(
                str(client_id.value) if client_id else None,
                file.value if file else None,
                os.environ,
                profile,
            ),
        )
        return
    with extra_local():
        from rjcli.local.app import LocalCredentials
        from rjcli.local.server import LocalServer
    credentials = Credentials(LOCAL_CLIENT_ID, ApiKey(secrets.token_hex(16)))
    accepted = LocalCredentials(credentials.client_id, credentials.api_key.reveal())
    with LocalServer(access.database, accepted) as server:
        yield Connection(Endpoint.parse(server.base_url), lambda: credentials)


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
    # It takes its time, in which the process that reads gets under way.
    from rjcli.http.transport import Transport

    async def talk() -> T:
        async with Transport(
            connection.endpoint, access.timeout, connections, access.ca_file
        ) as transport:
            return await conversation(transport)

    return asyncio.run(talk())
