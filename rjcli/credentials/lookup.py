"""Who pushes: where client id and API key come from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rjcli.credentials.api_key import MAX_KEY_CHARACTERS, ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.system_keyring import fetch_key
from rjcli.errors import UsageError
from rjcli.private_file import read_secret_file
from rjcli.settings.option_kinds import CLIENT_ID, STDIN

CLIENT_ID_VARIABLE = "RJCLI_CLIENT_ID"
API_KEY_VARIABLE = "RJCLI_API_KEY"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who pushes."""

    client_id: int
    api_key: ApiKey


def find_credentials(
    client_id: str | None,
    api_key_file: str | None,
    environ: Mapping[str, str],
    profile: Profile | None = None,
) -> Credentials:
    """Find the credentials: options first, then the environment, then the profile.

    Raises UsageError if one of the two is missing or malformed, or is in a file
    or keyring that it cannot be read from.
    """
    return Credentials(
        _find_client_id(client_id or environ.get(CLIENT_ID_VARIABLE), profile),
        _find_api_key(api_key_file, environ, profile),
    )


def _find_client_id(text: str | None, profile: Profile | None) -> int:
    if text:
        client_id: int = CLIENT_ID.require("the client id", text)
        return client_id
    if profile and profile.client_id:
        return profile.client_id
    raise UsageError(
        "no client id", hint=f"give --client-id, set {CLIENT_ID_VARIABLE}, or: rjcli login"
    )


def _find_api_key(file: str | None, environ: Mapping[str, str], profile: Profile | None) -> ApiKey:
    if file is not None:
        return _read_key_file(file)
    if environ.get(API_KEY_VARIABLE):
        return ApiKey.parse(environ[API_KEY_VARIABLE], f"the key in {API_KEY_VARIABLE}")
    if profile and profile.in_keyring:
        return fetch_key(profile.name)
    if profile and profile.api_key:
        return profile.api_key
    raise UsageError(
        "no API key", hint=f"set {API_KEY_VARIABLE}, give --api-key-file FILE, or: rjcli login"
    )


def _read_key_file(file: str) -> ApiKey:
    if file == STDIN:
        raise UsageError(
            "--api-key-file takes no key from stdin", hint="a file of that name is ./-"
        )
    content = read_secret_file(Path(file), "the API key file", MAX_KEY_CHARACTERS + len("\r\n"))
    # Bytes beyond ASCII become characters that no key may have.
    text = content.decode("latin-1").removesuffix("\n").removesuffix("\r")
    return ApiKey.parse(text, f"the key in {file}")
