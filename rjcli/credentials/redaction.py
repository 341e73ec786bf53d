"""Taking a secret out of text from outside, in whatever form it was echoed."""

import base64
import html
import re

MASK = "[API key]"
_MIN_ENCODED_CHARACTERS = 8  # shorter ones would be found in text that has nothing to do with it


def secret_pattern(secret: str) -> re.Pattern[str]:
    """A pattern that finds a secret of printable ASCII: plain, in base64 and in hexadecimal.

    Each character may be written as such or escaped as in addresses, JSON (both
    once or more) or HTML, in any mixture. In base64, standard or URL-safe, it is
    found by itself and within the encoding of a longer text.
    """
    data = secret.encode()
    encoded = {data.hex(), *(_base64_middle(data, offset) for offset in range(3))}
    forms = {form for form in encoded if len(form) >= _MIN_ENCODED_CHARACTERS}
    # JSON doubles backslashes; as ways to spell one, they would make a run of them ambiguous.
    forms |= {secret, secret.replace("\\", "\\\\")}
    # Upper or lower case makes no difference, so that no hexadecimal escape is missed.
    longest_first = sorted(forms, key=len, reverse=True)
    patterns = ("".join(map(_spellings, form)) for form in longest_first)
    return re.compile("|".join(patterns), re.IGNORECASE)


def _base64_middle(data: bytes, offset: int) -> str:
    """What base64 makes of data at some offset in a text, whatever stands before and after it.

    A character holds 6 bits; those that data shares with its neighbours are left out.
    """
    first = -(-8 * offset // 6)
    end = 8 * (offset + len(data)) // 6
    return base64.b64encode(bytes(offset) + data).decode()[first:end]


def _spellings(character: str) -> str:
    """A pattern of the ways to write one character."""
    code = ord(character)
    # Each repetition has an end, so that no answer can make the search take long.
    ways = [
        re.escape(character),
        rf"%(?:25){{0,4}}{code:02x}",
        rf"\\{{1,4}}u00{code:02x}",
        rf"&#0{{0,4}}{code};",
        rf"&#x0{{0,4}}{code:x};",
    ]
    ways += [re.escape(html.escape(character))] if character in "&<>\"'" else []
    ways += [rf"\\{{1,4}}{re.escape(character)}"] if character in '/"' else []
    ways += {"+": ["-"], "/": ["_"]}.get(character, [])  # URL-safe base64
    return f"(?:{'|'.join(ways)})"
