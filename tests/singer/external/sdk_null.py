"""A target of Meltano's SDK that does nothing with its records: what its base class costs."""

# mypy: ignore-errors

from typing import ClassVar

from singer_sdk import BatchSink, Target


class NullSink(BatchSink):
    """Drops its batches."""

    def process_batch(self, context: dict) -> None:
        """Do nothing."""


class NullTarget(Target):
    """Takes everything."""

    name = "target-null"
    config_jsonschema: ClassVar = {"type": "object", "properties": {}}
    default_sink_class = NullSink


NullTarget.cli()
