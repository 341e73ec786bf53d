"""Compares output with what a page shows of it.

White space counts as one space, so that a page may fold long lines, and ``…`` stands
for any text. What differs from run to run is brought to one form on both sides:
durations and rates, times of day, names of runs, ports, and the home directory.
"""

import re

_VARIES = (
    (r"\d{8}-\d{6}-(\w+)-[0-9a-f]{4}", r"RUN-\1"),
    (r"\b(127\.0\.0\.1|localhost):\d+", "HOST:PORT"),
    (r"\d\d:\d\d:\d\d", "TIME"),
    (r"\b[\d,.]+ (ms|s|h|records/s|(?:|k|M)B/s)(?![\w/])", r"N \1"),
    (r'"(seconds|concurrency)": [\d.]+', r'"\1": N'),
    (r"up to \d+ in flight", "up to N in flight"),
    (r"\s+", " "),
)


def normalized(text: str, home: str) -> str:
    """A text in the form that is compared."""
    text = text.replace(home, "/home/jo")
    for pattern, form in _VARIES:
        text = re.sub(pattern, form, text)
    return text.strip()


def matches(shown: str, output: str, home: str) -> bool:
    """Whether a command's output is what a page shows."""
    parts = normalized(shown, home).split("…")
    pattern = ".*".join(re.escape(part.strip()) for part in parts)
    return re.fullmatch(pattern.replace(r".*", r"\s*.*?\s*"), normalized(output, home)) is not None
