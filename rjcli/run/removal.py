"""Removing runs: none that is under way, and nothing that other runs of the table need.

What is known of a table, such as its keys in doubt, is not in a run's directory. Where it
is, as in a directory that was named for the run and has no state directory beside it, it stays.
"""

import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from rjcli.errors import UnfinishedError, plural
from rjcli.private_file import Directory, os_errors_as_ours
from rjcli.run.listing import JOB, LOCK, RETRIED, TABLES, RunRecord
from rjcli.run.lock import Lock
from rjcli.run.rejects import ERRORS
from rjcli.run.run import CHECKPOINT, SUMMARY
from rjcli.run.state import RUNS


def losses(run: RunRecord) -> list[str]:
    """What would be lost with a run whose work is not done; empty if it is."""
    if run.tables is not None:
        return ["resuming the tables that it has not finished"] if run.is_resumable else []
    if run.checkpoint is None:
        return ["what is left to do, which a damaged checkpoint does not say"]
    found = []
    if run.is_resumable and run.has_progress:
        found.append(f"resuming after its first {plural(run.checkpoint.records, 'record')}")
    if run.rejects:
        found.append(f"{plural(run.counts.get('rejected', 0), 'reject')} not fixed yet")
    return found


def remove_run(run: RunRecord) -> None:
    """Delete a run.

    Its directory goes as a whole if rjcli chose it; of one that was named for the run, the
    files that rjcli made. Raises UnfinishedError if the run is under way, UsageError
    where its files cannot be deleted.
    """
    if run.is_running:
        raise UnfinishedError(f"{run.name} is under way", hint="wait for it, or stop it")
    directory = run.directory
    now = datetime.now().astimezone().isoformat()
    # Who resumes it meanwhile gets the error that it is in use, and then that there is none.
    with (
        os_errors_as_ours(f"cannot delete {directory}"),
        Directory(directory) as held,
        Lock(held, LOCK, str(directory), now),
    ):
        held.remove(JOB)  # without it the rest is no run, should this be interrupted
        if directory.parent.name == RUNS:
            shutil.rmtree(directory)
            return
        names = [CHECKPOINT, SUMMARY, TABLES, RETRIED, ERRORS, LOCK]
        for name in [*names, *(Path(path).name for path in run.rejects)]:
            held.remove(name)
        with suppress(OSError):  # keys in doubt, or what somebody else put there
            directory.rmdir()
