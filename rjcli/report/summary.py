"""The end of a run, for people and for scripts."""

from dataclasses import asdict
from typing import Any

from rich.filesize import decimal

from rjcli.errors import RjcliError
from rjcli.model import Status, Summary


def summary_document(summary: Summary) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    job = summary.job
    return {
        "run": job.run,
        "status": summary.status,
        "exit_code": summary.exit_code,
        "environment": job.environment,
        "base_url": job.base_url,
        "client_id": job.client_id,
        "table": job.table,
        "keys": job.keys,
        "inputs": job.inputs,
        "dry_run": job.dry_run,
        "records": asdict(summary.counts),
        "batches": {
            "accepted": summary.batches_accepted,
            "retried": summary.batches_retried,
            "split": summary.batches_split,
        },
        "requests": summary.requests,
        "bytes_read": summary.bytes_read,
        "bytes_sent": summary.bytes_sent,
        "seconds": round(summary.seconds, 3),
        "run_dir": None,
        "rejects": None,
        "errors": None,
        "resumable": False,
        "message": summary.message,
    }


def failure_document(error: RjcliError) -> dict[str, Any]:
    """The object that ``--json`` prints when an error came before there was anything to tell."""
    return {"status": Status.FAILED, "exit_code": error.exit_code, "message": error.message}


def summary_lines(summary: Summary) -> list[str]:
    """The account, and what it took."""
    counts = summary.counts
    settled = counts.accepted + counts.rejected
    account = (
        f"read {counts.read:,} = accepted {counts.accepted:,} + rejected {counts.rejected:,}"
        f" + unknown {counts.unknown:,} + unsent {counts.unsent:,}"
    )
    effort = (
        f"{_number(summary.requests, 'request')}, {decimal(summary.bytes_read)} read,"
        f" {decimal(summary.bytes_sent)} sent, {summary.seconds:.1f} s,"
        f" {settled / max(summary.seconds, 0.001):,.0f} records/s"
    )
    return [account, effort]


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
