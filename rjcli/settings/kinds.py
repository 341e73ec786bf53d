"""The kinds of values that options take: what each allows, how it is read and shown. Pure.

A value comes as text, as people type it, or as TOML, JSON and Python have it.
"""

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from msgspec import Struct

from rjcli.errors import UsageError

_SHOWN_CHARACTERS = 60
_YES, _NO = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}
_WHOLE = re.compile("[+-]?[0-9]{1,18}")
_QUANTITY = re.compile(r"([+-]?(?:[0-9]{1,18}(?:\.[0-9]{0,18})?|\.[0-9]{1,18})) ?([A-Za-z]*)")
_SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES = {"TiB": 2.0**40, "GiB": 2.0**30, "MiB": 2.0**20, "KiB": 2.0**10}
_LONGEST = 10.0**9  # seconds
_LARGEST = 2.0**53  # bytes


class BadValueError(ValueError):
    """A value that an option does not take; the text completes a sentence with its name."""


class Complete(StrEnum):
    """What values are completed with on a command line, where there are no choices."""

    PROFILES = "profiles"
    RUNS = "runs"
    RESUMABLE = "runs that can be resumed"
    REJECTED = "runs with rejects"
    COLUMNS = "columns of the file"
    RENAMED = "columns of the file, for a name"
    TYPES = "columns of the file, each with a type"


class Kind(Struct, frozen=True):
    """What an option takes.

    ``allowed`` completes "must be". ``parse`` makes a value of a text or a native
    one; it raises BadValueError, or another error of values where ``allowed`` says
    enough. ``split`` cuts a text into the items of a list. ``limits`` is what the
    help says of a range, ``show`` how it writes a default.
    """

    allowed: str
    parse: Callable[[Any], Any]
    metavar: str = ""  # empty: the option's name
    limits: str = ""
    show: Callable[[Any], str] = str
    split: Callable[[str], list[Any]] | None = None
    choices: tuple[str, ...] = ()
    is_repeatable: bool = False
    is_path: bool = False  # such text alone need not be UTF-8
    absolute: Callable[[str], str] = os.path.abspath  # the same path, from any directory
    is_secret: bool = False  # errors do not quote the value
    complete: Complete | None = None

    def read(self, value: object) -> Any:
        """Make a value of what was given. Raises BadValueError."""
        try:
            if isinstance(value, str):
                self._check_text(value)
            return self.parse(value)
        except BadValueError:
            raise
        except (TypeError, ValueError, LookupError, OverflowError):
            found = "" if self.is_secret else f", not {quoted(value)}"
            raise BadValueError(f"must be {self.allowed}{found}") from None

    def read_texts(self, texts: tuple[str, ...]) -> Any:
        """Make a value of all texts that a repeatable option has. Raises BadValueError."""
        for text in texts:
            self._check_text(text)
        if self.split is None:
            return self.read(texts)
        return self.read([item for text in texts for item in self.split(text)])

    def require(self, name: str, value: object) -> Any:
        """The same as ``read``, with an error that names the value. Raises UsageError."""
        try:
            return self.read(value)
        except BadValueError as error:
            raise UsageError(f"{name} {error}") from None

    def _check_text(self, text: str) -> None:
        if "\0" in text or not (self.is_path or is_utf8(text)):
            raise BadValueError("is not UTF-8 text")


