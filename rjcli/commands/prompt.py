"""Asks for credentials: on the terminal, or reads them from stdin where that is no terminal."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from rjcli.credentials.api_key import MAX_KEY_CHARACTERS, ApiKey
from rjcli.errors import UsageError
from rjcli.settings.option_kinds import CLIENT_ID

ATTEMPTS = 3  # to type something right
_MAX_LINE = MAX_KEY_CHARACTERS + len("\r\n") + 1  # one more byte shows that it is too long


T = TypeVar("T")


def ask_client_id(previous: int | None = None) -> int:
    """Ask for the client id on the terminal, again after a typo.

    ``previous``: what an empty line stands for. Raises UsageError if there is no
    terminal, or nothing that may be a client id is typed.
    """
    if not on_terminal():
        raise UsageError("no client id", hint="use --client-id, or set RJCLI_CLIENT_ID")

    def ask() -> str:
        sys.stderr.write(f"client id{'' if previous is None else f' [{previous}]'}: ")
        sys.stderr.flush()
        line = sys.stdin.buffer.readline(_MAX_LINE)
        if not line:
            raise UsageError("no client id was typed")
        return line.decode("latin-1").strip() or str(previous or "")

    with _line_ends():
        client_id: int = _until_right(ask, partial(CLIENT_ID.require, "the client id"))
    return client_id


def ask_api_key() -> ApiKey:
    """Ask for the key on the terminal, without echo, or take the first line of stdin.

    On the terminal it asks again after a typo. Raises UsageError, which does not quote it,
    if what comes cannot be a key.
    """
    if on_terminal():
        return _until_right(_ask_key, lambda typed: ApiKey.parse(typed, "the key typed"))
    if sys.stdin is None:
        raise UsageError("there is no stdin to read the API key from")
    line = sys.stdin.buffer.readline(_MAX_LINE)
    # Bytes beyond ASCII become characters that no key may have.
    text = line.decode("latin-1").removesuffix("\n").removesuffix("\r")
    return ApiKey.parse(text, "the first line of stdin")


def _until_right(ask: Callable[[], str], read: Callable[[str], T]) -> T:
    """Make a value of what is typed; ask again where it cannot be one."""
    for _ in range(ATTEMPTS - 1):
        typed = ask()
        try:
            return read(typed)
        except UsageError as error:
            sys.stderr.write(f"{error.message}; try again\n")
    return read(ask())


def on_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin is not None and sys.stdin.isatty()


def _ask_key() -> str:
    import getpass

    with _line_ends(), warnings.catch_warnings():
        # Where echo cannot be switched off, getpass warns and asks all the same.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass("API key (not shown): ")
        except getpass.GetPassWarning:
            raise UsageError(
                "this terminal shows what is typed", hint="rjcli login --client-id ID < FILE"
            ) from None
        except EOFError:
            raise UsageError("no API key was typed") from None
        except UnicodeDecodeError:
            return ""  # no key either


@contextmanager
def _line_ends() -> Iterator[None]:
    """End the line of a prompt that a signal ends; getpass leaves the terminal as it was."""
    try:
        yield
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # the prompt's line ends here
        raise
