"""The command line."""

import sys

from rjcli import __version__


def main() -> None:
    """Run rjcli and exit."""
    if sys.argv[1:] == ["--version"]:  # answered without importing the rest
        print(f"rjcli {__version__}")  # noqa: T201 - a command's output
        return
    from rjcli.cli.program import main as run

    run()
