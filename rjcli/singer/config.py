"""The target's configuration: files and variables become settings."""

import json
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.profiles import load_profile
from rjcli.errors import UsageError
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.option import Declared, options_of
from rjcli.settings.read import read
from rjcli.settings.singer import SingerSettings
from rjcli.settings.sources import from_mapping, strongest

ENV = "ENV"  # in the place of a file: variables
VARIABLE_PREFIX = "TARGET_RJMETRICS_"
API_KEY, ENVIRONMENT = "api_key", "environment"
API_KEY_VARIABLE = f"{VARIABLE_PREFIX}{API_KEY.upper()}"

# What older targets for this API take, and has no meaning here.
_IGNORED = {"disable_collection"}
_MOST_BYTES = 2**20
_READABLE_BY_OTHERS = 0o044

OPTIONS: Sequence[Declared] = [*options_of(SingerSettings, AccessSettings)]
NAMES: Mapping[str, Declared] = {
    ENVIRONMENT if option.key == "env" else option.key: option for option in OPTIONS
}
"""The options by the names that a configuration has for them."""


class Configuration(NamedTuple):
    """Where to load, and how. ``warnings``: what people should know of it."""

    settings: SingerSettings
    access: AccessSettings
    profile: Profile | None
    warnings: Sequence[str]


def configure(files: Sequence[str], environ: Mapping[str, str]) -> Configuration:
    """Make settings of configuration files, or of variables for ``ENV``; later ones count more.

    What is missing of the credentials comes from RJCLI_CLIENT_ID, RJCLI_API_KEY and the
    profile. Raises UsageError, which quotes no value that may be a key.
    """
    given: dict[str, Given] = {}
    key: Given | None = None
    warnings: list[str] = []
    for file in files:
        if file == ENV:
            values, source = _variables(environ), Source(Rank.VARIABLE, "variables")
        else:
            values, source = _read_file(Path(file)), Source(Rank.FILE, file)
        key = _find_key(values, source) or key
        if key and key.source == source and file != ENV and _is_readable_by_others(Path(file)):
            warnings.append(
                f"others can read {file}, which holds the API key; safer are the variable"
                " RJCLI_API_KEY, or a profile: rjcli login"
            )
        named = {_option_key(name): value for name, value in values.items()}
        given |= from_mapping(OPTIONS, named, source.place)
    profile = load_profile(given["profile"].value if "profile" in given else None, environ)
    if profile:
        given = strongest(given, profile.given())
    settings = read(SingerSettings, given, "the configuration")
    access = read(AccessSettings, given, "the configuration")
    if key:
        access = replace(access, api_key_file=key)
    return Configuration(settings, access, profile, warnings)


def _option_key(name: str) -> str:
    """The key of an option by its name in a configuration, which may have hyphens."""
    key = name.replace("-", "_")
    return "env" if key == ENVIRONMENT else key


def _variables(environ: Mapping[str, str]) -> dict[str, Any]:
    names = [*NAMES, API_KEY, *_IGNORED]
    found = {name: environ.get(f"{VARIABLE_PREFIX}{name.upper()}") for name in names}
    return {name: value for name, value in found.items() if value and name not in _IGNORED}


def _read_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        values = json.loads(content)
    except OSError as error:
        raise UsageError(f"cannot read the configuration {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or len(content) > _MOST_BYTES:
        raise UsageError(
            f"the configuration {path} is no JSON object", hint="target-rjmetrics --about"
        )
    # What is empty is not set, as with variables.
    return {name: value for name, value in values.items() if name not in _IGNORED and value != ""}


def _find_key(values: dict[str, Any], source: Source) -> Given | None:
    """Take the API key out of the values."""
    text = values.pop(API_KEY, None)
    if text is None:
        return None
    name = f"{API_KEY} in {source.place}"
    if not isinstance(text, str):
        raise UsageError(f"{name} must be text")
    return Given(ApiKey.parse(text, name), source, name)


def _is_readable_by_others(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(os.stat(path).st_mode) & _READABLE_BY_OTHERS)  # noqa: PTH116
    except OSError:
        return False
