"""TOML as text, read without quoting a word of it in an error."""

import re
import tomllib
from typing import Any

from rjcli.errors import UsageError

_LINE_OF_ERROR = re.compile(r"at line ([0-9]+)")


def parse_toml(text: str, path: str, hint: str | None = None) -> dict[str, Any]:
    """Parse a TOML file. Raises UsageError; ``hint``: what to do about values that are too much."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        # The rest of its message may quote the file.
        line = _LINE_OF_ERROR.search(str(error))
        raise UsageError(
            f"{path}{f', line {line[1]}' if line else ''}: this is no TOML",
            hint="texts are in quotation marks, and each name is there once in its table",
        ) from None
    except (ValueError, RecursionError):
        raise UsageError(
            f"{path}: something in it is nested too deep, or a number with too many digits",
            hint=hint,
        ) from None
