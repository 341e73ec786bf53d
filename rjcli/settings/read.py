"""Makes settings of the values that were given. The one way from options to settings."""

from typing import Any, TypeVar

from msgspec import Struct

from rjcli.errors import UsageError
from rjcli.settings.given import Given
from rjcli.settings.kinds import BadValueError
from rjcli.settings.option import Declared, fields_of
from rjcli.settings.sources import Options, Texts, name_in

Settings = TypeVar("Settings", bound=Struct)


def read(settings: type[Settings], given: Options, place: str | None = None) -> Settings:
    """Make settings, and the sections within them, of values by the options' keys.

    ``place``: where what is missing should be, as of ``name_in``. Settings with a
    method ``checked`` are what it returns for what was given. Raises UsageError.
    """
    values: dict[str, Any] = {}
    for field in fields_of(settings):
        if field.section:
            values[field.name] = read(field.section, given, place)
        elif field.declared and field.declared.key in given:
            values[field.name] = _read_one(field.declared, given[field.declared.key])
        elif field.declared and field.declared.is_required:
            raise _missing(field.declared, place)
    made = settings(**values)
    checked = getattr(made, "checked", None)
    return checked(given) if checked else made


def _read_one(declared: Declared, given: Given) -> Any:
    kind = declared.kind
    try:
        read = kind.read_texts if isinstance(given.value, Texts) else kind.read
        value = read(given.value)
    except BadValueError as error:
        raise UsageError(f"{given.name} {error}") from None
    if declared.keeps_source:
        return Given(value, given.source, given.name)
    return not value if declared.turns_off else value


def _missing(option: Declared, place: str | None) -> UsageError:
    name = name_in(place, option)
    hint = f"{name}: {option.help}"
    if place is None and not option.is_positional:
        hint = f"give {name} {option.metavar}, or set {option.variable}"
    return UsageError(f"no {name} given", hint=hint)
