"""Meltano: `meltano run` loads taps through the plugin definition that docs/singer.md shows."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conftest import CANARY_KEY, CLIENT_ID, LocalApi
from tests.singer.external.conftest import Tools

_PAGE = Path(__file__).parents[3] / "docs" / "singer.md"

# The version of tap-csv-folder that there is does not take a catalog.
_TAPS = """
  extractors:
  - name: tap-jsonl
    namespace: tap_jsonl
    executable: {jsonl}
    capabilities: [catalog, state, discover]
    settings:
    - {{name: path}}
    - {{name: stream_name}}
    - {{name: primary_keys, kind: array}}
    config: {{path: {data}/orders.jsonl, stream_name: orders, primary_keys: [id]}}
  - name: tap-csv-folder
    namespace: tap_csv_folder
    executable: {csv}
    capabilities: [state]
    settings:
    - {{name: filesystem}}
    - {{name: path}}
    - {{name: read_mode}}
    - {{name: stream_name}}
    config: {{filesystem: local, path: {data}/csv, read_mode: merge, stream_name: people}}
"""


def project(tools: Tools, home: Path) -> None:
    """A Meltano project with two taps, and the target as the page defines it."""
    [definition] = re.findall("```yaml\n(plugins:.*?)```", _PAGE.read_text(), re.DOTALL)
    installed = str(Path(sys.executable).with_name("target-rjmetrics"))
    assert "pip_url: rjmetrics-cli\n    executable: target-rjmetrics\n" in definition
    definition = definition.replace(
        "pip_url: rjmetrics-cli\n    executable: target-rjmetrics\n", f"executable: {installed}\n"
    )
    taps = _TAPS.format(
        jsonl=tools.path("tap-jsonl", "tap-jsonl"),
        csv=tools.path("tap-csv-folder", "tap-csv-folder"),
        data=home,
    )
    (home / "meltano.yml").write_text(
        f"default_environment: dev\nenvironments: [{{name: dev}}]\n{definition}{taps}"
    )
    (home / "csv").mkdir()


def meltano(tools: Tools, home: Path, api: LocalApi, *words: str) -> str:
    """Run Meltano; return what it says."""
    done = subprocess.run(
        [tools.path("meltano", "meltano"), *words],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
            "TARGET_RJMETRICS_BASE_URL": api.base_url,
            "TARGET_RJMETRICS_CLIENT_ID": str(CLIENT_ID),
            "TARGET_RJMETRICS_API_KEY": CANARY_KEY,
        },
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert CANARY_KEY not in done.stdout + done.stderr
    return done.stdout + done.stderr


def fields(api: LocalApi, table: str) -> list[Mapping[str, Any]]:
    """The records of a table."""
    return [json.loads(text) for text in api.records(table)]


def test_tap_jsonl(tools: Tools, home: Path, local_api: LocalApi) -> None:
    """A run loads a file; the second one resumes by state, and reads only a file that changed."""
    project(tools, home)
    orders = home / "orders.jsonl"
    orders.write_text('{"id":1,"price":58.25}\n{"id":2,"price":23.5}\n')
    os.utime(orders, (1_700_000_000, 1_700_000_000))
    run = ("run", "tap-jsonl", "target-rjmetrics")
    assert "2 records: 2 accepted" in meltano(tools, home, local_api, *run)
    assert [(each["id"], each["price"]) for each in fields(local_api, "orders")] == [
        (1, 58.25),
        (2, 23.5),
    ]
    state = meltano(tools, home, local_api, "state", "get", "dev:tap-jsonl-to-target-rjmetrics")
    assert "2023-11-14T22:13:20" in state
    orders.write_text('{"id":2,"price":1}\n{"id":3,"price":2}\n')
    again = meltano(tools, home, local_api, *run)
    assert "bookmark value: 2023-11-14T22:13:20" in again
    assert "2 records: 2 accepted" in again
    assert {each["id"]: each["price"] for each in fields(local_api, "orders")} == {
        1: 58.25,
        2: 1,
        3: 2,
    }


def test_tap_csv_folder(tools: Tools, home: Path, local_api: LocalApi) -> None:
    """A folder of CSVs is loaded; the second run resumes by state, and loads the new file."""
    project(tools, home)
    first = home / "csv" / "a.csv"
    first.write_text("id,name\n1,Ann\n2,Bob\n")
    os.utime(first, (1_700_000_000, 1_700_000_000))
    run = ("run", "tap-csv-folder", "target-rjmetrics")
    told = meltano(tools, home, local_api, *run)
    assert "2 records: 2 accepted" in told
    assert "No state was found" in told
    (home / "csv" / "b.csv").write_text("id,name\n3,Cid\n")
    assert "No state was found" not in meltano(tools, home, local_api, *run)
    names = sorted(each["name"] for each in fields(local_api, "people"))
    assert names == ["Ann", "Bob", "Cid"]
