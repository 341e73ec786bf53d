"""The summary of a load as one JSON object: what ``--json`` prints, and a run keeps."""

from collections.abc import Iterable, Mapping
from typing import Any

from rjcli.events import Counts, LoadSummary
from rjcli.run.summary import summary_document

_SUMS = ("requests", "bytes_read", "bytes_sent")


def load_document(summary: LoadSummary) -> dict[str, Any]:
    """The object for a load: the members of a push with totals, and ``tables`` with each push.

    A table that had been finished before has the summary that it ended with.
    """
    load = summary.load
    pushed = {table: summary_document(each) for table, each in summary.tables.items()}
    tables = {**summary.finished_before, **pushed}
    return {
        "run": None if load.dry_run else load.name,
        "load": load.file,
        "status": summary.status,
        "exit_code": summary.exit_code,
        "environment": load.environment,
        "base_url": load.base_url,
        "client_id": load.client_id,
        "table": None,
        "keys": [],
        "inputs": [name for each in tables.values() for name in each["inputs"]],
        "dry_run": load.dry_run,
        "records": _sum((each["records"] for each in tables.values()), Counts.__struct_fields__),
        "batches": _sum(
            (each["batches"] for each in pushed.values()), ("accepted", "retried", "split")
        ),
        **_sum(pushed.values(), _SUMS),
        "seconds": round(summary.seconds, 3),
        "run_dir": summary.directory,
        "rejects": None,
        "errors": None,
        "resumable": summary.resume is not None,
        "resume": summary.resume,
        "message": summary.message,
        "hint": summary.hint,
        "error": summary.error,
        "skipped": list(load.skipped),
        "tables": tables,
    }


def _sum(documents: Iterable[Mapping[str, Any]], names: Iterable[str]) -> dict[str, int]:
    sums = dict.fromkeys(names, 0)
    for document in documents:
        for name in sums:
            sums[name] += document[name]
    return sums
