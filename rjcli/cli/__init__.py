"""The command line."""

import _signal  # type: ignore[import-not-found] # of signal only what is quick to import
import os
import sys

from rjcli import __version__


def main() -> None:
    """Run rjcli and exit."""
    # Until they can be heard, signals wait: importing must not be broken off.
    signals = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
    _signal.pthread_sigmask(_signal.SIG_BLOCK, signals)
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered without importing the rest
        print(f"rjcli {__version__}")  # noqa: T201 - a command's output
        return
    _replace_closed_streams()
    from rjcli.cli.app import main as run

    run(listens=True)


def _replace_closed_streams() -> None:
    """Where stdout or stderr is closed, as with ``>&-``, have it go nowhere.

    Else the next file that is opened would take its place.
    """
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            setattr(sys, name, open(descriptor, "w", closefd=False))  # noqa: SIM115 - to stay open
