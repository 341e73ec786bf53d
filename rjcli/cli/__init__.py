"""The command line."""

import _signal  # type: ignore[import-not-found] # of signal only what is quick to import
import os
import sys

from rjcli import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_RESERVE = 4 * 2**20  # bytes of address space, for saying that there is not enough memory

# The object of --json, where nothing can be imported that would make it.
_FAILURE = (
    '{"run": null, "environment": null, "base_url": null, "client_id": null, "table": null,'
    ' "run_dir": null, "rejects": null, "errors": null, "status": "failed", "exit_code": 5,'
    ' "keys": [], "inputs": [], "dry_run": false,'
    ' "records": {"read": 0, "accepted": 0, "rejected": 0, "unknown": 0, "unsent": 0},'
    ' "batches": {"accepted": 0, "retried": 0, "split": 0}, "requests": 0, "bytes_read": 0,'
    ' "bytes_sent": 0, "concurrency": 0, "seconds": 0.0, "column_types": {}, "first_body": null,'
    ' "more_rejects": [], "resumable": false, "resume": null, "message": "%s", "hint": null,'
    ' "error": "unavailable"}\n'
)


def main() -> None:
    """Run rjcli and exit."""
    # Until they can be heard, signals wait: importing must not be broken off.
    signals = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
    _signal.pthread_sigmask(_signal.SIG_BLOCK, signals)
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered without importing the rest
        print(f"rjcli {__version__}")  # noqa: T201 - a command's output
        return
    _replace_closed_streams()
    if not os.environ.get("RJCLI_TRACE"):  # errors in destructors, as of what was only half made
        sys.unraisablehook = lambda _: None
    reserve = bytes(_RESERVE)  # zeros take no memory until they are looked at
    try:
        from rjcli.cli.app import main as run

        run(listens=True)
    except (ImportError, MemoryError, OSError, SystemError) as error:
        del reserve
        _fail(f"rjcli cannot be loaded ({type(error).__name__}): see that there is enough memory")


def _fail(message: str) -> "NoReturn":
    """Say why nothing can be done, without any more imports, and exit with 5."""
    sys.stderr.write(f"rjcli: error: {message}\n")
    if "--json" in sys.argv:
        sys.stdout.write(_FAILURE % message)
    sys.exit(5)


def _replace_closed_streams() -> None:
    """Where stdin, stdout or stderr is closed, as with ``>&-``, have it lead nowhere.

    Else the next file that is opened would take its place.
    """
    for descriptor, name in ((0, "stdin"), (1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            if descriptor == 0:  # whoever wants to read it is to hear that there is none
                continue
            setattr(sys, name, open(descriptor, "w", closefd=False))  # noqa: SIM115 - to stay open
