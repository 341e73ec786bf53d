"""What is shown of a server's words: a short text, without addresses and long codes.

A server, or a proxy before it, may echo the request's address, and the API key in
it, in more spellings than anyone can list. So words, numbers and names of fields
are shown, and whatever looks like an address or a code is left out.
"""

import re
from collections.abc import Callable
from typing import Any

import orjson

MAX_SHOWN_CHARACTERS = 300
LEFT_OUT = "[…]"

_WINDOW_CHARACTERS = 4_000  # no more of a text is looked at
_MIN_CODE_CHARACTERS = 16
_TOKEN = re.compile(r"""[^\s"'<>()\[\]{},\u0080-\U0010ffff]+""")
# CamelCase or one case, with a short number after it, or a short number alone or in a time;
# joined by the characters of field names, dates and paths. Atomic, so that no text takes long.
_LETTERS = r"(?:[A-Z]?[a-z]{1,20}(?:[A-Z][a-z]{1,20})*+|[A-Z]{1,20})"
_WORD = rf"(?>{_LETTERS}[0-9]{{0,4}}+|[0-9]{{1,8}}(?:[TZ][0-9]{{0,2}})?+)"
_JOINTS = r"[_./:=|+*-]"
_READABLE = re.compile(rf"{_JOINTS}*+{_WORD}(?:{_JOINTS}++{_WORD})*+{_JOINTS}*+[!?;-]*")
_DIGIT = re.compile(r"[0-9]")
_MAX_DIGITS = 24  # as many as a time with microseconds and its zone has
# Eight or more characters of ASCII, line ends included, as decimal or hexadecimal numbers.
_BYTES = re.compile(
    r"(?:\b(?:1[03]|1[0-2]\d|[3-9]\d)[,;\s]+){7,}\d+"
    r"|(?:\b(?:0x)?[0-9A-Fa-f]{2}[\s:,;-]+){7,}(?:0x)?[0-9A-Fa-f]{2}\b"
)


def shown(value: Any, redact: Callable[[str], str] = str) -> str:
    """A value of an answer as it is shown: of at most MAX_SHOWN_CHARACTERS and an ellipsis.

    ``redact`` takes secrets out of text. Takes time in proportion to the text.
    """
    text = redact(_window(value if isinstance(value, str) else _json(value)))
    text = _leave_out_codes(_BYTES.sub(LEFT_OUT, text))
    return f"{text[:MAX_SHOWN_CHARACTERS]}…" if len(text) > MAX_SHOWN_CHARACTERS else text


def _window(text: str) -> str:
    """The text's beginning, up to the end of a word: half a secret would not be found."""
    if len(text) <= _WINDOW_CHARACTERS:
        return text
    words = text[:_WINDOW_CHARACTERS].rsplit(maxsplit=1)
    return f"{words[0]} {LEFT_OUT}" if len(words) > 1 else LEFT_OUT


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # nested deeper than it writes
        return LEFT_OUT


def _leave_out_codes(text: str) -> str:
    """Leave out addresses and codes, and the word on the next line: it may be a code's end."""
    end: int | None = None  # of the last one left out

    def replace(match: re.Match[str]) -> str:
        nonlocal end
        between = "" if end is None else text[end : match.start()]
        is_next_line = "\n" in between and not between.strip()
        if not (is_next_line or _is_code(match[0])):
            return match[0]
        end = match.end()
        return "" if is_next_line else LEFT_OUT

    return _TOKEN.sub(replace, text)


def _is_code(token: str) -> bool:
    if "://" in token or "@" in token or ("=" in token and ("?" in token or "&" in token)):
        return True
    if len(token) < _MIN_CODE_CHARACTERS:
        return False
    # Many digits, in short numbers, are the bytes of a text.
    return not _READABLE.fullmatch(token) or len(_DIGIT.findall(token)) > _MAX_DIGITS
