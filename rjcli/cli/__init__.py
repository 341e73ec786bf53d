"""The command line."""

import os
import signal
import sys

from rjcli import __version__


def main() -> None:
    """Run rjcli and exit."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered without importing the rest
        print(f"rjcli {__version__}")  # noqa: T201 - a command's output
        return
    _replace_closed_streams()
    try:
        from rjcli.cli.app import main as run

        run()
    except KeyboardInterrupt:  # while modules were imported
        sys.exit(128 + signal.SIGINT)


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
