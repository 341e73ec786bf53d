"""`rjcli login` checks credentials and keeps them in a profile; `rjcli logout` deletes one."""

import os
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from rjcli.api.base_url import BASE_URLS, Endpoint, environment_of
from rjcli.api.protocol import OutcomeKind, classify_authenticate, error_from
from rjcli.commands.connection import talk
from rjcli.commands.output_filter import hide_key
from rjcli.commands.prompt import ATTEMPTS, ask_api_key, ask_client_id, on_terminal
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials, check_address
from rjcli.credentials.profiles import config_file, delete_profile, list_profiles, save_profile
from rjcli.credentials.system_keyring import NoKeyringError, delete_key, find_keyring, store_key
from rjcli.errors import AccessDeniedError, RjcliError, UsageError
from rjcli.report import Report
from rjcli.settings.choices import KeyStore
from rjcli.settings.commands import LoginSettings


def login(settings: LoginSettings, previous: Profile | None, report: Report) -> int:
    """Ask for what is missing, check the credentials, and keep them in a profile.

    Replaces the previous profile of that name. Returns the exit code. Nothing
    is stored if the API refuses the credentials.
    """
    endpoint = settings.target.endpoint
    if endpoint is None:
        raise UsageError("--env local needs no credentials", hint="name another environment")
    report.note(f"logging in to {settings.target.environment}, {endpoint.host}")
    if previous:
        report.note(f"profile {previous.name} exists: the options replace what it holds")
    # Whatever keeps the key from being stored is found before anybody types it.
    keyring = _choose_keyring(settings.store, report)
    credentials = _ask(settings, endpoint, report)
    profile = _profile(settings, endpoint, credentials.client_id)
    _keep(profile, credentials, previous, keyring=keyring, report=report)
    document = _describe(profile) | {
        "client_id": profile.client_id,
        "environment": settings.target.environment,
        "base_url": endpoint.base_url,
        "host": endpoint.host,
        "table": profile.table,
        "keys": profile.keys,
        "api_key_in": "keyring" if keyring else "file",
        "checked": settings.check,
        "replaced": previous is not None,
        "status": "stored",
    }
    place = f"the system keyring ({keyring})" if keyring else config_file(os.environ)
    address = f"{settings.target.environment}, {endpoint.host}, client id {profile.client_id}"
    report.result(document, f"stored: profile {profile.name}, {address}; the API key is in {place}")
    return 0


def logout(name: str, profile: Profile | None, report: Report) -> int:
    """Delete a profile, and its key in the keyring. Returns the exit code."""
    if profile is None:
        known = ", ".join(each.name for each in list_profiles(os.environ))
        raise UsageError(
            f"there is no profile {name} in {config_file(os.environ)}",
            hint=f"there are: {known}" if known else "there is none",
        )
    if profile.in_keyring:
        delete_key(name)
    delete_profile(name, os.environ)
    where = "the system keyring" if profile.in_keyring else config_file(os.environ)
    gone = f"deleted: profile {name}, and its API key in {where}"
    report.result(_describe(profile) | {"status": "deleted"}, gone)
    if os.environ.get(API_KEY_VARIABLE):
        report.note(f"{API_KEY_VARIABLE} is still set, and will be used")
    return 0


def _choose_keyring(store: KeyStore, report: Report) -> str | None:
    """The name of the keyring to use; None for the file."""
    if store is KeyStore.FILE:
        return None
    try:
        return find_keyring()
    except NoKeyringError as error:
        if store is KeyStore.KEYRING:
            raise
        path = config_file(os.environ)
        report.note(f"{error.message}: the API key will be kept in {path}, which only you can read")
        return None


def _ask(settings: LoginSettings, endpoint: Endpoint, report: Report) -> Credentials:
    """Ask for what is missing; on a terminal again where the API refuses it."""
    typed: int | None = None
    for attempt in range(1, ATTEMPTS + 1):
        typed = settings.client_id.value if settings.client_id else ask_client_id(typed)
        assert typed  # noqa: S101 - a client id is positive
        credentials = Credentials(typed, ask_api_key())
        hide_key(credentials.api_key)
        check_address(credentials.api_key, endpoint)
        try:
            if settings.check:
                _check(endpoint, credentials, settings)
            break
        except AccessDeniedError as error:
            if attempt == ATTEMPTS or not on_terminal():
                raise
            report.error(error.message, "type them again, or stop with Ctrl-C")
    return credentials


def _check(endpoint: Endpoint, credentials: Credentials, settings: LoginSettings) -> None:
    answer = talk(settings, endpoint, lambda transport: transport.authenticate(credentials))
    outcome = classify_authenticate(answer)
    if outcome.kind is not OutcomeKind.ACKNOWLEDGED:
        asked = f"{settings.target.environment}, {endpoint.host}, client id {credentials.client_id}"
        raise error_from(outcome, asked)


def _profile(settings: LoginSettings, endpoint: Endpoint, client_id: int) -> Profile:
    """The profile without its key. An environment is kept by name: its address may change."""
    environment = environment_of(endpoint)
    is_usual = environment is not None and endpoint == Endpoint.parse(BASE_URLS[environment])
    return Profile(
        settings.profile,
        client_id=client_id,
        environment=environment if is_usual else None,
        base_url=None if is_usual else endpoint.base_url,
        table=settings.table,
        keys=settings.keys,
    )


def _keep(
    profile: Profile,
    credentials: Credentials,
    previous: Profile | None,
    *,
    keyring: str | None,
    report: Report,
) -> None:
    """Store a profile and its key, the key first: a profile without one is of no use."""
    if keyring is None:
        save_profile(replace(profile, api_key=credentials.api_key), os.environ)
        if previous and previous.in_keyring:
            _delete_old_key(profile.name, report)
        return
    store_key(profile.name, credentials.api_key)
    try:
        save_profile(replace(profile, in_keyring=True), os.environ)
    except (RjcliError, KeyboardInterrupt):
        with suppress(RjcliError):
            if not (previous and previous.in_keyring):
                delete_key(profile.name)
        raise


def _delete_old_key(name: str, report: Report) -> None:
    try:
        delete_key(name)
    except RjcliError as error:
        report.note(f"the old API key is still in the system keyring: {error.message}")


def _describe(profile: Profile) -> dict[str, Any]:
    return {
        "profile": profile.name,
        "config_file": str(config_file(os.environ)),
        "exit_code": 0,
        "message": None,
    }
