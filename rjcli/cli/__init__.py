"""The command line."""

from rjcli.cli.main import main

__all__ = ["main"]
