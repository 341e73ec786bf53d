"""Runs: what each push leaves behind, so that it is accounted for and can be resumed.

A run has a directory. ``job.json`` says what it is about, and is written once.
``checkpoint.json`` says how far it has come, and is replaced as one step;
``rejects.*`` and ``errors.ndjson`` only grow, and the checkpoint has their
sizes: what lies behind these is cut off when the run is resumed.
``doubts.ndjson`` has the keys that a request may still overwrite.
"""

from rjcli.run.checkpoint import Checkpoint
from rjcli.run.identity import identify
from rjcli.run.listing import RunRecord, find_run, list_runs, prune_runs, state_directory
from rjcli.run.opening import RunRequest, open_run, resume_command
from rjcli.run.prefix import Prefix, Span
from rjcli.run.rejects import Form
from rjcli.run.run import Position, Run

__all__ = [
    "Checkpoint",
    "Form",
    "Position",
    "Prefix",
    "Run",
    "RunRecord",
    "RunRequest",
    "Span",
    "find_run",
    "identify",
    "list_runs",
    "open_run",
    "prune_runs",
    "resume_command",
    "state_directory",
]
