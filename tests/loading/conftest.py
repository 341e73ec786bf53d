"""Fixtures: a folder with a load file, a home of its own, and tables that answer as is said."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

import rjcli
from tests.conftest import CANARY_KEY, CLIENT_ID, LocalApi, Serve
from tests.support.scripted import Request, Script, ScriptedServer, always, answer


class Folder:
    """A folder with exports and a load file. Its loads run in this process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "shop.toml"

    def records(self, name: str, numbers: Iterable[int], more: bytes = b"") -> Path:
        """Write records of these ids as NDJSON, and what else is to stand at the end."""
        lines = [b'{"id":%d}\n' % number for number in numbers]
        (self.path / name).write_bytes(b"".join(lines) + more)
        return self.path / name

    def entries(self, top: str = "", **files: str) -> Path:
        """Write a load file: an entry for each table, with what it says after its table and key."""
        entries = (
            f'[[load]]\ntable = "{table}"\nkeys = ["id"]\n{lines}\n'
            for table, lines in files.items()
        )
        self.file.write_text(f"{top}\n" + "\n".join(entries))
        return self.file

    def load(
        self, server: ScriptedServer | LocalApi, *tables: str, **more: Any
    ) -> rjcli.LoadResult:
        """Load what the file says."""
        where = {"base_url": server.base_url, "client_id": CLIENT_ID, "api_key": CANARY_KEY}
        return rjcli.load(self.file, tables, **{"settle": 0, "retry_for": 0, **where, **more})

    def runs(self) -> list[Path]:
        """The directories of all runs, by name."""
        return sorted((self.path / ".local/state/rjcli/runs").glob("*"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """An empty folder, which is the home as well."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in [name for name in os.environ if name.startswith(("RJCLI_", "XDG_"))]:
        monkeypatch.delenv(name)
    return Folder(tmp_path)


class Tables:
    """Scripts by table, and the ids that each table was sent. Without one all is accepted."""

    def __init__(self, serve: Serve, scripts: Mapping[str, Script]) -> None:
        self._scripts = scripts
        self.ids: dict[str, list[int]] = defaultdict(list)
        self.server = serve(self._answer)

    async def _answer(self, request: Request) -> bytes | None:
        found = re.search("/table/([a-z_]+)/", request.target)
        assert found
        table = found[1]
        reply = await self._scripts.get(table, always(answer()))(request)
        if reply and reply.startswith(b"HTTP/1.1 201"):
            self.ids[table] += [record["id"] for record in orjson.loads(request.body)]
        return reply
