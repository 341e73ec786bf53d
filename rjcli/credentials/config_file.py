"""What the configuration file says: profiles, each with credentials and defaults under a name.

    [profiles.default]
    client_id = 12
    environment = "sandbox"     # or base_url = "https://…"
    table = "orders"
    keys = ["id"]
    api_key_in = "keyring"      # or api_key = "…"

Pure: ``profiles`` reads and writes the file. No error quotes a value: it may be a key
in the wrong place.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Self

from msgspec import Struct

from rjcli.api.base_url import Endpoint, Environment
from rjcli.credentials.api_key import ApiKey
from rjcli.errors import UsageError
from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.option_kinds import BASE_URL, CLIENT_ID, KEYS, TABLE
from rjcli.settings.target import Target, resolve_target
from rjcli.toml_text import parse_toml

_PROFILES = "profiles"


class Profile(Struct, frozen=True):
    """A client id, an address, a table and keys to use where no option names others."""

    name: str
    client_id: int | None = None
    environment: Environment | None = None
    base_url: str | None = None
    table: str | None = None
    keys: tuple[str, ...] = ()
    api_key: ApiKey | None = None
    in_keyring: bool = False

    @property
    def source(self) -> Source:
        """The profile as the source of its values."""
        return Source(Rank.PROFILE, f"profile {self.name}")

    def given(self) -> dict[str, Given]:
        """Its values as defaults of options, by the options' names."""
        values = {
            "env": ("environment", self.environment),
            "base_url": ("base_url", self.base_url),
            "client_id": ("client_id", self.client_id),
            "table": ("table", self.table),
            "keys": ("keys", self.keys or None),
        }
        return {
            option: Given(value, self.source, f"{name} in {self.source.place}")
            for option, (name, value) in values.items()
            if value is not None
        }

    @property
    def target(self) -> Target:
        """Where it pushes. Raises UsageError if it has both an environment and a base URL."""
        given = self.given()
        base_url = given.get("base_url")
        if base_url:
            base_url = Given(Endpoint.parse(base_url.value), base_url.source, base_url.name)
        return resolve_target(given.get("env"), base_url)

    def to_table(self) -> dict[str, Any]:
        """The profile as the file has it."""
        values = {
            "client_id": self.client_id,
            "environment": self.environment and self.environment.value,
            "base_url": self.base_url,
            "table": self.table,
            "keys": list(self.keys) or None,
            "api_key": self.api_key and self.api_key.reveal(),
            "api_key_in": "keyring" if self.in_keyring else None,
        }
        return {name: value for name, value in values.items() if value is not None}


class Configuration:
    """The text of a configuration file, parsed. ``path`` is for errors to name."""

    def __init__(self, text: str, path: str) -> None:
        self._text = text
        self._path = path
        self._profiles = _parse(text, path)

    @classmethod
    def decode(cls, content: bytes, path: str) -> Self:
        """Read a file's content. Raises UsageError if it is no TOML, or holds no profiles."""
        try:
            return cls(content.decode(), path)
        except UnicodeDecodeError:
            raise UsageError(f"{path} is not UTF-8 text") from None

    @property
    def names(self) -> list[str]:
        """The names of the profiles."""
        return sorted(self._profiles)

    def profile(self, name: str) -> Profile | None:
        """Read a profile; None if there is none of that name.

        Raises UsageError, with the line where it is known, for unknown names
        and for values of the wrong type.
        """
        values = self._profiles.get(name)
        if values is None:
            return None
        if not isinstance(values, dict):
            raise UsageError(f"{self._path}: {name} must be a table [profiles.{name}]")
        fields = dict(self._field(name, key, value) for key, value in values.items())
        if "api_key" in fields and "in_keyring" in fields:
            place = self._place(name, "api_key_in")
            raise UsageError(f"{place}: profile {name} has both api_key and api_key_in")
        return Profile(name, **fields)

    def change(self, name: str, profile: Profile | None) -> str:
        """The text with the profile added or deleted; all else as it was, comments included.

        Raises UsageError if the text is written in a way that this cannot keep.
        """
        values = profile.to_table() if profile else None
        wanted = {key: value for key, value in self._profiles.items() if key != name}
        wanted |= {} if values is None else {name: values}
        text = _edit(self._text, name, values)
        if text is None or _parse(text, self._path) != wanted:
            raise UsageError(
                f"{self._path}: the profiles are written in a way that rjcli cannot change",
                hint="write each as a table [profiles.NAME]",
            )
        return text

    def _field(self, profile: str, key: str, value: Any) -> tuple[str, Any]:
        if key not in _FIELDS:
            shown = f" {key}" if re.fullmatch("[a-z_]{1,20}", key) else ""
            raise UsageError(
                f"{self._place(profile, key)}: profile {profile} has an unknown name{shown}",
                hint=f"a profile may have {', '.join(_FIELDS)}",
            )
        allowed, parse = _FIELDS[key]
        try:
            return "in_keyring" if key == "api_key_in" else key, parse(value)
        except (UsageError, ValueError, TypeError):
            place = self._place(profile, key)
            raise UsageError(f"{place}: {key} of profile {profile} must be {allowed}") from None

    def _place(self, profile: str, key: str) -> str:
        """Where a name is: the file and, if it is written the usual way, its line."""
        header = re.compile(rf"""\s*\[\s*profiles\s*\.\s*["']?{re.escape(profile)}["']?\s*\]""")
        entry = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*=""")
        inside = False
        for number, line in enumerate(self._text.split("\n"), 1):
            if line.lstrip().startswith("["):
                inside = header.match(line) is not None
            elif inside and entry.match(line):
                return f"{self._path}, line {number}"
        return self._path


def _parse(text: str, path: str) -> dict[str, Any]:
    """The profiles as the file has them."""
    document = parse_toml(
        text,
        path,
        "it may hold nothing but tables [profiles.NAME] with texts and small numbers",
    )
    profiles = document.pop(_PROFILES, {})
    if document or not isinstance(profiles, dict):
        raise UsageError(f"{path} may hold nothing but tables [profiles.NAME]")
    return profiles


def _edit(text: str, name: str, values: Mapping[str, Any] | None) -> str | None:
    """Put a profile's table into a text, or delete it there; None if that is not possible."""
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        profiles: Any = document.setdefault(_PROFILES, tomlkit.table(is_super_table=True))
        if values is None:
            profiles.pop(name, None)
            return tomlkit.dumps(document)
        table = profiles.setdefault(name, tomlkit.table())
        for key in set(table) - set(values):
            table.remove(key)
        table.update(values)
        return tomlkit.dumps(document)
    # Such as a table within an inline table, or one that is nested deep.
    except (TOMLKitError, ValueError, TypeError, RecursionError):
        return None


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _keys(value: Any) -> Any:
    if not isinstance(value, list):
        raise TypeError
    return KEYS.read(value)


def _in_keyring(value: Any) -> bool:
    if value != "keyring":
        raise ValueError
    return True


_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "client_id": (CLIENT_ID.allowed, CLIENT_ID.read),
    "environment": (f"one of {', '.join(Environment)}", Environment),
    "base_url": (BASE_URL.allowed, lambda value: BASE_URL.read(value) and value),
    "table": (TABLE.allowed, TABLE.read),
    "keys": ('a list of names of fields, such as ["id"]', _keys),
    "api_key": (
        "a text without spaces and unprintable characters",
        lambda value: ApiKey.parse(_text(value), "api_key"),
    ),
    "api_key_in": ('"keyring"', _in_keyring),
}
