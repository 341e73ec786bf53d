"""What taps write."""

import json
from collections.abc import Iterable
from typing import Any


def schema(stream: str, *keys: str, **more: Any) -> dict[str, Any]:
    """A SCHEMA message."""
    properties: dict[str, Any] = {key: {} for key in keys}
    body = {"type": "object", "properties": properties}
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": body,
        "key_properties": [*keys],
        **more,
    }


def record(stream: str, **fields: Any) -> dict[str, Any]:
    """A RECORD message."""
    return {"type": "RECORD", "stream": stream, "record": fields}


def state(value: Any) -> dict[str, Any]:
    """A STATE message."""
    return {"type": "STATE", "value": value}


def lines_of(messages: Iterable[Any]) -> bytes:
    """Messages as a tap writes them; bytes are lines as they stand."""
    return b"".join(
        (each if isinstance(each, bytes) else json.dumps(each).encode()) + b"\n"
        for each in messages
    )
