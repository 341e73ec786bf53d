"""The summary of a push as a JSON object, name by name."""

from typing import Any

import pytest

from rjcli.errors import InterruptedByUserError, RjcliError, UsageError
from rjcli.events import Counts, RunArtifacts, RunDescription, Status, Summary
from rjcli.run.summary import failure_document, summary_document

RUN = RunDescription(
    "r", "sandbox", "https://h/v2", "h", 12, "t", ("id",), ("a.csv",), dry_run=True
)
SUMMARY = Summary(
    run=RUN,
    status=Status.REJECTS,
    exit_code=3,
    counts=Counts(read=15, accepted=1, rejected=2, unknown=4, unsent=8),
    batches_accepted=21,
    batches_retried=22,
    batches_split=23,
    requests=31,
    bytes_read=32,
    bytes_sent=33,
    seconds=1.23456,
    concurrency=34,
    message="what",
    hint="do",
    error="rejects",
    column_types={"id": "integer"},
    first_body=b"[1]",
    artifacts=RunArtifacts("/r", ("/r/1", "/r/2", "/r/3"), "/r/e", "resume r", "retry r"),
)
DOCUMENT = {
    "run": "r",
    "status": "rejects",
    "exit_code": 3,
    "environment": "sandbox",
    "base_url": "https://h/v2",
    "client_id": 12,
    "table": "t",
    "keys": ("id",),
    "inputs": ("a.csv",),
    "dry_run": True,
    "records": {"read": 15, "accepted": 1, "rejected": 2, "unknown": 4, "unsent": 8},
    "batches": {"accepted": 21, "retried": 22, "split": 23},
    "requests": 31,
    "bytes_read": 32,
    "bytes_sent": 33,
    "concurrency": 34,
    "seconds": 1.235,
    "column_types": {"id": "integer"},
    "first_body": "[1]",
    "run_dir": "/r",
    "rejects": "/r/1",
    "more_rejects": ("/r/2", "/r/3"),
    "errors": "/r/e",
    "resumable": True,
    "resume": "resume r",
    "message": "what",
    "hint": "do",
    "error": "rejects",
}


def test_summary_says_everything() -> None:
    """Each name of the summary has its value, in the order in which people read it."""
    document = summary_document(SUMMARY)
    assert document == DOCUMENT
    assert [*document] == [*DOCUMENT]


def test_summary_without_files_has_all_names() -> None:
    """A push that leaves nothing has the same names, with null or nothing for what is missing."""
    document = summary_document(Summary(RUN, Status.COMPLETE, 0, Counts()))
    nothing = dict.fromkeys(
        ("first_body", "run_dir", "rejects", "errors", "resume", "message", "hint", "error")
    )
    zeros = dict.fromkeys(("requests", "bytes_read", "bytes_sent", "concurrency", "seconds"), 0)
    assert document == {
        **DOCUMENT,
        **nothing,
        **zeros,
        "status": "complete",
        "exit_code": 0,
        "records": dict.fromkeys(("read", "accepted", "rejected", "unknown", "unsent"), 0),
        "batches": {"accepted": 0, "retried": 0, "split": 0},
        "column_types": {},
        "more_rejects": (),
        "resumable": False,
    }


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            UsageError("what", hint="do"),
            {"status": "failed", "exit_code": 2, "message": "what", "hint": "do", "error": "usage"},
        ),
        (
            InterruptedByUserError("stop", signal=2),
            {
                "status": "interrupted",
                "exit_code": 130,
                "message": "stop",
                "hint": None,
                "error": "interrupted",
            },
        ),
    ],
)
def test_failure_has_the_names_of_a_summary(error: RjcliError, expected: dict[str, Any]) -> None:
    """An error before a push has the same names; only what is wrong has values."""
    document = failure_document(error)
    assert document.keys() == DOCUMENT.keys()
    nulls = {"run", "environment", "base_url", "client_id", "table", "run_dir", "rejects", "errors"}
    assert document == {
        **dict.fromkeys(nulls | {"first_body", "resume"}),
        **expected,
        "keys": [],
        "inputs": [],
        "dry_run": False,
        "records": {"read": 0, "accepted": 0, "rejected": 0, "unknown": 0, "unsent": 0},
        "batches": {"accepted": 0, "retried": 0, "split": 0},
        "requests": 0,
        "bytes_read": 0,
        "bytes_sent": 0,
        "concurrency": 0,
        "seconds": 0.0,
        "column_types": {},
        "more_rejects": [],
        "resumable": False,
    }
