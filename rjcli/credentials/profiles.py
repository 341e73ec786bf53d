"""Where profiles are kept: a file of the user's own that nobody else can read or replace."""

import re
from collections.abc import Mapping
from pathlib import Path

from rjcli.credentials.config_file import Configuration, Profile
from rjcli.errors import UsageError
from rjcli.ownership import check_ancestors
from rjcli.private_file import (
    change_own_file,
    os_errors_as_ours,
    read_own_file,
    user_directory,
)

DEFAULT_PROFILE = "default"
_FILE = "the configuration file"
_MAX_BYTES = 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


def config_file(environ: Mapping[str, str]) -> Path:
    """Where the profiles are. Raises UsageError where there is no home directory."""
    return user_directory(environ, "XDG_CONFIG_HOME", ".config") / "rjcli" / "config.toml"


def check_name(name: str) -> str:
    """Check the name of a profile."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            "bad profile name",
            hint="profile names are up to 64 letters, digits, dots, hyphens and underscores",
        )
    return name


def load_profile(name: str | None, environ: Mapping[str, str]) -> Profile | None:
    """Load a profile: the one named, or the one named "default" if there is one.

    Raises UsageError if the profile named is missing, and if the file cannot be
    trusted or understood.
    """
    try:
        path = config_file(environ)
    except UsageError:
        if name is None:  # a push with everything it needs works without a home
            return None
        raise
    configuration = _load(path)
    profile = configuration.profile(check_name(name or DEFAULT_PROFILE))
    if profile is None and name is not None:
        known = ", ".join(configuration.names)
        raise UsageError(
            f"there is no profile {name} in {path}",
            hint=f"{f'there are: {known}' if known else 'there is none'};"
            f" rjcli login --profile {name} makes it",
        )
    return profile


def find_profile(name: str, environ: Mapping[str, str]) -> Profile | None:
    """Load a profile; None if there is none of that name. Raises as ``load_profile`` does."""
    return _load(config_file(environ)).profile(check_name(name))


def list_profiles(environ: Mapping[str, str]) -> list[Profile]:
    """All profiles, by name. Raises UsageError as ``load_profile`` does."""
    configuration = _load(config_file(environ))
    return [*filter(None, map(configuration.profile, configuration.names))]


def save_profile(profile: Profile, environ: Mapping[str, str]) -> None:
    """Put a profile into the file, in place of one of the same name.

    Raises UsageError if the file cannot be trusted, understood or written,
    UnfinishedError if the disk is full.
    """
    _change(profile.name, profile, environ)


def delete_profile(name: str, environ: Mapping[str, str]) -> None:
    """Delete an existing profile from the file. Raises as ``save_profile`` does."""
    _change(name, None, environ)


def _load(path: Path) -> Configuration:
    with os_errors_as_ours(f"cannot read {_FILE} {path}"):
        if path.parent.is_dir():
            check_ancestors(path.parent.parent, Path.home())
    return Configuration.decode(read_own_file(path, _FILE, _MAX_BYTES) or b"", str(path))


def _change(name: str, profile: Profile | None, environ: Mapping[str, str]) -> None:
    path = config_file(environ)

    def change(content: bytes) -> bytes:
        return Configuration.decode(content, str(path)).change(name, profile).encode()

    with os_errors_as_ours(f"cannot write {_FILE} {path}"):
        check_ancestors(path.parent.parent, Path.home())
    change_own_file(path, _FILE, _MAX_BYTES, change)
