"""The options of a push from Python, with those of its profile."""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

from rjcli.credentials.config_file import Profile
from rjcli.credentials.profiles import load_profile
from rjcli.engine.connection import Connection, client_id_of, connect
from rjcli.engine.description import request_run
from rjcli.errors import UsageError
from rjcli.events import RunDescription
from rjcli.library.base_call import read_arguments
from rjcli.run import RunRequest
from rjcli.run.opening import Note
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import COMMAND_LINE, Given
from rjcli.settings.option import options_of
from rjcli.settings.read import read
from rjcli.settings.sources import PYTHON, strongest
from rjcli.settings.sources import Options as GivenOptions
from rjcli.settings.stored import store
from rjcli.settings.values import InputSettings, PushSettings, RunSettings

_OPTIONS = [*options_of(PushSettings, AccessSettings)]
_OF_FILES = {option.key for option in options_of(InputSettings, RunSettings)}


class Options:
    """Settings of a push, with how to reach its API. Raises UsageError for bad ones.

    ``given``: all options by their keys, those of the profile included.
    """

    def __init__(
        self, given: GivenOptions, profile: Profile | None, api_key: str | None = None
    ) -> None:
        self._given = given
        self._profile = profile
        self._api_key = api_key
        self.settings = read(PushSettings, given, PYTHON)
        self.access = read(AccessSettings, given, PYTHON)

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any], *, in_files: bool = False) -> Self:
        """Read the arguments of a function, and the profile.

        ``in_files``: whether arguments that concern files are among them.
        """
        if not in_files:
            for name in arguments:
                if name in _OF_FILES:
                    raise UsageError(f"{name}= is for files", hint="use rjcli.push_files")
            arguments = {**arguments, "files": ()}
        given, api_key = read_arguments(_OPTIONS, arguments)
        named = given["profile"].value if "profile" in given else None
        profile = load_profile(named, os.environ)
        if profile:
            given = strongest(given, profile.given())
        return cls(given, profile, api_key)

    @property
    def client_id(self) -> int | None:
        """The client id of a push that needs none; None if there is none."""
        return client_id_of(self.access, self._profile)

    def connect(self) -> AbstractContextManager[Connection]:
        """Find the Import API; the local one runs within the context."""
        return connect(self.access, self._profile, api_key=self._api_key)

    def request_run(self, description: RunDescription, note: Note) -> RunRequest:
        """Ask for the run of the push."""
        options = store(_OPTIONS, self._given)
        return request_run(self.access, self.settings, description, options, os.environ, note)


def without_files(given: GivenOptions) -> GivenOptions:
    """The same options, without those that concern files: the records are in none."""
    kept = {key: value for key, value in given.items() if key not in _OF_FILES}
    return {**kept, "files": Given((), COMMAND_LINE, "files")}
