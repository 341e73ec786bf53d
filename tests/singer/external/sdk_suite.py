"""The standard target tests of Meltano's SDK, run by its own pytest against the executable.

Variables: TARGET is the executable, DATABASES a directory for a database of each case.
"""

# mypy: ignore-errors

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, ClassVar

from singer_sdk import Target
from singer_sdk.exceptions import MissingKeyPropertiesError, RecordsWithoutSchemaException
from singer_sdk.testing import get_target_test_class

TARGET = os.environ["TARGET"]
DATABASES = Path(os.environ["DATABASES"])


class Executable(Target):
    """Hands what a test feeds to the executable, and raises what its tests expect."""

    name = "target-rjmetrics"
    config_jsonschema: ClassVar = {"type": "object", "properties": {}}

    def process_lines(self, file_input: IO[str]) -> None:
        """Load a file of messages, each into a database of its own."""
        case = Path(file_input.name).stem
        config = DATABASES / f"{case}.json"
        database = str(DATABASES / f"{case}.db")
        config.write_text(json.dumps({"environment": "local", "db": database, "keyless": "hash"}))
        done = subprocess.run(
            [TARGET, "--config", config],
            input=file_input.read().encode(),
            capture_output=True,
            check=False,
        )
        log = done.stderr.decode()
        assert "Traceback" not in log
        if "before its SCHEMA" in log:
            raise RecordsWithoutSchemaException(log)
        if "the key field" in log:
            raise MissingKeyPropertiesError(log)
        if done.returncode:
            raise RuntimeError(log)
        sys.stdout.write(done.stdout.decode())

    def process_endofpipe(self) -> None:
        """The executable has ended already."""

    @classmethod
    def print_version(cls, *_: object) -> None:
        """Print the executable's version."""
        _print("--version")

    @classmethod
    def print_about(cls, output_format: str | None = None) -> None:
        """Print what the executable can do."""
        _print("--about", *(["--format", output_format] if output_format else []))


def _print(*words: str) -> None:
    done = subprocess.run([TARGET, *words], capture_output=True, check=True, text=True)
    assert done.stdout
    sys.stdout.write(done.stdout)


TestExecutable = get_target_test_class(Executable, config={})
