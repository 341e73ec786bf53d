"""The other ways in: many tables at once, from Python, and many short commands in a shell loop."""

import shlex
import shutil
from functools import partial

from bench.data import Format
from bench.harness import PYTHON, QUIET, Harness
from bench.results import Results, at_least, at_most, not_measured
from bench.rounds import Run, best, in_turn, time_ratio

_TABLES = 4
_SHORT_PUSHES = 20


def measure_load(harness: Harness) -> Results:
    """Measure four tables in one load against one table of the same size."""
    records = harness.sizes.formats_records
    each = harness.data.file(Format.NDJSON, records // _TABLES)
    entries = [
        f'[[load]]\ntable = "t{number}"\nkeys = "id"\nfiles = "{each}"\n'
        for number in range(_TABLES)
    ]
    file = harness.scratch / "load.toml"
    base_url = harness.server().base_url
    file.write_text(f'base-url = "{base_url}"\nparallel = {_TABLES}\n' + "\n".join(entries))
    command = [PYTHON, "-m", "rjcli", "load", str(file), *QUIET]
    runs: dict[str, Run] = {
        "one": partial(harness.push, records),
        "load": partial(harness.checked, command, harness.server(), records),
    }
    rounds = in_turn(runs, harness.sizes.rounds)
    what = f"`rjcli load` of {_TABLES} tables: records/s against one table of the same size"
    return Results((at_least(what, time_ratio(rounds["one"], rounds["load"]), 1.0),))


def measure_library(harness: Harness) -> Results:
    """Measure ``rjcli.push`` of dicts in memory; what it takes to read them there is subtracted."""
    records = harness.sizes.formats_records
    file, server = harness.data.file(Format.NDJSON, records), harness.server()
    command = [PYTHON, "-m", "bench.library", str(file), server.base_url]
    runs: dict[str, Run] = {
        "file": partial(harness.push, records),
        "dicts": partial(harness.checked, command, server, records),
        "read": partial(harness.run, *command, "--read-only"),
    }
    rounds = in_turn(runs, harness.sizes.rounds)
    seconds = {name: best(usages).seconds for name, usages in rounds.items()}
    ratio = seconds["file"] / (seconds["dicts"] - seconds["read"])
    what = "`rjcli.push` of dicts in memory: records/s against NDJSON from a file"
    return Results((at_least(what, ratio, 0.8),))


def measure_shell(harness: Harness) -> Results:
    """Measure a shell loop of one-record pushes against one of curl."""
    what = f"{_SHORT_PUSHES} one-record pushes in a shell loop against {_SHORT_PUSHES} times curl"
    shell, curl = shutil.which("sh"), shutil.which("curl")
    if not (shell and curl):
        return Results((not_measured(what, "there is no curl", "at most 6"),))
    server = harness.server()
    record, body = harness.scratch / "one.ndjson", harness.scratch / "one.json"
    record.write_text(harness.data.file(Format.NDJSON, 1).read_text())
    body.write_text(f'[{record.read_text().strip().replace("{", """{"keys":["id"],""", 1)}]')
    push = [PYTHON, "-m", "rjcli", "push", str(record), "-t", "bench", "-k", "id"]
    post = [curl, "--silent", "--fail", "--output", "/dev/null", "--data-binary", f"@{body}"]
    post += ["--header", "Content-Type: application/json", server.url]
    loops = {
        name: f"for n in $(seq {_SHORT_PUSHES}); do {shlex.join(command)} || exit 1; done"
        for name, command in (
            ("rjcli", [*push, "--base-url", server.base_url, *QUIET]),
            ("curl", post),
        )
    }
    runs: dict[str, Run] = {
        name: partial(harness.checked, [shell, "-c", loop], server, 1, times=_SHORT_PUSHES)
        for name, loop in loops.items()
    }
    rounds = in_turn(runs, harness.sizes.rounds)
    ratio = best(rounds["rjcli"]).seconds / best(rounds["curl"]).seconds
    return Results((at_most(what, ratio, 6),))
