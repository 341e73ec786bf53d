"""Who pushes: where client id and API key come from, and where a key may go."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import API_KEY_VARIABLE, MAX_KEY_CHARACTERS, ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.system_keyring import fetch_key
from rjcli.errors import UsageError
from rjcli.private_file import read_secret_file
from rjcli.settings.given import VARIABLES, Given, Rank
from rjcli.settings.option_kinds import CLIENT_ID, STDIN
from rjcli.settings.target import CUSTOM, Target

CLIENT_ID_VARIABLE = "RJCLI_CLIENT_ID"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who pushes. ``client_id_from``, ``api_key_from``: what each was named where it came from."""

    client_id: int
    api_key: ApiKey
    client_id_from: str = field(default="", compare=False)
    api_key_from: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"client id {self.client_id} ({self.client_id_from}), API key ({self.api_key_from})"


def find_credentials(
    client_id: Given | None,
    api_key: Given | None,
    environ: Mapping[str, str],
    profile: Profile | None = None,
    target: Target | None = None,
) -> Credentials:
    """Find the credentials: options first, then variables, then the profile.

    ``api_key``: the name of the file that holds it, or an ApiKey.

    Raises UsageError if one of the two is missing or malformed, or is in a file
    or keyring that it cannot be read from; and if the key does not belong to the
    target (``check_binding``; None: it is sent nowhere).
    """
    client_id_from, number = find_client_id(client_id, environ, profile)
    key = _find_api_key(api_key, environ, profile)
    if target:
        check_binding(key, target, profile)
    return Credentials(number, key.value, client_id_from, key.name)


def check_binding(key: Given, target: Target, profile: Profile | None) -> None:
    """Raise UsageError for a key that does not belong where it would be sent.

    A profile's key belongs to the profile's own address. A key from a variable is not
    sent to a base URL from a profile, unless that is an environment's own. Whatever the
    command line names is meant so. No address may hold the key (``check_address``).
    """
    endpoint, given = target.endpoint, target.given
    if endpoint:
        check_address(key.value, endpoint)
    if endpoint is None or (given and given.source.rank is Rank.ARGUMENT):
        return
    rank = key.source.rank
    if rank is Rank.PROFILE and profile and not _is_own(profile, endpoint):
        own = profile.target.endpoint
        belongs = f"belongs to {own.host}" if own else "belongs to no server"
        hint = "to send it there, name that on the command line: --env or --base-url"
    elif (
        rank is Rank.VARIABLE
        and given
        and given.source.rank is Rank.PROFILE
        and target.environment == CUSTOM
    ):
        belongs = "is not the profile's"
        hint = "name the address on the command line: --base-url; or store the key: rjcli login"
    else:
        return
    place = given.name if given else "the default"
    raise UsageError(
        f"the API key ({key.name}) {belongs}: it is not sent to {endpoint.host} ({place})",
        hint=hint,
    )


def check_address(key: ApiKey, endpoint: Endpoint) -> None:
    """Raise UsageError, which does not quote it, for an address that holds the key."""
    if key.mask(endpoint.base_url) != endpoint.base_url:
        raise UsageError("the base URL holds the API key", hint="leave it out: rjcli adds it")


def _is_own(profile: Profile, endpoint: Endpoint) -> bool:
    own = profile.target.endpoint
    return own is not None and own.is_same_server(endpoint)


def find_client_id(
    given: Given | None, environ: Mapping[str, str], profile: Profile | None
) -> tuple[str, int]:
    """What the client id is called where it comes from, and the client id. Raises UsageError."""
    if given:
        name, value = given.name, given.value
    elif environ.get(CLIENT_ID_VARIABLE):
        name, value = CLIENT_ID_VARIABLE, environ[CLIENT_ID_VARIABLE]
    elif profile and profile.client_id:
        name, value = profile.source.place, profile.client_id
    else:
        raise UsageError(
            "no client id", hint=f"use --client-id, set {CLIENT_ID_VARIABLE}, or: rjcli login"
        )
    return name, CLIENT_ID.require("the client id", value)


def _find_api_key(
    given: Given | None, environ: Mapping[str, str], profile: Profile | None
) -> Given:
    if given and isinstance(given.value, ApiKey):
        return given
    if given:
        return Given(_read_key_file(given), given.source, given.name)
    if environ.get(API_KEY_VARIABLE):
        key = ApiKey.parse(environ[API_KEY_VARIABLE], f"the key in {API_KEY_VARIABLE}")
        return Given(key, VARIABLES, API_KEY_VARIABLE)
    if profile and profile.in_keyring:
        name = f"{profile.source.place}, system keyring"
        return Given(fetch_key(profile.name), profile.source, name)
    if profile and profile.api_key:
        return Given(profile.api_key, profile.source, profile.source.place)
    raise UsageError(
        "no API key", hint=f"set {API_KEY_VARIABLE}, use --api-key-file FILE, or: rjcli login"
    )


def _read_key_file(file: Given) -> ApiKey:
    if file.value == STDIN:
        raise UsageError(f"{file.name} takes no key from stdin", hint="a file of that name is ./-")
    name = f"the API key file ({file.name})"
    content = read_secret_file(Path(file.value), name, MAX_KEY_CHARACTERS + len("\r\n"))
    # Bytes beyond ASCII become characters that no key may have.
    text = content.decode("latin-1").removesuffix("\n").removesuffix("\r")
    return ApiKey.parse(text, f"the key in {name}")
