"""The end of a run, for people and for scripts."""

from typing import Any

from msgspec.structs import asdict
from rich.filesize import decimal

from rjcli.errors import RjcliError
from rjcli.events import Status, Summary


def summary_document(summary: Summary) -> dict[str, Any]:
    """The object that ``--json`` prints."""
    run, artifacts = summary.run, summary.artifacts
    document = {
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
        "run_dir": artifacts.directory if artifacts else None,
        "rejects": artifacts.rejects[0] if artifacts and artifacts.rejects else None,
        "errors": artifacts.errors if artifacts else None,
        "resumable": bool(artifacts and artifacts.resume),
        "message": summary.message,
    }
    if artifacts and len(artifacts.rejects) > 1:
        document["more_rejects"] = artifacts.rejects[1:]
    if summary.column_types:
        document["column_types"] = dict(summary.column_types)
    if run.dry_run:
        document["first_body"] = summary.first_body and summary.first_body.decode()
    return document


def failure_document(error: RjcliError) -> dict[str, Any]:
    """The object that ``--json`` prints when an error came before there was anything to tell."""
    return {"status": Status.FAILED, "exit_code": error.exit_code, "message": error.message}


def summary_lines(summary: Summary) -> list[str]:
    """The account, what it took, and what was found out about the input."""
    counts = summary.counts
    account = (
        f"read {counts.read:,} = accepted {counts.accepted:,} + rejected {counts.rejected:,}"
        f" + unknown {counts.unknown:,} + unsent {counts.unsent:,}"
    )
    requests = _number(summary.requests, "request")
    if summary.run.dry_run:
        effort = f"a push would send {requests}, {decimal(summary.bytes_sent)}"
    else:
        rate = (counts.accepted + counts.rejected - summary.settled_before) / max(
            summary.seconds, 0.001
        )
        effort = (
            f"{requests}, up to {summary.concurrency} in flight,"
            f" {decimal(summary.bytes_read)} read, {decimal(summary.bytes_sent)} sent,"
            f" {summary.seconds:.1f} s, {rate:,.0f} records/s"
        )
    lines = [account, effort]
    if summary.column_types:
        types = [f"{name} {type_}" for name, type_ in summary.column_types.items()]
        lines.append(f"column types: {', '.join(types)}")
    if summary.first_body is not None:
        lines += ["the first request's body:", summary.first_body.decode()]
    return lines + next_steps(summary)


def next_steps(summary: Summary) -> list[str]:
    """What to do where not every record was accepted, with paths and the command to copy."""
    artifacts, counts = summary.artifacts, summary.counts
    if artifacts is None:
        return []
    lines = [f"rejects: {path}: mend them and push that file" for path in artifacts.rejects]
    if artifacts.errors:
        lines.append(f"what is wrong with each: {artifacts.errors}")
    if artifacts.resume:
        left = counts.unknown + counts.unsent
        rest = f"the other {left:,} of them and " if left else ""
        lines.append(f"to load {rest}what has not been read: {artifacts.resume}")
    return lines


def _number(count: int, thing: str) -> str:
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
