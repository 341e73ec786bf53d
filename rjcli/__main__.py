"""``python -m rjcli``."""

from rjcli.cli import main

main()
