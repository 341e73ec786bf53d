"""``rjcli.push`` of dicts that are in memory.

Usage: python -m bench.library FILE BASE_URL [--read-only]
"""

import sys
from pathlib import Path

import orjson

import rjcli


def main() -> None:
    """Read an NDJSON file into memory, and push its records, or not."""
    file, base_url, *rest = sys.argv[1:]
    with Path(file).open("rb") as lines:
        records = [*map(orjson.loads, lines)]
    if not rest:
        rjcli.push(records, table="bench", keys=["id"], base_url=base_url).check()


if __name__ == "__main__":
    main()
