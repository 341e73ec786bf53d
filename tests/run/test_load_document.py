"""The JSON object of a load: totals of its tables, and what each of them has."""

from typing import Any

from msgspec.structs import replace

from rjcli.events import (
    Counts,
    LoadDescription,
    LoadSummary,
    RunArtifacts,
    RunDescription,
    Status,
    Summary,
)
from rjcli.run.load_document import load_document
from rjcli.run.summary import summary_document

LOAD = LoadDescription(
    name="20260101-000000-shop-aaaa",
    file="shop.toml",
    environment="sandbox",
    base_url="https://h/v2",
    host="h",
    client_id=12,
    tables=("a", "b", "c"),
    skipped=("none",),
    dry_run=False,
    bytes_total=90,
)


def pushed(table: str, counts: Counts, factor: int) -> Summary:
    """How the push of a table went, with numbers that differ from each other."""
    run = RunDescription(
        f"run-{table}",
        "sandbox",
        "https://h/v2",
        "h",
        12,
        table,
        keys=("id",),
        inputs=(f"{table}.csv",),
        dry_run=False,
    )
    return Summary(
        run,
        Status.REJECTS,
        3,
        counts,
        batches_accepted=2 * factor,
        batches_retried=3 * factor,
        batches_split=5 * factor,
        requests=7 * factor,
        bytes_read=11 * factor,
        bytes_sent=13 * factor,
        seconds=1.5,
        artifacts=RunArtifacts(f"/runs/{table}", (f"/runs/{table}/rejects.csv",)),
    )


A = pushed("a", Counts(10, 5, 2, 2, 1), 1)
B = pushed("b", Counts(100, 50, 20, 20, 10), 10)
BEFORE = summary_document(pushed("c", Counts(1000, 900, 100, 0, 0), 100))
SUMMARY = LoadSummary(
    LOAD,
    Status.FAILED,
    5,
    {"a": A, "b": B},
    {"c": BEFORE},
    seconds=1.23456,
    message="2 tables are left",
    hint="resume it",
    error="stopped",
    directory="/runs/load",
    resume="rjcli resume load",
)


def test_document_has_all_of_a_load() -> None:
    """Records are those of all tables, work is that of this invocation, the rest is the load's."""
    expected: dict[str, Any] = {
        "run": "20260101-000000-shop-aaaa",
        "load": "shop.toml",
        "status": "failed",
        "exit_code": 5,
        "environment": "sandbox",
        "base_url": "https://h/v2",
        "client_id": 12,
        "table": None,
        "keys": [],
        "inputs": ["c.csv", "a.csv", "b.csv"],
        "dry_run": False,
        "records": {"read": 1110, "accepted": 955, "rejected": 122, "unknown": 22, "unsent": 11},
        "batches": {"accepted": 22, "retried": 33, "split": 55},
        "requests": 77,
        "bytes_read": 121,
        "bytes_sent": 143,
        "seconds": 1.235,
        "run_dir": "/runs/load",
        "rejects": None,
        "errors": None,
        "resumable": True,
        "resume": "rjcli resume load",
        "message": "2 tables are left",
        "hint": "resume it",
        "error": "stopped",
        "skipped": ["none"],
        "tables": {"c": BEFORE, "a": summary_document(A), "b": summary_document(B)},
    }
    assert load_document(SUMMARY) == expected


def test_document_of_a_dry_run_names_no_run() -> None:
    """A dry run has no run and nothing to resume, and says so."""
    summary = LoadSummary(
        replace(LOAD, dry_run=True), Status.COMPLETE, 0, {"a": A}, {}, seconds=0.0
    )
    document = load_document(summary)
    wanted = ("run", "dry_run", "resumable", "resume", "run_dir")
    assert [document[name] for name in wanted] == [None, True, False, None, None]
