"""Text from outside, made safe to show: nothing in it moves the cursor or reorders a line."""

import re

# All that Unicode calls Default_Ignorable_Code_Point (DerivedCoreProperties.txt; the
# property keeps unassigned code points of its ranges for later versions of Unicode).
_IGNORABLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Control characters (C0, DEL, C1), line and paragraph separators, marks of annotations and
# of hieroglyphs, lone surrogates.
_ACTING = "\x00-\x1f\x7f-\x9f\u2028\u2029\ufff9-\ufffb\U00013430-\U0001343f\ud800-\udfff"
_UNSEEN = re.compile(f"[{_IGNORABLE}{_ACTING}]")


def visible(text: str) -> str:
    r"""Write each unseen or acting character as its escape, such as ``\x1b`` or ``\u202e``."""
    return _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text)
