"""rjcli many times over in one process, so that start-up is paid once.

Usage: python -m bench.repeat TIMES ARGUMENTS…

What it takes for a few thousand records is less than what start-up varies by,
and would not show beside it.
"""

import runpy
import sys


def main() -> None:
    """Run rjcli as often as the first argument says, with the others; end if it fails."""
    times, *arguments = sys.argv[1:]
    sys.argv = ["rjcli", *arguments]
    for _ in range(int(times)):
        try:
            runpy.run_module("rjcli", run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise


if __name__ == "__main__":
    main()
