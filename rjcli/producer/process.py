"""Where a producer runs: here, or in a process of its own for large inputs."""

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from rjcli.errors import UnfinishedError
from rjcli.producer.messages import Message, Pause
from rjcli.producer.pickling import LENGTH, Envelope, unpack
from rjcli.producer.producer import Producer, ProducerTask
from rjcli.producer.worker import Reads
from rjcli.reading import Source, total_size

_WORTH_BYTES = 4 * 2**20  # with less to read, starting a process takes more time than it saves
# The worker is to find the same modules, which an environment variable could not say of all paths.
_WORKER = "import sys; sys.path[:] = sys.argv[2:]; from {module} import main; main()"
_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

Produce = Callable[[ProducerTask], AsyncGenerator[Message, None]]
"""Yields the messages of a producer, once, and raises its errors.

UnfinishedError, if they come from another process, and that one is killed.
"""

Begin = Callable[[Any], Reads]
"""Returns what reads the inputs of a task."""


@contextmanager
def open_producer(sources: Sequence[Source], secrets: Sequence[str] = ()) -> Iterator[Produce]:
    """Make ready to read some inputs.

    Where there is much to read, or no telling how much, another process does
    it, which is started at once and ends, at the latest, with the context.
    ``secrets``: environment variables that it must not have.
    """
    reading = partial(Producer, sources=sources)
    with open_reader("rjcli.producer.worker", reading, sources, secrets) as produce:
        yield produce


@contextmanager
def open_reader(
    module: str, begin: Begin, sources: Sequence[Source], secrets: Sequence[str] = ()
) -> Iterator[Callable[[Any], AsyncGenerator[Any, None]]]:
    """Make ready to read some inputs, with ``begin`` here, or with ``main`` of a module elsewhere.

    What is returned takes the task, and yields the messages; otherwise as ``open_producer``.
    """
    with ExitStack() as stack:
        process = None
        if _is_worth_a_process(sources):
            # Without memory or processes to spare, it works here as well.
            with suppress(OSError):
                process = stack.enter_context(_worker(module, secrets))
        if process:
            yield partial(_receive_all, *process, begin)
        else:
            yield lambda task: _produce_here(begin(task))


async def _produce_here(producer: Reads) -> AsyncGenerator[Any, None]:
    for message in producer.messages():
        yield message
        if isinstance(message, Pause):
            await _wait(producer)


async def _wait(producer: Reads) -> None:
    """Let others go on; where there was nothing to read yet, until there is or time is up."""
    fd = producer.source.dry_fd
    if fd is None:
        await asyncio.sleep(0)
        return
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(fd, ready.set)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(producer.seconds_to_wait):
                await ready.wait()
    finally:
        loop.remove_reader(fd)


def _is_worth_a_process(sources: Sequence[Source]) -> bool:
    """Whether another process would save time, and can be started at all."""
    size = total_size(sources)
    is_large = size is None or size >= _WORTH_BYTES
    usable = os.sched_getaffinity(0) if sys.platform == "linux" else range(os.cpu_count() or 1)
    can_start = bool(sys.executable) and not getattr(sys, "frozen", False)
    return is_large and len(usable) > 1 and can_start


@contextmanager
def _worker(
    module: str, secrets: Sequence[str]
) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    """Start a process that takes its task from a socket. Raises OSError.

    It has the standard input, which may be what is to be read, and all that can be read through
    /dev/fd. It leaves signals to this process.
    """
    environ = {name: value for name, value in os.environ.items() if name not in secrets}
    worker = _WORKER.format(module=module)
    ours, theirs = socket.socketpair()
    with ours, ExitStack() as stack:
        stack.enter_context(theirs)
        theirs.set_inheritable(True)
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        stack.callback(signal.pthread_sigmask, signal.SIG_SETMASK, before)
        process = subprocess.Popen(  # noqa: S603 - a command of our own
            [sys.executable, "-P", "-c", worker, str(theirs.fileno()), *sys.path],
            env=environ,
            stdout=subprocess.DEVNULL,
            close_fds=False,
        )
        try:
            stack.close()
            yield process, ours
        finally:
            process.kill()
            process.wait()


async def _receive_all(
    process: subprocess.Popen[bytes],
    channel: socket.socket,
    begin: Begin,
    task: Any,
) -> AsyncGenerator[Any, None]:
    channel.setblocking(False)  # noqa: FBT003
    if not await _has_started(channel):
        async for message in _produce_here(begin(task)):
            yield message
        return
    try:
        await asyncio.get_running_loop().sock_sendall(channel, pickle.dumps(task))
        while isinstance(envelope := await _receive(channel), list):
            for message in envelope:
                yield message
            await asyncio.sleep(0)
    except (EOFError, ConnectionError):
        raise UnfinishedError(
            f"the process that reads the inputs has ended ({_exit_of(process.wait())})",
            hint="see that there is enough memory, and start again; a push goes on with --resume",
        ) from None
    process.kill()  # it is of no more use
    process.wait()
    if envelope:
        raise envelope


async def _has_started(channel: socket.socket) -> bool:
    """Whether the other process has come as far as to say so."""
    try:
        return await _receive(channel) == []
    except (EOFError, ConnectionError):
        return False


async def _receive(channel: socket.socket) -> Envelope:
    (length,) = LENGTH.unpack(await _read(channel, LENGTH.size))
    return unpack(await _read(channel, length))


async def _read(channel: socket.socket, size: int) -> bytearray:
    """Read so many bytes. Raises EOFError if there are fewer."""
    loop = asyncio.get_running_loop()
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = await loop.sock_recv_into(channel, left)
        if not count:
            raise EOFError
        left = left[count:]
    return data


def _exit_of(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"
