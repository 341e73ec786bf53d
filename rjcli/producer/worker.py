"""The process that reads for the push that started it.

It takes its task from a socket, whose descriptor is its argument, and sends its
messages there. It ends when nobody holds the other end.
"""

import os
import pickle
import select
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from rjcli.errors import RjcliError
from rjcli.model import Noted
from rjcli.producer.messages import Message, Pause
from rjcli.producer.pickling import Envelope, send
from rjcli.producer.producer import Producer, ProducerTask
from rjcli.reading import Source


class Reads(Protocol):
    """Reads inputs. At a Pause there may be nothing to read yet; see ``Producer``."""

    @property
    def source(self) -> Source:
        """The input that is being read."""

    @property
    def seconds_to_wait(self) -> float | None:
        """How long to wait for it at most; None: as long as it takes."""

    def messages(self) -> Iterator[Any]:
        """Read everything."""


def main() -> None:
    """Read the inputs of a push."""
    serve(_begin)


def serve(begin: Callable[[Any], Reads]) -> None:
    """Say that it has started, take a task, and send all messages."""
    with (
        socket.socket(fileno=int(sys.argv[1])) as push,
        push.makefile("rb") as stream,
        suppress(ConnectionError, EOFError, pickle.UnpicklingError),  # the push has ended
    ):
        send(push, [])
        task = pickle.load(stream)  # noqa: S301 - of our own
        try:
            for envelope in _envelopes(partial(begin, task), push):
                send(push, envelope)
        except MemoryError:
            sys.exit(1)


def _begin(task: ProducerTask) -> Producer:
    return Producer(task, [Source(file) for file in task.settings.input.files])


def _envelopes(begin: Callable[[], Reads], push: socket.socket) -> Iterator[Envelope]:
    """All messages; for speed, those of one block of an input go together."""
    messages: list[Message] = []
    end: RjcliError | None = None
    try:
        producer = begin()
        for message in producer.messages():
            messages.append(message)
            if isinstance(message, Pause):
                yield messages
                messages = []
                _wait(producer, push)
    except RjcliError as error:
        end = error
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the push says what it was
        from rjcli.crash_report import error_from, trace

        messages += map(Noted, trace(error, os.environ))
        end = error_from(error)
    yield messages
    yield end


def _wait(producer: Reads, push: socket.socket) -> None:
    """Where there is nothing to read yet: wait for it, or the end of the push."""
    fd = producer.source.dry_fd
    if fd is None:
        return
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(push, select.POLLIN)  # readable only when it has ended
    seconds = producer.seconds_to_wait
    ready = poll.poll(None if seconds is None else seconds * 1000)
    if push.fileno() in dict(ready):
        sys.exit()
