"""rjcli among its peers: all send the same records to the same server, which answers at once."""

import shutil
from functools import partial
from importlib.util import find_spec

from bench.data import BATCH_RECORDS
from bench.harness import Harness
from bench.results import Measurement, Results, Standing, at_least, not_measured
from bench.rounds import in_turn

_OFFICIAL_BAR = 8
_CLIENTS = {
    "streamed": "the official Python client's way, which reads its file bit by bit",
    "official": "the same, as it comes: it holds all answers",
    "naive": "a loop over one httpx.Client",
    "curl": "curl, started for each body",
    "sketch": "raw socket, each record checked and its keys spliced in",
    "ceiling": "raw socket, one request over and over",
}
_MICROSECONDS = 1_000_000
_MOST_HELD = 1_000_000  # records, as an answer that is held keeps its connection open


def measure_peers(harness: Harness) -> Results:
    """Measure whole processes, start-up and all: time, CPU and memory of each client."""
    missing = _missing()
    records = dict.fromkeys(("rjcli", *_CLIENTS), harness.sizes.peers_records)
    records["curl"] = harness.sizes.curl_records
    records["official"] = min(records["official"], _MOST_HELD)
    runs = {
        name: partial(harness.peer, name, records[name]) for name in _CLIENTS if name not in missing
    }
    push = partial(harness.push, harness.sizes.peers_records)
    rounds = in_turn({"rjcli": push, **runs}, harness.sizes.rounds)
    standings = {
        name: Standing(title, records[name], rounds.get(name, ()), missing.get(name, ""))
        for name, title in {"rjcli": "rjcli push", **_CLIENTS}.items()
    }
    note = (
        f"All send the same {records['rjcli']:,} records of NDJSON, {BATCH_RECORDS} a request"
        f" (curl the first {records['curl']:,}, and who holds all answers the first"
        f" {records['official']:,}, as each keeps a connection open); whole processes, with"
        f" their start-up. The server took {_server_cost(harness) * _MICROSECONDS:.0f} µs of CPU"
        f" for each of the last one's."
    )
    return Results(
        (_against_official(standings["rjcli"], standings["streamed"]),),
        tuple(standings.values()),
        (note,),
    )


def _against_official(rjcli: Standing, official: Standing) -> Measurement:
    what = "NDJSON, answered at once: records/s, against the official client's way"
    if not official.rounds:
        return not_measured(what, official.note, f"at least {_OFFICIAL_BAR}")
    return at_least(what, rjcli.rate_against(official), _OFFICIAL_BAR)


def _server_cost(harness: Harness) -> float:
    """CPU seconds that the server takes for a request where it is kept busiest."""
    before = harness.server().arrived()
    harness.peer("ceiling", harness.sizes.peers_records)
    after = harness.server().arrived()
    return (after.cpu_seconds - before.cpu_seconds) / (after.requests - before.requests)


def _missing() -> dict[str, str]:
    """The peers that cannot be measured here, and why."""
    missing = {}
    if find_spec("requests") is None:
        missing["official"] = missing["streamed"] = "pip install requests"
    if shutil.which("curl") is None:
        missing["curl"] = "curl is not on the path"
    return missing
