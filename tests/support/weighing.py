"""How much memory a command takes at its peak."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import Rjcli

# A process that starts another one passes its own peak on to it, and pytest's is high.
_LAUNCHER = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=sys.stderr, check=False)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(done.returncode, peak if sys.platform == "darwin" else peak * 1024)
"""


def run_and_weigh(rjcli: Rjcli, *arguments: str | Path) -> tuple[int, float]:
    """Run a command; give its exit code and its peak memory in megabytes."""
    launched = subprocess.run(
        [sys.executable, "-c", _LAUNCHER, sys.executable, "-m", "rjcli", *map(str, arguments)],
        capture_output=True,
        cwd=rjcli.home,
        env=rjcli.environment(),
        timeout=60,
        check=True,
    )
    exit_code, peak = launched.stdout.split()
    return int(exit_code), int(peak) / 1e6
