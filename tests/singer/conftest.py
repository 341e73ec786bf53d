"""A tap's lines, and the target that loads them, in this process."""

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rjcli.errors import RjcliError
from rjcli.singer.config import configure
from rjcli.singer.loading import load
from tests.conftest import CANARY_KEY, CLIENT_ID
from tests.singer.tap import lines_of


@dataclass
class Loaded:
    """How a load went. ``states``: what was written to stdout."""

    exit_code: int
    states: bytes
    log: str
    home: Path

    @property
    def rejects(self) -> list[dict[str, Any]]:
        """The rejected messages."""
        return [
            json.loads(line)
            for path in sorted(self.home.rglob("rejects.jsonl"))
            for line in path.read_bytes().splitlines()
        ]


Load = Callable[..., Loaded]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, without variables of the machine's."""
    monkeypatch.setenv("HOME", str(tmp_path))
    names = [name for name in os.environ if name.startswith(("RJCLI_", "XDG_", "TARGET_"))]
    for name in names:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def load_tap(home: Path, capsys: pytest.CaptureFixture[str]) -> Load:
    """Load a tap's lines into a server."""

    def load_lines(base_url: str, lines: bytes | Iterable[Any], **options: Any) -> Loaded:
        tap, configuration, states = home / "tap.singer", home / "config.json", home / "states"
        tap.write_bytes(lines if isinstance(lines, bytes) else lines_of(lines))
        access = {"base_url": base_url, "client_id": CLIENT_ID, "api_key": CANARY_KEY}
        configuration.write_text(json.dumps({**access, "settle": 0, "retry_for": 0, **options}))
        configuration.chmod(0o600)
        capsys.readouterr()
        with states.open("wb") as file:
            try:
                exit_code = load(
                    configure([str(configuration)], os.environ), str(tap), file.fileno()
                )
                log = ""
            except RjcliError as error:
                exit_code, log = error.exit_code, f"{error.message}\n{error.hint}\n"
        output = capsys.readouterr()
        assert not output.out
        return Loaded(exit_code, states.read_bytes(), output.err + log, home)

    return load_lines
