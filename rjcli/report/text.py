"""Text from outside, made safe to show: nothing in it moves the cursor or reorders a line."""

import re

# Control characters (C0, DEL, C1), bidirectional and invisible format
# characters, line and paragraph separators, lone surrogates, and tags.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


def visible(text: str) -> str:
    r"""Write each invisible character as its escape, such as ``\x1b`` or ``\u202e``."""
    return _INVISIBLE.sub(lambda match: ascii(match[0])[1:-1], text)
