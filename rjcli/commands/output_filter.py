"""The last filter before stdout and stderr: whatever writes there, the API key is taken out.

Everything else keeps the key out of what it writes. This is for what nobody foresaw:
the text of an unforeseen error, of a thread's or a destructor's, a warning, or a log
of another library. It belongs to the command; the engine, as a library, changes no
stream of the program that it is used by.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import TextIO

from rjcli.credentials.api_key import API_KEY_VARIABLE, ApiKey

# They would show tracebacks of what is handled, or is shown elsewhere.
_MUTED = ("asyncio", "aiohttp")
_hidden: list[ApiKey] = []


def install_output_filter(environ: Mapping[str, str]) -> None:
    """Filter what is written to stdout and stderr from now on; a key in the environment at once.

    Once is enough, and more do no harm.
    """
    for stream in (sys.stdout, sys.stderr):
        filtered(stream)
    if environ.get(API_KEY_VARIABLE):
        hide_key(ApiKey(environ[API_KEY_VARIABLE]))
    for name in _MUTED:
        logger = logging.getLogger(name)
        logger.propagate = False
        logger.handlers[:] = [logging.NullHandler()]


def filtered(stream: TextIO) -> TextIO:
    """Have the key taken out of what is written to a stream from now on; return the stream."""
    # In place, so that it holds for those, too, who have kept the stream: handlers of logs.
    if getattr(stream.write, "func", None) is not _write:
        stream.write = partial(_write, stream.write)  # type: ignore[method-assign]
    return stream


def hide_key(key: ApiKey) -> None:
    """Take a key out of all that the filter passes on, if it is installed.

    A key of fewer than 8 characters stays: it would be found in other words.
    """
    if key not in _hidden:
        _hidden.append(key)


def _write(write: Callable[[str], int], text: str) -> int:
    shown = text
    for key in _hidden:
        shown = key.mask(shown)
    write(shown)
    return len(text)
