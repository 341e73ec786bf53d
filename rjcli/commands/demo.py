"""``rjcli demo``: a push with a bad record, its fix and its retry, against a local Import API.

Each command is the real one, in a process of its own, in a directory that is deleted at the end.
"""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rjcli.commands.serve import LOCAL_API_KEY
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.credentials.lookup import CLIENT_ID_VARIABLE
from rjcli.engine.connection import LOCAL_CLIENT_ID
from rjcli.errors import EXIT_REJECTS, UnfinishedError
from rjcli.report import Report
from rjcli.run import list_runs, state_directory

_FILE, _DATABASE, _TABLE = "orders.csv", "rjcli-local.db", "orders"
_ORDERS = """\
id,customer,total
1001,Ada,12.50
1002,Grace,8.00
,Edsger,31.90
1004,Barbara,7.25
"""
_BAD, _FIXED = ",Edsger,31.90", "1003,Edsger,31.90"


def demo(report: Report) -> int:
    """Show a push, its reject, the fix and the retry. Returns an exit code."""
    from rjcli.local.app import LocalCredentials
    from rjcli.local.server import LocalServer

    with tempfile.TemporaryDirectory(prefix="rjcli-demo-") as name:
        directory = Path(name)
        credentials = LocalCredentials(LOCAL_CLIENT_ID, LOCAL_API_KEY)
        with LocalServer(directory / _DATABASE, credentials) as server:
            _Story(report, directory, server.base_url).run()
    report.line("# That was all, and nothing of it is left. To go on: rjcli help push")
    return 0


class _Story:
    """The commands, one after the other. Raises UnfinishedError if one does not go as it should."""

    def __init__(self, report: Report, directory: Path, base_url: str) -> None:
        self._report = report
        self._directory = directory
        self._variables = {
            "RJCLI_BASE_URL": base_url,
            CLIENT_ID_VARIABLE: str(LOCAL_CLIENT_ID),
            API_KEY_VARIABLE: LOCAL_API_KEY,
        }
        self._environ = _own_environment(directory, os.environ) | self._variables

    def run(self) -> None:
        port = self._variables["RJCLI_BASE_URL"].rpartition(":")[2]
        say = self._report.line
        say("# A local Import API to try it with, and how to get to it:")
        say(f"$ rjcli serve --port {port} --db {_DATABASE} &")
        say(f"$ export {' '.join(f'{name}={value}' for name, value in self._variables.items())}")
        say("# A file in which one record has no id:")
        (self._directory / _FILE).write_text(_ORDERS)
        self._run("cat", _FILE)
        say("# The good records are loaded, the bad one is kept:")
        self._run("rjcli", "push", _FILE, "-t", _TABLE, "-k", "id", expected=EXIT_REJECTS)
        [run] = list_runs(state_directory(self._environ))
        rejects = Path(run.rejects[0])
        say("# It is fixed where it was put, with any editor:")
        rejects.write_text(rejects.read_text().replace(_BAD, _FIXED))
        self._run("cat", str(rejects))
        say("# What was fixed is pushed with the table, key and types of that run:")
        self._run("rjcli", "retry", run.name)
        say("# What the API holds now:")
        self._run("python", "-m", "rjcli.local", _DATABASE, _TABLE)

    def _run(self, *command: str, expected: int = 0) -> None:
        self._report.line(f"$ {shlex.join(command)}")
        program, *words = command
        python = [sys.executable, "-P"]  # what the directory holds is no module
        started = {"rjcli": [*python, "-m", "rjcli"], "python": python}.get(program, [program])
        done = subprocess.run(  # noqa: S603 - the commands above
            [*started, *words], cwd=self._directory, env=self._environ, check=False
        )
        if done.returncode != expected:
            raise UnfinishedError(f"the demo ended early: exit code {done.returncode}")


def _own_environment(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without the user's settings, profiles, runs and proxies."""
    kept = {
        name: value
        for name, value in environ.items()
        if not (name.startswith(("RJCLI_", "XDG_")) or name.upper().endswith("_PROXY"))
    }
    return kept | {"HOME": str(directory), "XDG_STATE_HOME": str(directory / "state")}
