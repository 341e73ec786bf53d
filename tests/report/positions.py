"""Where a push is, for tests of what is shown of it; and a clock that is set by hand."""

import time

from msgspec.structs import replace

from rjcli.events import Activity, Counts, Outage, Progressed

NOON = time.mktime((2026, 3, 2, 12, 0, 0, 0, 0, -1))
MIB = 10**6


class Clock:
    """A clock that is set by hand; ``wall`` is the time of day, noon at zero."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        """Seconds that have passed."""
        return self.seconds

    def wall(self) -> float:
        """The time of day."""
        return NOON + self.seconds


def at(  # noqa: PLR0913 - a test names what matters to it
    accepted: int = 0,
    megabytes: float = 0.0,
    *,
    read: int | None = None,
    total: int | None = 100,
    activity: Activity = Activity.SENDING,
    ends_in: float | None = None,
    outage: Outage | None = None,
    before: int = 0,
) -> Progressed:
    """A position: so many records accepted of those read, and megabytes read of a total."""
    return Progressed(
        Counts(accepted if read is None else read, accepted),
        int(megabytes * MIB),
        None if total is None else total * MIB,
        in_flight=8,
        settled_before=before,
        activity=activity,
        activity_ends_in=ends_in,
        outage=outage,
    )


DOWN = Outage(503, "HTTP 503", attempt=4, retry_in=11.2, give_up_in=840.0)
UNREACHED = replace(DOWN, status=None, reason="cannot connect to api.test: Connection refused")
