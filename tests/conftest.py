"""Fixtures: a real local Import API, scripted servers, and rjcli as a real process."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from rjcli.local.app import LocalCredentials
from rjcli.local.server import LocalServer
from rjcli.local.store import Store
from tests.support.preloaded import Preloaded, can_run
from tests.support.scripted import Script, ScriptedServer

CLIENT_ID = 12
CANARY_KEY = "rj-canary-1234"

Serve = Callable[[Script], ScriptedServer]

# A shell that runs the tests in the background, and nohup, have them ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


class LocalApi:
    """A running local Import API, and what it holds."""

    def __init__(self, base_url: str, database: Path) -> None:
        self.base_url = base_url
        self._database = database

    def records(self, table: str) -> list[bytes]:
        """The exact text of a table's records."""
        with Store(self._database) as store:
            return list(store.records(table))

    def tables(self) -> list[str]:
        """The names of the tables."""
        with Store(self._database) as store:
            return [table.name for table in store.tables()]


@pytest.fixture
def local_api(tmp_path: Path) -> Iterator[LocalApi]:
    """A local Import API that knows client 12 and the canary key."""
    database = tmp_path / "local.db"
    with LocalServer(database, LocalCredentials(CLIENT_ID, CANARY_KEY)) as server:
        yield LocalApi(server.base_url, database)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that answer as a script says."""
    with ExitStack() as servers:
        yield lambda script: servers.enter_context(ScriptedServer(script))


class Rjcli:
    """Runs rjcli in a process of its own, in a directory of its own."""

    def __init__(self, home: Path, preloaded: Preloaded) -> None:
        self.home = home
        self._preloaded = preloaded

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """An environment that holds the credentials, and none of the machine's settings."""
        kept = {name: os.environ[name] for name in ("LANG",) if name in os.environ}
        scripts = str(Path(sys.executable).parent)
        return {
            **kept,
            "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}",
            "HOME": str(self.home),
            "RJCLI_CLIENT_ID": str(CLIENT_ID),
            "RJCLI_API_KEY": CANARY_KEY,
            "RJCLI_RETRY_FOR": "0",
            "RJCLI_SETTLE": "0",
            "PYTHONWARNINGS": "error",
            **(extra or {}),
        }

    def __call__(
        self,
        *arguments: str | Path,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; its output is text."""
        texts, environment = [*map(str, arguments)], self.environment(env)
        if can_run(env or {}):
            directory = str(cwd or self.home)
            done = self._preloaded.run(texts, stdin, environment, directory, timeout=60)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "rjcli", *texts],
                input=stdin,
                capture_output=True,
                cwd=cwd or self.home,
                env=environment,
                timeout=60,
                check=False,
            )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )


@pytest.fixture(scope="session")
def preloaded() -> Iterator[Preloaded]:
    """A process that has imported rjcli."""
    started = Preloaded({"PYTHONWARNINGS": "error", **os.environ})
    yield started
    started.close()


@pytest.fixture
def rjcli(tmp_path: Path, preloaded: Preloaded) -> Rjcli:
    """Rjcli, ready to run."""
    return Rjcli(tmp_path, preloaded)
