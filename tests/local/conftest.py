"""A local Import API to talk to."""

import dataclasses
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import orjson
import pytest

from rjcli.local.app import Limits, LocalCredentials
from rjcli.local.faults import Faults
from rjcli.local.server import Address, LocalServer
from rjcli.local.store import Store

API_KEY = "rj-canary-1234"
CREDENTIALS = LocalCredentials(12, API_KEY)


@dataclasses.dataclass(frozen=True, slots=True)
class RunningApi:
    """A running local API, a client for it, and the file that it keeps."""

    client: httpx.Client
    path: Path

    def push(self, table: str, body: object, **headers: str) -> httpx.Response:
        """Upsert a body, given as its bytes or as the value to send."""
        content = body if isinstance(body, bytes) else orjson.dumps(body)
        url = f"/v2/client/12/table/{table}/data?apikey={API_KEY}"
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(
            url, content=content, headers={"Content-Type": "application/json"} | given
        )

    def kept(self, table: str) -> list[bytes]:
        """Read the exact records of a table, as another process would."""
        with Store(self.path, read_only=True) as store:
            return list(store.records(table))

    def shown(self, table: str) -> list[dict[str, object]]:
        """Read the rows of a table as `select *` shows them."""
        return select_all(self.path, table)


def select_all(path: Path, table: str) -> list[dict[str, object]]:
    """Read a table's view with SQLite alone."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        quoted = table.replace('"', '""')
        return [dict(row) for row in connection.execute(f'select * from "{quoted}"')]  # noqa: S608


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningApi]]:
    """Start local APIs over one file; they end with the test."""
    path = tmp_path / "rjcli-local.db"
    with ExitStack() as stack:

        def start_one(
            faults: Faults = Faults(),  # noqa: B008 -- frozen, as limits are
            limits: Limits = Limits(),  # noqa: B008
            address: Address = Address(),  # noqa: B008
        ) -> RunningApi:
            server = stack.enter_context(LocalServer(path, CREDENTIALS, faults, address, limits))
            client = httpx.Client(base_url=server.base_url, trust_env=False)
            return RunningApi(stack.enter_context(client), path)

        yield start_one


@pytest.fixture
def api(start: Callable[..., RunningApi]) -> RunningApi:
    """Start one local API without faults."""
    return start()
