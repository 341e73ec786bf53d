"""Commands: functions of settings, whose options stand on a command line as they are declared."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from rjcli.errors import UsageError
from rjcli.settings.option import Declared, options_of
from rjcli.settings.read import read
from rjcli.settings.sources import Options, from_variables, from_words, strongest

if TYPE_CHECKING:
    from rjcli.credentials.config_file import Profile

Example = tuple[str, str]
"""What a command line is for, and the command line."""


class Command:
    """A command: a function, and the classes of settings that it takes, in this order.

    After these, a parameter called ``profile`` is the profile whose values stand in
    for options, which must be there if it is named; one called ``previous`` need not
    be. One called ``given`` is all options as they were given.
    """

    def __init__(
        self,
        name: str,
        run: Callable[..., int],
        examples: Sequence[Example],
        program: str = "rjcli",
    ) -> None:
        self.name = name
        self.usage = f"{program} {name}"
        self.help = inspect.getdoc(run) or ""
        self.examples = examples
        self._run = run
        parameters = inspect.get_annotations(run)
        self._finds_profile = {"profile", "previous"} & parameters.keys()
        self._takes_given = "given" in parameters
        self.settings = [each for each in parameters.values() if isinstance(each, type(Struct))]
        self.options: Mapping[str, Declared] = {
            option.key: option for option in options_of(*self.settings)
        }

    def run(self, words: Mapping[str, Any]) -> int:
        """Run it with what stands on the command line, by the options' keys."""
        options = self.options.values()
        given = strongest(from_words(options, words), from_variables(options, os.environ))
        try:
            profiles = [self._find_profile(given)] if self._finds_profile else []
            given = strongest(given, *(profile.given() for profile in profiles if profile))
            settings = [read(each, given) for each in self.settings]
        except UsageError as error:
            error.hint = error.hint or f"{self.usage} --help"
            raise
        return self._run(*settings, *profiles, *([given] if self._takes_given else []))

    def _find_profile(self, given: Options) -> "Profile | None":
        from rjcli.credentials.profiles import DEFAULT_PROFILE, find_profile, load_profile

        name = given["profile"].value if "profile" in given else None
        if "previous" in self._finds_profile:
            return find_profile(name or DEFAULT_PROFILE, os.environ)
        return load_profile(name, os.environ)


VARIABLE = "_RJCLI_COMPLETE"
"""In the environment where a shell asks for completion: typer's scripts set it."""

COMMANDS: dict[str, Command] = {}
"""The commands by their names, in the order of the help."""


def command(
    name: str, *examples: Example, program: str = "rjcli"
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Make a command, of a program, of a function of settings that returns an exit code."""

    def register(run: Callable[..., int]) -> Callable[..., int]:
        COMMANDS[name] = Command(name, run, examples, program)
        return run

    return register
