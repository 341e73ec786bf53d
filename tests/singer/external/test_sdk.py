"""Meltano's SDK: its standard target tests pass, and the tables hold what their taps wrote."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rjcli.local.store import Store
from tests.singer.external.conftest import Tools

_SUITE = Path(__file__).with_name("sdk_suite.py")
_CASES = 16
_FAILING = {"invalid_schema", "record_before_schema", "record_missing_key_property"}
_OF_OURS = {"keys", "_sdc_primary_key"}


def test_standard_target_tests(tools: Tools, tmp_path: Path) -> None:
    """All standard tests pass; each case's tables have the newest version of every record."""
    python = tools.path("sdk", "python")
    suite = shutil.copy(
        _SUITE, tmp_path / "test_suite.py"
    )  # away from the fixtures of this project
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TARGET": str(Path(sys.executable).with_name("target-rjmetrics")),
            "DATABASES": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{_CASES} passed" in done.stdout, done.stdout
    code = "import singer_sdk.testing.target_test_streams as s; print(*s.__path__)"
    streams = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    compared = 0
    for database in tmp_path.glob("*.db"):
        tap = Path(streams.stdout.strip(), f"{database.stem}.singer")
        if database.stem not in _FAILING:
            assert _tables(database) == _expected(tap.read_bytes()), database.stem
            compared += 1
    assert compared == _CASES - len(_FAILING) - 1  # one only prints


def _tables(database: Path) -> Mapping[str, list[str]]:
    """What a database holds, without what the target adds."""
    with Store(database) as store:
        return {
            table.name: sorted(map(_without_ours, store.records(table.name)))
            for table in store.tables()
        }


def _without_ours(text: bytes) -> str:
    fields = json.loads(text)
    return _text({name: value for name, value in fields.items() if name not in _OF_OURS})


def _expected(tap: bytes) -> Mapping[str, list[str]]:
    """What a tap's output says, record by record."""
    keys: dict[str, list[str]] = {}
    tables: dict[str, dict[str, str]] = {}
    for message in map(json.loads, tap.splitlines()):
        stream = message.get("stream")
        if message["type"] == "SCHEMA":
            keys[stream] = message.get("key_properties") or []
        if message["type"] == "RECORD":
            fields = message["record"]
            key = _text([fields[name] for name in keys[stream]] or fields)
            name = "".join(each if each.isalnum() else "_" for each in stream)
            tables.setdefault(name, {})[key] = _text(fields)
    return {name: sorted(records.values()) for name, records in tables.items()}


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
