"""The targets, group by group: each function measures one group, and holds it against its bars."""

from collections.abc import Callable, Mapping
from functools import partial

from bench.data import BATCH_RECORDS, MEGABYTE, Format, records_in
from bench.fronts import measure_library, measure_load, measure_shell
from bench.harness import PYTHON, QUIET, Harness
from bench.peers_compared import measure_peers
from bench.processes import BenchError
from bench.results import (
    Measurement,
    Outcome,
    Results,
    at_least,
    at_most,
    at_most_slower,
    not_measured,
)
from bench.rounds import Run, best, in_turn, time_ratio

_MICROSECONDS = 1_000_000
_PEAK_BYTES = 64 * MEGABYTE
_PEAK_GROWTH = 0.05
_PEAK_BAR = f"at most {_PEAK_BYTES // MEGABYTE} MB, {_PEAK_GROWTH:+.0%}"
_CPU_DRIFT = 0.1
_START_RECORDS = 1_000
_COST = 0.03  # of showing progress, of keeping checkpoints
_FORMATS = {
    Format.NDJSON: "NDJSON",
    Format.JSON: "a JSON array",
    Format.CSV: "CSV",
    Format.GZIP: "NDJSON in gzip",
}


def measure_latency(harness: Harness) -> Results:
    """Measure the share of the ideal at two latencies."""
    near = _measure_latency(harness, 0.05, 16, 0.99, 15)
    far = _measure_latency(harness, 0.2, 64, 0.98, 55)
    return Results(near.messages + far.messages, notes=near.notes + far.notes)


def _measure_latency(
    harness: Harness, seconds_each: float, jobs: int, share: float, speedup: float
) -> Results:
    """Measure records a second where each request takes a while, with many and with one in flight.

    The rate is that between a smaller and a larger file, so that start-up and
    the growth to full concurrency do not count. What the server really took for
    a request is what makes the ideal, as a virtual machine's timers run late.
    """
    sizes = harness.sizes
    files = {1: sizes.one_job_records, jobs: sizes.many_jobs_records}
    runs = {
        f"{most} {records}": partial(
            harness.push, records, latency=seconds_each, options=(*QUIET, "--jobs", str(most))
        )
        for most, both in files.items()
        for records in both
    }
    rounds = in_turn(runs, sizes.rounds)
    seconds = {name: best(usages).seconds for name, usages in rounds.items()}
    rates = {
        most: (large - small) / (seconds[f"{most} {large}"] - seconds[f"{most} {small}"])
        for most, (small, large) in files.items()
    }
    arrived = harness.server(seconds_each).arrived()
    latency = arrived.waited_seconds / arrived.requests
    ideal = jobs * BATCH_RECORDS / latency
    at = f"{seconds_each * 1000:.0f} ms a request"
    note = (
        f"With {at}: {rates[jobs]:,.0f} records/s with up to {arrived.most_in_flight} in flight,"
        f" {rates[1]:,.0f} one at a time; rates between a smaller and a larger file, without"
        f" start-up. The server's clock ran late: it took {latency * 1000:.2f} ms, which makes the"
        f" ideal {ideal:,.0f} records/s and not {jobs * BATCH_RECORDS / seconds_each:,.0f}."
    )
    messages = (
        at_least(f"{at}, {jobs} in flight: share of the ideal", rates[jobs] / ideal, share, ""),
        at_least(f"{at}: {jobs} in flight against 1", rates[jobs] / rates[1], speedup),
    )
    return Results(messages, notes=(note,))


def measure_memory(harness: Harness) -> Results:
    """Measure the peak memory over a file and one ten times its size, in each format."""
    small, large = harness.sizes.memory_megabytes
    messages, notes = [], []
    for form, name in _FORMATS.items():
        what = f"peak memory, {small} MB and {large} MB of {name}"
        try:
            peaks = [
                harness.push(records_in(size, form), form).peak_bytes for size in (small, large)
            ]
        except BenchError as error:
            messages.append(not_measured(what, "it failed, see below", _PEAK_BAR))
            notes.append(f"{what}: {error}")
            continue
        growth = peaks[1] / peaks[0] - 1
        reached = max(peaks) <= _PEAK_BYTES and growth <= _PEAK_GROWTH
        measured = f"{peaks[0] / MEGABYTE:.0f} MB, {peaks[1] / MEGABYTE:.0f} MB ({growth:+.1%})"
        outcome = Outcome.OK if reached else Outcome.MISSED
        messages.append(Measurement(what, measured, _PEAK_BAR, outcome))
    return Results(tuple(messages), notes=tuple(notes))


