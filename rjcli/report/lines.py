"""Single lines of a report, none of them longer than a screen."""

from collections.abc import Sequence

from rjcli.errors import plural
from rjcli.events import Detail, LimitChanged, Retried, Split
from rjcli.settings.option_kinds import STDIN

MESSAGE_CHARACTERS = 1500  # less than a screen
REJECTION_CHARACTERS = 400

_INPUTS_SHOWN = 4


def shortened(text: str, most: int = MESSAGE_CHARACTERS) -> str:
    """Cut a text that is longer than so many characters."""
    return text if len(text) <= most else f"{text[:most]}…"


def list_inputs(inputs: Sequence[str]) -> str:
    """The names of the first inputs, and how many more there are."""
    names = ["stdin" if file == STDIN else file for file in inputs[:_INPUTS_SHOWN]]
    more = len(inputs) - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more else "")


def name_detail(event: Detail) -> str:
    """What kind of event the log calls it."""
    return "limit" if isinstance(event, LimitChanged) else type(event).__name__.lower()


def describe_detail(event: Detail) -> str:
    """What happened to a request, or to the limit on requests."""
    match event:
        case Retried(reason, attempt, records, seconds):
            again = f"sent again in {seconds:.1f} s" if seconds else "sent again"
            return f"attempt {attempt} failed: {reason}; {_records(records)} {again}"
        case Split(reason, records):
            return f"refused: {reason}; {_records(records)} sent again in two halves"
        case LimitChanged(in_flight):
            return f"{plural(in_flight, 'request')} may be in flight"


def _records(count: int) -> str:
    return "1 record is" if count == 1 else f"{count:,} records are"
