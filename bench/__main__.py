"""``python -m bench``: measures, prints the tables, and keeps them if asked to."""

import argparse
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench import machine
from bench.harness import FULL, QUICK, Harness
from bench.processes import ROOT, BenchError, end_on_signals
from bench.results import Results, findings_table, not_measured, standings_table
from bench.targets import GROUPS


def main() -> int:
    """Measure what the command line asks for. Returns 1 if something could not be measured."""
    options = _options()
    end_on_signals()
    when, where = datetime.now(UTC), machine.machine()
    failed = False
    results = []
    with Harness(options.workdir, QUICK if options.quick else FULL) as harness:
        for name in options.only or GROUPS:
            _print(f"measuring {name} …")
            try:
                results.append(GROUPS[name](harness))
            except BenchError as error:
                failed = True
                _print(f"{name}: {error}")
                message = not_measured(name, "it failed, see below", "")
                results.append(Results((message,), notes=(f"{name}: {error}",)))
    report = _report(results)
    sys.stdout.write(report)
    if options.write:
        options.write.write_text(_page(report, when, where, quick=options.quick))
        _print(f"written to {options.write}")
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure rjcli against its targets and its peers."
    )
    parser.add_argument("--quick", action="store_true", help="smaller files: minutes, not a while")
    parser.add_argument(
        "--only",
        action="append",
        choices=GROUPS,
        metavar="NAME",
        help=f"measure one group, may be given again: {', '.join(GROUPS)}",
    )
    parser.add_argument(
        "--workdir",
        type=Path,
        default=ROOT / "demo" / "bench",
        metavar="DIR",
        help="keep the input files here (default: demo/bench; about 5 GB, with --quick 1 GB)",
    )
    parser.add_argument(
        "--write",
        nargs="?",
        type=Path,
        const=ROOT / "BENCHMARKS.md",
        metavar="FILE",
        help="keep the tables in FILE (default: BENCHMARKS.md)",
    )
    options = parser.parse_args()
    if options.write and options.only:
        parser.error("--write keeps whole results: give it without --only")
    return options


def _report(results: list[Results]) -> str:
    messages = [message for each in results for message in each.messages]
    parts = [findings_table(messages)]
    parts += [standings_table(each.standings) for each in results if each.standings]
    parts += ["\n".join(f"- {note}" for each in results for note in each.notes)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _page(report: str, when: datetime, where: str, *, quick: bool) -> str:
    def lines() -> Iterator[str]:
        how = " --quick" if quick else ""
        yield "# Benchmarks"
        yield f"`python -m bench{how}` on {when:%Y-%m-%d}. Only ratios carry over elsewhere."
        yield f"- machine: {where}\n- versions: {machine.versions()}"
        yield report.rstrip()
        yield (
            "Everything is on loopback, each client a process of its own, and what is compared runs"
            " in turn. To run it again:"
            " `.venv/bin/python -m bench --write`, with `requests` and curl installed."
        )
        yield (ROOT / "bench" / "notes.md").read_text().rstrip()

    return "\n\n".join(lines()) + "\n"


def _print(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
