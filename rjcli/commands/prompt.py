"""Asks for credentials: on the terminal, or reads them from stdin where that is no terminal."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rjcli.credentials.api_key import MAX_KEY_CHARACTERS, ApiKey
from rjcli.errors import UsageError
from rjcli.settings.option_kinds import CLIENT_ID

_MAX_LINE = MAX_KEY_CHARACTERS + len("\r\n") + 1  # one more byte shows that it is too long


def ask_client_id() -> int:
    """Ask for the client id on the terminal.

    Raises UsageError if what is typed is no client id, and if there is no terminal.
    """
    if not _on_terminal():
        raise UsageError("no client id", hint="use --client-id, or set RJCLI_CLIENT_ID")
    with _line_ends():
        sys.stderr.write("client id: ")
        sys.stderr.flush()
        typed = sys.stdin.buffer.readline(_MAX_LINE).decode("latin-1").strip()
        client_id: int = CLIENT_ID.require("the client id", typed)
        return client_id


def ask_api_key() -> ApiKey:
    """Ask for the key on the terminal, without echo, or take the first line of stdin.

    Raises UsageError, which does not quote it, if what comes cannot be a key.
    """
    if _on_terminal():
        return ApiKey.parse(_ask_hidden("API key (not shown): "), "the key typed")
    if sys.stdin is None:
        raise UsageError("there is no stdin to read the API key from")
    line = sys.stdin.buffer.readline(_MAX_LINE)
    # Bytes beyond ASCII become characters that no key may have.
    text = line.decode("latin-1").removesuffix("\n").removesuffix("\r")
    return ApiKey.parse(text, "the first line of stdin")


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _ask_hidden(prompt: str) -> str:
    import getpass

    with _line_ends(), warnings.catch_warnings():
        # Where echo cannot be switched off, getpass warns and asks all the same.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
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
