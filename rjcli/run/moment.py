"""Moments that mean something to other processes, whatever happens to the wall clock."""

import time
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")  # Linux


def now() -> float:
    """Seconds on a clock that all processes share until the machine starts again."""
    return time.monotonic()


@cache
def boot() -> str | None:
    """An id of this start of the machine; None where it has none."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return None


def is_this_boot(other: object) -> bool:
    """Whether moments of another process, with its boot, are on this process's clock."""
    return other is not None and other == boot()
