"""Client id and API key: where they come from, and a key that does not show itself."""

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from rjcli.errors import UsageError

CLIENT_ID_VARIABLE = "RJCLI_CLIENT_ID"
API_KEY_VARIABLE = "RJCLI_API_KEY"
_MASK = "[API key]"
_MAX_KEY_BYTES = 4096


class ApiKey:
    """An API key that shows itself only when it is asked to."""

    __slots__ = ("_forms", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        forms = {text, quote(text, safe=""), quote_plus(text)}
        self._forms = sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return _MASK

    def reveal(self) -> str:
        """The key itself, for the one request that needs it."""
        return self._text

    def redact(self, text: bytes) -> bytes:
        """Take the key, plain or percent-encoded, out of something that came from outside."""
        for form in self._forms:
            text = text.replace(form.encode(), _MASK.encode())
        return text


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who pushes."""

    client_id: int
    api_key: ApiKey


def find_credentials(
    client_id: str | None, api_key_file: str | None, environ: Mapping[str, str]
) -> Credentials:
    """Find the credentials: options first, then the environment.

    Raises UsageError if one of the two is missing or malformed.
    """
    return Credentials(
        _parse_client_id(client_id or environ.get(CLIENT_ID_VARIABLE) or None),
        _find_api_key(api_key_file, environ),
    )


def _parse_client_id(text: str | None) -> int:
    if text is None:
        raise UsageError("no client id", hint=f"give --client-id, or set {CLIENT_ID_VARIABLE}")
    if not (text.isascii() and text.isdigit() and len(text) <= 18 and int(text) > 0):  # noqa: PLR2004 - 64 bits
        raise UsageError(f"the client id must be a positive whole number, not {text!r}")
    return int(text)


def _find_api_key(api_key_file: str | None, environ: Mapping[str, str]) -> ApiKey:
    if api_key_file is not None:
        return _checked_key(_read_key_file(Path(api_key_file)), f"the key in {api_key_file}")
    if environ.get(API_KEY_VARIABLE):
        return _checked_key(environ[API_KEY_VARIABLE], f"the key in {API_KEY_VARIABLE}")
    raise UsageError("no API key", hint=f"set {API_KEY_VARIABLE}, or give --api-key-file FILE")


def _read_key_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
                raise UsageError(
                    f"others can read the API key file {path}", hint=f"chmod 600 {path}"
                )
            return file.read(_MAX_KEY_BYTES).decode().removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"cannot read the API key file {path}: {reason}") from None


def _checked_key(text: str, name: str) -> ApiKey:
    """Refuse what cannot be a key, without echoing it."""
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise UsageError(f"{name} is empty, or has spaces or unprintable characters in it")
    return ApiKey(text)
