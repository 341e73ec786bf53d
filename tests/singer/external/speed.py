"""Prints how quick the target is: against a push of the same records, and Meltano's SDK.

Usage: python -m tests.singer.external.speed TOOLS
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import environment, measure

_RECORDS = 300_000
_ROUNDS = 3
_NULL = Path(__file__).with_name("sdk_null.py")


def main(tools: Path) -> None:
    """Measure rounds of all, and print the best of each and the ratios."""
    with tempfile.TemporaryDirectory() as name, _server() as port:
        directory = Path(name)
        plain, one, ten = (directory / each for each in ("r.ndjson", "1.singer", "10.singer"))
        _write(plain, one, ten)
        config = directory / "config.json"
        config.write_text(json.dumps({"base_url": f"http://127.0.0.1:{port}"}))
        programs = Path(sys.executable).parent
        target = [str(programs / "target-rjmetrics"), "--config", str(config), "--input"]
        push = [str(programs / "rjcli"), "push", str(plain), "-t", "t", "-k", "id", "--quiet"]
        commands = {
            "push": [*push, "--base-url", f"http://127.0.0.1:{port}"],
            "target, one stream": [*target, str(one)],
            "target, ten streams": [*target, str(ten)],
            "singer-sdk's base class": [
                str(tools / "sdk" / "bin" / "python"), str(_NULL), "--input", str(one)
            ],
        }  # fmt: skip
        env = environment(directory, {"RJCLI_CLIENT_ID": "12", "RJCLI_API_KEY": "key-of-no-use"})
        best: dict[str, tuple[float, float]] = {}
        for _ in range(_ROUNDS):
            for what, command in commands.items():
                usage = measure(command, {**env, "HOME": name})
                found = (usage.seconds, usage.cpu_seconds)
                best[what] = min(best.get(what, found), found)
    for what, (seconds, cpu) in best.items():
        print(  # noqa: T201 - a command's output
            f"{what:24} {seconds:6.2f} s  {cpu:6.2f} s of CPU"
            f"  {best['push'][0] / seconds:5.2f} x push"
        )


def _write(plain: Path, one: Path, ten: Path) -> None:
    with plain.open("w") as records, one.open("w") as single, ten.open("w") as many:
        for number in range(10):
            schema = {"properties": {"id": {"type": "integer"}}}
            message = {"type": "SCHEMA", "schema": schema, "key_properties": ["id"]}
            many.write(json.dumps({**message, "stream": f"s{number}"}) + "\n")
        single.write(json.dumps({**message, "stream": "s0"}) + "\n")
        for number in range(_RECORDS):
            record = {
                "id": number,
                "value": number * 0.37,
                "sku": f"milky-white-suede-shoes-{number:06}",
                "status": "complete",
                "created_at": "2019-08-01 14:22:32",
            }
            records.write(json.dumps(record) + "\n")
            time = f"2026-01-01T00:00:00.{number:06}Z"
            for file, stream in ((single, 0), (many, number % 10)):
                message = {"type": "RECORD", "stream": f"s{stream}", "record": record}
                file.write(json.dumps({**message, "time_extracted": time}) + "\n")
                if number % 1000 == 0:
                    file.write(json.dumps({"type": "STATE", "value": {"at": number}}) + "\n")


@contextmanager
def _server() -> Iterator[int]:
    """Start a server that acknowledges at once; yield its port."""
    command = [sys.executable, "-m", "bench.server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdout
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


if __name__ == "__main__":
    os.environ.pop("PYTHONWARNINGS", None)
    main(Path(sys.argv[1]).absolute())