def measure_formats(harness: Harness) -> Results:
    """Measure the formats side by side on the same records."""
    records = harness.sizes.formats_records
    forms = (Format.NDJSON, Format.JSON, Format.CSV)
    rounds = in_turn(
        {form: partial(harness.push, records, form) for form in forms}, harness.sizes.rounds
    )
    return Results(
        tuple(
            at_least(
                f"records/s of {_FORMATS[form]} against NDJSON",
                time_ratio(rounds[Format.NDJSON], rounds[form]),
                0.85,
            )
            for form in forms[1:]
        )
    )


def measure_cpu(harness: Harness) -> Results:
    """Measure whether a record costs the same in a small file and a large one.

    What a push takes that is just large enough to open all connections is
    subtracted. The small file is pushed many times by one process, as otherwise
    start-up takes most of it.
    """
    (small, large), times = harness.sizes.cpu_records, harness.sizes.cpu_pushes
    runs = {
        "start-up": partial(harness.push, _START_RECORDS),
        "large": partial(harness.push, large),
        "starts": partial(harness.push, _START_RECORDS, times=times),
        "small": partial(harness.push, small, times=times),
    }
    usages = in_turn(runs, harness.sizes.rounds)
    cpu_seconds = [[usage.cpu_seconds for usage in rounds] for rounds in usages.values()]
    costs = [  # seconds a record, small file and large, of each round
        (
            (small_cpu - starts) / times / (small - _START_RECORDS),
            (large_cpu - start) / (large - _START_RECORDS),
        )
        for start, large_cpu, starts, small_cpu in zip(*cpu_seconds, strict=True)
    ]
    costs.sort(key=lambda cost: cost[1] / cost[0])
    of_small, of_large = costs[len(costs) // 2]
    drift = of_large / of_small - 1
    message = Measurement(
        f"CPU a record, {small:,} and {large:,} records",
        f"{of_small * _MICROSECONDS:.2f} µs, {of_large * _MICROSECONDS:.2f} µs ({drift:+.1%})",
        f"within {_CPU_DRIFT:.0%}",
        Outcome.OK if abs(drift) <= _CPU_DRIFT else Outcome.MISSED,
    )
    return Results((message,))


def measure_version(harness: Harness) -> Results:
    """Measure how soon ``rjcli --version`` is done."""
    return _start_up(
        harness,
        "`rjcli --version` against `python -c 'import typer'`",
        partial(harness.run, PYTHON, "-m", "rjcli", "--version"),
        "import typer",
        1.3,
    )


def measure_start(harness: Harness) -> Results:
    """Measure how soon a push of one record is done."""
    return _start_up(
        harness,
        "a one-record push against `python -c 'import typer, httpx'`",
        partial(harness.push, 1),
        "import typer, httpx",
        1.6,
    )


def _start_up(harness: Harness, what: str, run: Run, imports: str, bar: float) -> Results:
    runs: dict[str, Run] = {"rjcli": run, "imports": partial(harness.run, PYTHON, "-c", imports)}
    rounds = in_turn(runs, harness.sizes.short_rounds)
    took, least = (best(usages).seconds for usages in rounds.values())
    note = f"{what}: {took * 1000:.0f} ms against {least * 1000:.0f} ms."
    return Results((at_most(what, took / least, bar),), notes=(note,))


def measure_progress(harness: Harness) -> Results:
    """Measure what the progress bar costs, on a terminal of its own."""
    records = harness.sizes.progress_records
    push = partial(harness.push, records, terminal=True)
    runs = {each: partial(push, options=("--progress", each)) for each in ("bar", "none")}
    what = f"progress bar against `--progress none`: time for {records:,} records"
    rounds = in_turn(runs, harness.sizes.close_rounds)
    ratio = best(rounds["bar"]).seconds / best(rounds["none"]).seconds
    return Results((at_most_slower(what, ratio, _COST),))


def measure_checkpoint(harness: Harness) -> Results:
    """Say why it is not measured what checkpoints cost."""
    what = f"checkpoints on against off: time for {harness.sizes.progress_records:,} records"
    why = "they cannot be turned off"
    return Results((not_measured(what, why, f"at most {_COST:+.0%}"),))


GROUPS: Mapping[str, Callable[[Harness], Results]] = {
    "peers": measure_peers,
    "load": measure_load,
    "library": measure_library,
    "shell": measure_shell,
    "latency": measure_latency,
    "memory": measure_memory,
    "formats": measure_formats,
    "cpu": measure_cpu,
    "version": measure_version,
    "start": measure_start,
    "progress": measure_progress,
    "checkpoint": measure_checkpoint,
}
