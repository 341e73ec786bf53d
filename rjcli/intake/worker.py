"""The process that reads for the push that started it.

It takes its task and tells its findings on a socket, whose descriptor is its
argument. It ends when nobody holds the other end.
"""

import os
import pickle
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress

from rjcli.defect import describe_defect, trace
from rjcli.errors import RjcliError
from rjcli.intake.findings import Finding, Pause
from rjcli.intake.intake import Intake, IntakeTask
from rjcli.intake.wire import Told, send
from rjcli.model import Noted
from rjcli.reading import Source


def main() -> None:
    """Say that it is there, take a task, and tell what there is to be found."""
    with (
        socket.socket(fileno=int(sys.argv[1])) as push,
        push.makefile("rb") as stream,
        suppress(ConnectionError, EOFError, pickle.UnpicklingError),  # the push has ended
    ):
        send(push, [])
        task: IntakeTask = pickle.load(stream)  # noqa: S301 - of our own
        try:
            for told in _tell_all(task, push):
                send(push, told)
        except MemoryError:
            sys.exit(1)


def _tell_all(task: IntakeTask, push: socket.socket) -> Iterator[Told]:
    """All that is found; for speed, what one block of an input brings goes together."""
    findings: list[Finding] = []
    end: RjcliError | None = None
    try:
        intake = Intake(task, [Source(file) for file in task.settings.input.files])
        for finding in intake.findings():
            findings.append(finding)
            if isinstance(finding, Pause):
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
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(push, select.POLLIN)  # it has nothing more to say
    seconds = intake.seconds_to_wait
    ready = poll.poll(None if seconds is None else seconds * 1000)
    if push.fileno() in dict(ready):
        sys.exit()
