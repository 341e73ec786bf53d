"""From settings to an Import API: its address, and the credentials for it."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials, find_client_id, find_credentials
from rjcli.errors import UsageError
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import Given, Rank, Source

LOCAL_ENDPOINT = Endpoint("http://127.0.0.1")  # before the local Import API is started
LOCAL_CLIENT_ID = 1


class Connection(NamedTuple):
    """An address, and the credentials for it, which are looked up when they are needed."""

    endpoint: Endpoint
    credentials: Callable[[], Credentials]


@contextmanager
def connect(
    access: AccessSettings,
    profile: Profile | None,
    on_key: Callable[[ApiKey], None] = lambda _: None,
    api_key: str | None = None,
) -> Iterator[Connection]:
    """Find the Import API of an environment; the local one runs within the context.

    ``on_key`` is called with the key before it is used. ``api_key``: the key itself, where
    a program gives it. Finding the credentials
    raises UsageError if there are none, or if the key does not belong there.
    """
    target = access.target

    def find() -> Credentials:
        credentials = find_credentials(
            access.client_id, _given(api_key) or access.api_key_file, os.environ, profile, target
        )
        on_key(credentials.api_key)
        return credentials

    if target.endpoint:
        yield Connection(target.endpoint, find)
        return
    from rjcli.local.app import LocalCredentials
    from rjcli.local.server import LocalServer

    credentials = Credentials(LOCAL_CLIENT_ID, ApiKey(secrets.token_hex(16)))
    accepted = LocalCredentials(credentials.client_id, credentials.api_key.reveal())
    with LocalServer(access.database, accepted) as server:
        yield Connection(Endpoint.parse(server.base_url), lambda: credentials)


def client_id_of(access: AccessSettings, profile: Profile | None) -> int | None:
    """The client id of a push that needs none, such as a dry run; None if there is none."""
    if access.target.is_local:
        return LOCAL_CLIENT_ID
    with suppress(UsageError):
        return find_client_id(access.client_id, os.environ, profile)[1]
    return None


def _given(api_key: str | None) -> Given | None:
    if api_key is None:
        return None
    return Given(ApiKey.parse(api_key, "api_key="), Source(Rank.ARGUMENT), "api_key=")
