"""The summary of a push as one JSON object: what ``--json`` prints, and a run keeps."""

from typing import Any

from msgspec.structs import asdict

from rjcli.errors import RjcliError
from rjcli.events import Counts, Status, Summary


def summary_document(summary: Summary) -> dict[str, Any]:
    """The object for a push, however it ended."""
    run, artifacts = summary.run, summary.artifacts
    rejects = artifacts.rejects if artifacts else ()
    return {
        "run": run.name,
        "status": summary.status,
        "exit_code": summary.exit_code,
        "environment": run.environment,
        "base_url": run.base_url,
        "client_id": run.client_id,
        "table": run.table,
        "keys": run.keys,
        "inputs": run.inputs,
        "dry_run": run.dry_run,
        "records": asdict(summary.counts),
        "batches": {
            "accepted": summary.batches_accepted,
            "retried": summary.batches_retried,
            "split": summary.batches_split,
        },
        "requests": summary.requests,
        "bytes_read": summary.bytes_read,
        "bytes_sent": summary.bytes_sent,
        "concurrency": summary.concurrency,
        "seconds": round(summary.seconds, 3),
        "column_types": dict(summary.column_types),
        "first_body": summary.first_body and summary.first_body.decode(),
        "run_dir": artifacts.directory if artifacts else None,
        "rejects": rejects[0] if rejects else None,
        "more_rejects": rejects[1:],
        "errors": artifacts.errors if artifacts else None,
        "resumable": bool(artifacts and artifacts.resume),
        "resume": artifacts.resume if artifacts else None,
        "message": summary.message,
        "hint": summary.hint,
        "error": summary.error,
    }


def failure_document(error: RjcliError) -> dict[str, Any]:
    """The same object for an error that came before there was a push to sum up."""
    nothing = dict.fromkeys(
        ("run", "environment", "base_url", "client_id", "table", "run_dir", "rejects", "errors")
    )
    return {
        **nothing,
        "status": Status.INTERRUPTED if error.word == "interrupted" else Status.FAILED,
        "exit_code": error.exit_code,
        "keys": [],
        "inputs": [],
        "dry_run": False,
        "records": asdict(Counts()),
        "batches": {"accepted": 0, "retried": 0, "split": 0},
        **dict.fromkeys(("requests", "bytes_read", "bytes_sent", "concurrency"), 0),
        "seconds": 0.0,
        "column_types": {},
        "first_body": None,
        "more_rejects": [],
        "resumable": False,
        "resume": None,
        "message": error.message,
        "hint": error.hint,
        "error": error.word,
    }
