"""Taking a secret out of text, in whatever form it was echoed."""

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote

MASK = "[API key]"
MIN_SEARCHED_CHARACTERS = 8  # shorter ones would be found in text that has nothing to do with it


def plain_forms(secret: str) -> tuple[str, ...]:
    """The secret as it is, as addresses and JSON have it, and each in base64, base32 and hex.

    The longest come first. Those shorter than MIN_SEARCHED_CHARACTERS are left out.
    """
    written = {secret, wire_form(secret), json.dumps(secret)[1:-1]}
    forms = {form for text in written for form in (text, *_encodings(text))}
    return tuple(sorted((form for form in forms if _is_searched(form)), key=len, reverse=True))


def wire_form(secret: str) -> str:
    """The secret as the address of a request has it."""
    return quote(secret, safe="")


def secret_pattern(secret: str) -> re.Pattern[str]:
    """A pattern that finds a secret of printable ASCII, however it is spelled.

    Each character may be written as such, or escaped as in addresses, JSON (both once
    or more), HTML, mail or program text, in any mixture. The secret, and its form in
    an address, are also found in base64, base32 and hexadecimal, by themselves or
    within the encoding of a longer text. Making the pattern takes milliseconds.
    """
    # JSON doubles backslashes; as ways to spell one, they would make a run of them ambiguous.
    patterns = {_spelled(secret), _spelled(secret.replace("\\", "\\\\"))}
    encoded = {form for text in (secret, wire_form(secret)) for form in _encodings(text)}
    patterns |= {_encoded(form) for form in encoded if _is_searched(form)}
    # Upper or lower case makes no difference, so that no hexadecimal escape is missed.
    return re.compile("|".join(sorted(patterns, key=len, reverse=True)), re.IGNORECASE)


def _is_searched(form: str) -> bool:
    return len(form) >= MIN_SEARCHED_CHARACTERS


def _encodings(text: str) -> set[str]:
    data = text.encode()
    return {
        data.hex(),
        *(_middle(base64.b64encode, 6, data, offset) for offset in range(3)),
        *(_middle(base64.b32encode, 5, data, offset) for offset in range(5)),
    }


def _middle(encode: Callable[[bytes], bytes], bits: int, data: bytes, offset: int) -> str:
    """What an encoding makes of data at some offset in a text, whatever is around it.

    A character holds so many bits; those that data shares with its neighbours are left out.
    """
    first = -(-8 * offset // bits)
    end = 8 * (offset + len(data)) // bits
    return encode(bytes(offset) + data).decode()[first:end]


def _spelled(text: str) -> str:
    """A pattern of the ways to write a text."""
    return "".join(map(_spellings, text))


def _encoded(text: str) -> str:
    """A pattern of the ways to write base64: standard or URL-safe, escaped as in an address."""
    return (
        text.replace("/", r"(?:[/_]|\\?/|%2f)")
        .replace("+", "(?:[+-]|%2b)")
        .replace("=", "(?:=|%3d)")
    )


def _spellings(character: str) -> str:
    """A pattern of the ways to write one character."""
    code = ord(character)
    # Each repetition has an end, so that no text can make the search take long.
    ways = [
        re.escape(character),
        rf"%(?:25){{0,4}}(?:u00)?{code:02x}",
        rf"\\{{1,4}}(?:u00|x){code:02x}",
        rf"&#0{{0,4}}{code};?+",
        rf"&#x0{{0,4}}{code:x};?+",
        rf"={code:02x}",
    ]
    ways += [re.escape(html.escape(character))] if character in "&<>\"'" else []
    ways += [rf"\\{{1,4}}{re.escape(character)}"] if character in '/"' else []
    return f"(?:{'|'.join(ways)})"
