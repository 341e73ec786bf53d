"""Runs: what each push leaves on disk, so that it is accounted for and can be resumed.

A run has a directory. ``job.json`` says what it is about. ``checkpoint.json`` says
how far it has come, and is replaced as one step; ``rejects.*`` and
``errors.ndjson`` only grow, and the checkpoint has their sizes: what goes beyond these
is cut off when the run is resumed. What late requests may still overwrite is kept by
table (``keys_in_doubt``).
"""

from rjcli.run.checkpoint import Checkpoint
from rjcli.run.identity import identify
from rjcli.run.keys_in_doubt import (
    CollectedDoubts,
    InDoubt,
    KeysInDoubt,
    decode_doubt,
    encode_doubt,
)
from rjcli.run.ledger import Ledger
from rjcli.run.listing import RunRecord, find_run, list_runs, mark_retried, prune_runs
from rjcli.run.load_run import LoadRequest, LoadRun, open_load_run
from rjcli.run.opening import RunRequest, open_in_doubt, open_run, open_table_types
from rjcli.run.removal import losses, remove_run
from rjcli.run.run import Run
from rjcli.run.state import state_directory
from rjcli.run.table_types import TableTypes

__all__ = [
    "Checkpoint",
    "CollectedDoubts",
    "InDoubt",
    "KeysInDoubt",
    "Ledger",
    "LoadRequest",
    "LoadRun",
    "Run",
    "RunRecord",
    "RunRequest",
    "TableTypes",
    "decode_doubt",
    "encode_doubt",
    "find_run",
    "identify",
    "list_runs",
    "losses",
    "mark_retried",
    "open_in_doubt",
    "open_load_run",
    "open_run",
    "open_table_types",
    "prune_runs",
    "remove_run",
    "state_directory",
]
