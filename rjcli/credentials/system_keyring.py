"""The system keyring, by way of the package keyring: an optional extra, and slow to import.

A keyring may do anything: ask the user, wait for a service that is missing, or load
any package. So each use of it takes three seconds at most, and of its errors, which
may quote the key, only the name is shown.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

from rjcli.credentials.api_key import ApiKey
from rjcli.errors import UsageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SECONDS = 3.0
_SERVICE = "rjcli"
_FILE_INSTEAD = "rjcli login --store file"

T = TypeVar("T")


class NoKeyringError(UsageError):
    """There is no system keyring that can be used; the message says why."""


def find_keyring() -> str:
    """The name of the system keyring.

    Raises NoKeyringError if there is none, UsageError if there is one that
    fails or hangs.
    """
    return _bounded(lambda: _open().name)


def fetch_key(profile: str) -> ApiKey:
    """Get a profile's key. Raises UsageError if it is missing, or the keyring fails or hangs."""
    key = _bounded(lambda: _open().get_password(_SERVICE, profile))
    if key is None:
        raise UsageError(
            f"the system keyring holds no key of profile {profile}",
            hint=f"rjcli login --profile {profile}",
        )
    return ApiKey.parse(key, f"the key of profile {profile} in the system keyring")


def store_key(profile: str, key: ApiKey) -> None:
    """Keep a profile's key, and read it back. Raises UsageError if the keyring fails or hangs."""

    def store() -> str | None:
        keyring = _open()
        keyring.set_password(_SERVICE, profile, key.reveal())
        return keyring.get_password(_SERVICE, profile)

    if _bounded(store) != key.reveal():
        raise UsageError("the system keyring did not keep the key", hint=_FILE_INSTEAD)


def delete_key(profile: str) -> None:
    """Delete a profile's key, if it exists. Raises UsageError if the keyring fails or hangs."""

    def delete() -> None:
        keyring = _open()
        if keyring.get_password(_SERVICE, profile) is not None:
            keyring.delete_password(_SERVICE, profile)

    _bounded(delete)


def _open() -> "KeyringBackend":
    try:
        import keyring
        from keyring.core import init_backend, recommended
    except ModuleNotFoundError as error:
        raise NoKeyringError(
            f"the system keyring needs a package that is not installed: {error.name}",
            hint="with pip, pipx or uv tool: install 'rjmetrics-cli[keyring]'",
        ) from None
    # Those that are not recommended may keep keys as plain text.
    init_backend(limit=recommended)
    backend = keyring.get_keyring()
    if backend.priority < 1:
        raise NoKeyringError(
            "there is no system keyring that can be used", hint=f"to use a file: {_FILE_INSTEAD}"
        )
    return backend


def _bounded(work: Callable[[], T]) -> T:
    """Do something with the keyring; its errors and its silence become ours."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - of a package of the user's choosing
            outcome.set_exception(_ours(error))

    # A daemon, so that rjcli can end while it hangs.
    threading.Thread(target=run, daemon=True).start()
    try:
        return outcome.result(timeout=SECONDS)
    except TimeoutError:
        raise UsageError(
            f"the system keyring did not answer within {SECONDS:g} s",
            hint=f"unlock it and try again, or: {_FILE_INSTEAD}",
        ) from None


def _ours(error: BaseException) -> UsageError:
    if isinstance(error, UsageError):
        return error
    return UsageError(
        f"the system keyring failed: {type(error).__name__}",
        hint=f"fix it and try again, or: {_FILE_INSTEAD}",
    )
