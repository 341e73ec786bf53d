"""What the target can do and takes, as people and programs read it."""

import json
from typing import Any

from rjcli import __version__
from rjcli.settings.kinds import FLAG
from rjcli.settings.option import Declared
from rjcli.singer.config import API_KEY, NAMES

NAME = "target-rjmetrics"
_DESCRIPTION = "Singer target for the RJMetrics / Magento BI / Adobe Commerce Reporting Import API"
_PYTHON = ("3.11", "3.12", "3.13", "3.14")
_TYPES = {int: "integer", float: "number", str: "string"}


def about_json() -> str:
    """Everything as JSON, its settings as a JSON schema, in the shape that Singer's tools know."""
    properties = {name: _schema(option) for name, option in NAMES.items()}
    properties[API_KEY] = {
        "type": ["string", "null"],
        "description": "API key; safer are RJCLI_API_KEY or a profile.",
        "secret": True,
    }
    document = {
        "name": NAME,
        "description": _DESCRIPTION,
        "version": __version__,
        "supported_python_versions": _PYTHON,
        "capabilities": ["about", "batch"],
        "settings": {"type": "object", "properties": properties, "required": []},
    }
    return json.dumps(document, indent=2)


def about_markdown() -> str:
    """The settings as a table in Markdown."""
    rows = [f"| `{name}` | {option.help} | {_default(option)} |" for name, option in NAMES.items()]
    rows.append(f"| `{API_KEY}` | API key; safer are `RJCLI_API_KEY` or a profile. | |")
    head = ["| setting | what it does | default |", "|---|---|---|"]
    return "\n".join(
        [f"# `{NAME}`", "", f"{_DESCRIPTION}, version {__version__}.", "", *head, *rows]
    )


def about_text() -> str:
    """The settings as lines."""
    width = max(map(len, NAMES)) + 2
    rows = [
        f"  {name:{width}}{option.help}{f' [{_default(option)}]' if _default(option) else ''}"
        for name, option in NAMES.items()
    ]
    rows.append(f"  {API_KEY:{width}}API key; safer are RJCLI_API_KEY or a profile.")
    return "\n".join([f"{NAME} {__version__}", _DESCRIPTION, "", "Settings:", *rows])


def _default(option: Declared) -> str:
    if option.kind is FLAG:
        return str(bool(option.default)).lower()
    if option.default is None or option.default == "":
        return option.shown
    return str(option.kind.show(option.default))


def _schema(option: Declared) -> dict[str, Any]:
    schema: dict[str, Any] = {"description": option.help}
    if option.kind is FLAG:
        types = ["boolean"]
    else:
        types = [_TYPES.get(type(option.default), "string")]
        # Text such as 15m or 4MiB is understood as well.
        types += [] if "string" in types else ["string"]
    schema["type"] = [*types, "null"]
    if option.kind.choices:
        schema["enum"] = [*option.kind.choices, None]
    if isinstance(option.default, str | int | float):
        schema["default"] = option.default
    elif _default(option) and option.default is not None:
        schema["default"] = _default(option)
    return schema