def quoted(value: object) -> str:
    """A value as errors show it: quoted, and cut short."""
    try:
        text = repr(str(value) if isinstance(value, str) else value)
    except ValueError:  # an integer of thousands of digits
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def is_utf8(text: str) -> bool:
    """Whether it can be written in UTF-8: bytes of a command line that are no text cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def nearest(name: str, known: Sequence[str]) -> str:
    """The end of an error about an unknown name: the known one that it may stand for."""
    found = [each for each in known if name and each.startswith(name)]
    found = found or get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def parse_flag(value: object) -> bool:
    """Read yes or no."""
    if isinstance(value, str) and value.lower() in _YES | _NO:
        return value.lower() in _YES
    if not isinstance(value, bool):
        raise TypeError
    return value


FLAG = Kind("true or false, or 1 or 0", parse_flag)


def whole(minimum: int, maximum: float = math.inf) -> Kind:
    """Whole numbers in a range."""

    def parse(value: object) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value):
            value = int(value)
        if type(value) is not int or not minimum <= value <= maximum:
            raise TypeError
        return value

    return _in_range("a whole number", parse, minimum, maximum, metavar="N")


def number(minimum: float, maximum: float = math.inf, metavar: str = "N") -> Kind:
    """Finite numbers in a range."""
    parse = _parse_quantity({}, minimum, maximum)
    return _in_range("a number", parse, minimum, maximum, metavar=metavar, show="{:g}".format)


def duration(minimum: float = 0.0) -> Kind:
    """Times, in seconds: ``15m``, ``1.5h``, ``500ms``, plain seconds."""
    least = f" of at least {_show_duration(minimum)}" if minimum else ""
    parse = _parse_quantity(_SECONDS, minimum, _LONGEST)
    allowed = f"a time{least}, such as 500ms, 90s, 15m or 1.5h"
    return Kind(allowed, parse, "TIME", show=_show_duration)


def size(minimum: int = 1) -> Kind:
    """Numbers of bytes: ``64k``, ``4M``, ``4MiB``, plain bytes. 1k is 1,024 bytes."""
    units = {key.lower(): factor for unit, factor in _BYTES.items() for key in (unit, unit[0])}
    exact = _parse_quantity(units, minimum, _LARGEST)

    def parse(value: object) -> int:
        found = exact(value)
        if found != int(found):
            raise ValueError
        return int(found)

    return Kind("a size such as 65536, 64k or 4MiB", parse, "SIZE", show=_show_size)


def choice(choices: type[StrEnum]) -> Kind:
    """One of the members of an enumeration."""
    names = tuple(map(str, choices))

    def parse(value: object) -> StrEnum:
        word = value.lower() if isinstance(value, str) else ""
        if word not in names:
            hint = nearest(word, names)
            raise BadValueError(f"must be one of {', '.join(names)}, not {quoted(value)}{hint}")
        return choices(word)

    return Kind("", parse, choices=names)


def text(allowed: str, metavar: str, check: Callable[[str], Any] = str, **more: Any) -> Kind:
    """Text that is not empty; ``check`` returns what is to be kept of it."""

    def parse(value: object) -> Any:
        if not isinstance(value, str) or not value:
            raise TypeError
        return check(value)

    return Kind(allowed, parse, metavar, **more)


def path(metavar: str) -> Kind:
    """The name of a file or a directory."""
    named = text(f"the name of a {metavar.lower()}", metavar)
    return Kind(named.allowed, lambda value: named.parse(os.fspath(value)), metavar, is_path=True)


def _parse_quantity(
    units: Mapping[str, float], minimum: float, maximum: float
) -> Callable[[object], float]:
    """A parser of finite numbers, to which a text may add one of the units."""

    def parse(value: object) -> float:
        if isinstance(value, str):
            found = _QUANTITY.fullmatch(value.strip())
            factor = {"": 1.0, **units}.get(found[2].lower(), math.nan) if found else math.nan
            value = float(found[1]) * factor if found else factor
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError
        if not (math.isfinite(value) and minimum <= value <= maximum):
            raise ValueError
        return float(value)

    return parse


def _in_range(
    what: str, parse: Callable[[Any], Any], minimum: float, maximum: float, **more: Any
) -> Kind:
    if maximum == math.inf:
        return Kind(f"{what} of at least {minimum:g}", parse, **more)
    limits = f"{minimum:g} to {maximum:g}"
    return Kind(f"{what} from {limits}", parse, limits=limits, **more)


def _show_duration(seconds: float) -> str:
    """A time in the largest unit that makes it a whole number: ``15m``."""
    return next(
        (f"{seconds / size:g}{unit}" for unit, size in _SECONDS.items() if seconds % size == 0),
        f"{seconds * 1000:g}ms",
    )


def _show_size(bytes_: float) -> str:
    """A size in the largest unit that makes it a whole number: ``4 MiB``."""
    return next(
        (f"{bytes_ / size:g} {unit}" for unit, size in _BYTES.items() if bytes_ % size == 0),
        f"{bytes_} bytes",
    )
