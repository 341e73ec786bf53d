"""``python -m rjcli.intake``: reads for the push that started it.

Its standard output is a socket, on which it takes its task and tells its
findings. It ends when nobody holds the other end.
"""

import os
import pickle
import select
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

from rjcli.defect import describe_defect, trace
from rjcli.errors import RjcliError
from rjcli.intake.findings import Finding, ReadSoFar
from rjcli.intake.intake import Intake, IntakeTask
from rjcli.intake.wire import Told, send
from rjcli.model import Noted
from rjcli.reading import Source


def main() -> None:
    """Take a task, and tell what there is to be found."""
    with (
        socket.socket(fileno=os.dup(sys.stdout.fileno())) as push,
        push.makefile("rb") as stream,
        suppress(ConnectionError, EOFError, pickle.UnpicklingError),  # the push has ended
    ):
        task: IntakeTask = pickle.load(stream)  # noqa: S301 - of our own
        for told in _tell_all(task, push):
            send(push, told)


def _tell_all(task: IntakeTask, push: socket.socket) -> Iterator[Told]:
    """All that is found; for speed, what one block of an input brings goes together."""
    findings: list[Finding] = []
    end: RjcliError | None = None
    try:
        intake = Intake(task, [Source(file) for file in task.settings.input.files])
        for finding in intake.findings():
            findings.append(finding)
            if isinstance(finding, ReadSoFar):
                yield findings
                findings = []
                _wait(intake, push)
    except RjcliError as error:
        end = error
    except Exception as error:  # noqa: BLE001 - the push says what it was
        findings += map(Noted, trace(error, os.environ))
        end = describe_defect(error)
    yield findings
    yield end


def _wait(intake: Intake, push: socket.socket) -> None:
    """Where there is nothing to read yet: wait for it, or the end of the push."""
    fd = intake.source.dry_fd
    if fd is None:
        return
    left = None if intake.flush_at is None else max(0.0, intake.flush_at - time.monotonic())
    ready, _, _ = select.select([fd, push.fileno()], [], [], left)
    if push.fileno() in ready:  # it has nothing more to say
        sys.exit()


if __name__ == "__main__":
    main()
