"""A local Import API to talk to."""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import orjson
import pytest

from rjcli.local.app import LocalCredentials
from rjcli.local.faults import Faults
from rjcli.local.server import LocalServer
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
        return self.client.post(url, content=content, headers=headers)

    def kept(self, table: str) -> list[bytes]:
        """Read the exact records of a table, as another process would."""
        with Store(self.path, read_only=True) as store:
            return list(store.records(table))

    def shown(self, table: str) -> list[dict[str, object]]:
        """Read the rows of a table as `select *` shows them."""
        with Store(self.path, read_only=True) as store:
            columns, rows = store.rows(table)
            return [dict(zip(columns, row, strict=True)) for row in rows]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningApi]]:
    """Start local APIs over one file; they end with the test."""
    path = tmp_path / "rjcli-local.db"
    with ExitStack() as stack:

        def start_one(faults: Faults = Faults()) -> RunningApi:  # noqa: B008 -- frozen
            server = stack.enter_context(LocalServer(path, CREDENTIALS, faults))
            client = httpx.Client(base_url=server.base_url, trust_env=False)
            return RunningApi(stack.enter_context(client), path)

        yield start_one


@pytest.fixture
def api(start: Callable[..., RunningApi]) -> RunningApi:
    """Start one local API without faults."""
    return start()
