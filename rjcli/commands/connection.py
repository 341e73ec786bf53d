"""What commands share that talk to an Import API."""

import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rjcli.commands.output_filter import hide_key
from rjcli.commands.signals import run_async
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.engine import connection
from rjcli.settings.given import Rank

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from rjcli.api.base_url import Endpoint
    from rjcli.credentials.config_file import Profile
    from rjcli.http.transport import Transport
    from rjcli.report import Report
    from rjcli.settings.commands import AccessSettings, LoginSettings

T = TypeVar("T")

connect = partial(connection.connect, on_key=hide_key)
"""The engine's ``connect``; from then on the key is kept out of all that is written."""


def note_stray_variables(
    access: "AccessSettings", profile: "Profile | None", report: "Report"
) -> None:
    """Say so where variables beat the profile that was named: they may have been forgotten."""
    if profile is None or access.profile is None or access.target.is_local:
        return
    has_key = profile.in_keyring or profile.api_key is not None
    if has_key and os.environ.get(API_KEY_VARIABLE) and not access.api_key_file:
        _note_stray(API_KEY_VARIABLE, "API key", profile, report)
    given = access.client_id
    is_stray = given is not None and given.source.rank is Rank.VARIABLE
    if given and is_stray and profile.client_id not in {None, given.value}:
        _note_stray(given.name, "client id", profile, report)


def _note_stray(variable: str, what: str, profile: "Profile", report: "Report") -> None:
    report.note(
        f"{variable} is used, and not the {what} of profile {profile.name};"
        f" unset {variable} to use the profile's"
    )


def talk(
    settings: "AccessSettings | LoginSettings",
    endpoint: "Endpoint",
    conversation: "Callable[[Transport], Coroutine[None, None, T]]",
) -> T:
    """Run something that asks the API."""
    from rjcli.http.transport import Transport

    async def talk() -> T:
        async with Transport(endpoint, settings.timeout, ca_file=settings.ca_file) as transport:
            return await conversation(transport)

    return run_async(talk)
