"""What makes a push the one that it is: all of its settings that shape records. Pure."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from rjcli.settings.option import Field, fields_of


def identity_of(settings: Struct) -> dict[str, Any]:
    """The settings that shape records, as JSON values by the names that people know them by.

    A field is part of it unless it is marked otherwise where it is declared. What
    has its default is left out, so that a new option does not distinguish a push from
    those before it.
    """
    return dict(_identity(settings))


def _identity(settings: Struct) -> Iterator[tuple[str, Any]]:
    for field in fields_of(type(settings)):
        value = getattr(settings, field.name)
        if field.section:
            yield from _identity(value)
        elif field.identity and value != field.default:
            yield _shown(field, value)


def _shown(field: Field, value: Any) -> tuple[str, Any]:
    declared = field.declared
    if declared is None or declared.is_required:
        return field.name, _json(value)
    return declared.flag, not value if declared.turns_off else _json(value)


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _json(each) for name, each in value.items()}
    if isinstance(value, tuple):
        return [*map(_json, value)]
    if isinstance(value, Struct):
        return {name: _json(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, bytes):
        return value.decode()
    return value.value if isinstance(value, Enum) else value
