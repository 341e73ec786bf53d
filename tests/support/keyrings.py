"""Keyrings for the package keyring to load: one that works, and those that do not."""

import json
import os
import time
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.compat import properties


class Working(KeyringBackend):
    """Keeps passwords in a file in the home directory."""

    @properties.classproperty
    def priority(self) -> float:
        """As good as any."""
        return 5

    @property
    def _file(self) -> Path:
        return Path(os.environ["HOME"], "keyring.json")

    def _passwords(self) -> dict[str, str]:
        passwords: dict[str, str] = json.loads(self._file.read_text() or "{}")
        return passwords

    def get_password(self, service: str, username: str) -> str | None:
        """Get a password."""
        return self._passwords().get(f"{service}/{username}") if self._file.exists() else None

    def set_password(self, service: str, username: str, password: str) -> None:
        """Keep a password."""
        self._file.touch()
        self._file.write_text(json.dumps(self._passwords() | {f"{service}/{username}": password}))

    def delete_password(self, service: str, username: str) -> None:
        """Forget a password."""
        passwords = self._passwords()
        del passwords[f"{service}/{username}"]
        self._file.write_text(json.dumps(passwords))


class Hanging(Working):
    """Answers after a minute."""

    def get_password(self, service: str, username: str) -> str | None:
        """Wait."""
        time.sleep(60)
        return super().get_password(service, username)


class Raising(Working):
    """Fails, and says too much."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Raise an error that quotes the password."""
        raise RuntimeError(f"{service} {username} {password}")


class Forgetting(Working):
    """Takes passwords and keeps none."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Do nothing."""


class Plain(Working):
    """Not recommended, as those are that keep plain text."""

    @properties.classproperty
    def priority(self) -> float:
        """Usable, but not recommended."""
        return 0.5
