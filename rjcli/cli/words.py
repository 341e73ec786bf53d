"""The words of a command line, split and completed by typer as the declarations say.

typer finds out which words are options, and which are their values. It converts
none of them: that is for the settings, whose errors know where each value came
from, and it would take longer than all the rest of starting.
"""

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand

from rjcli.cli.command import COMMANDS, VARIABLE, Command
from rjcli.cli.help import print_help
from rjcli.errors import UsageError
from rjcli.settings.kinds import FLAG, nearest, quoted
from rjcli.settings.option import Declared
from rjcli.settings.sources import Texts


def parse(name: str, words: list[str]) -> Callable[[], int]:
    """Make of a command's name, and the words that follow it, what is to be run.

    It returns the exit code.
    """
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        near = nearest(name, [*COMMANDS])
        raise UsageError(f"there is no {what} {quoted(name)}{near}", hint="rjcli --help")
    command = typer.main.get_command(make_app([name]))
    # It is run outside of typer, which has its own way with errors and signals.
    usage = COMMANDS[name].usage
    work: Callable[[], int] = command(words, prog_name=usage, standalone_mode=False)
    return work


class _Command(TyperCommand):
    """A command whose words are split into options and values, and not converted."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        command = COMMANDS[str(self.name)]
        if ctx.resilient_parsing:
            args = _without_open(command, args)
        try:
            words, rest, _ = self.make_parser(ctx).parse_args(_with_bare(command, args))
        except typer.TyperException as error:
            raise _usage_error(error, command) from None
        ctx.params = ctx.obj = {
            key: Texts(word) if isinstance(word, list | tuple) else word
            for key, word in words.items()
            if word is not None
        }
        if rest and not ctx.resilient_parsing:
            raise _wrong(f"an argument too many: {quoted(rest[0])}", command)
        return []

    def invoke(self, ctx: Any) -> Callable[[], int]:
        """Return what is to be run."""
        command = COMMANDS[str(self.name)]
        if ctx.obj.pop("help", False):
            return partial(_help, command)
        return partial(command.run, ctx.obj)


def _help(command: Command) -> int:
    print_help(command)
    return 0


def make_app(names: Iterable[str]) -> typer.Typer:
    """The commands of these names, as typer has them."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    for name in names:
        app.command(name, cls=_Command, add_help_option=False)(_function(COMMANDS[name]))
    return app


def _function(command: Command) -> Callable[..., None]:
    """A function of the command's options, as typer reads one."""

    def function(**_: object) -> None:
        pass

    shown = Annotated[bool, typer.Option("-h", "--help", help="Show this.")]
    types = {option.key: _type(option) for option in command.options.values()} | {"help": shown}
    function.__doc__ = command.help
    function.__annotations__ = types
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=type_)
            for key, type_ in types.items()
        ]
    )
    return function


def _type(option: Declared) -> Any:
    many, is_flag = option.kind.is_repeatable, option.kind is FLAG
    type_: Any = list[str] if many else bool if is_flag else str
    complete = None
    if VARIABLE in os.environ:
        from rjcli.cli.completion import completer

        complete = completer(option)
    if option.is_positional:
        return Annotated[type_, typer.Argument(autocompletion=complete)]
    flags = [option.flag, *filter(None, [option.short])]
    return Annotated[type_, typer.Option(*flags, autocompletion=complete, help=option.help)]


def _with_bare(command: Command, words: Sequence[str]) -> list[str]:
    """The words, in which each option that may stand without a value has one."""
    bare = {option.flag: option.bare for option in command.options.values()}
    end = words.index("--") if "--" in words else len(words)
    return [
        *(f"{each}={bare[each]}" if bare.get(each) else each for each in words[:end]),
        *words[end:],
    ]


def _without_open(command: Command, words: list[str]) -> list[str]:
    """The words without an option at their end whose value is being completed."""
    names = {
        name
        for option in command.options.values()
        for name in (option.flag, option.short)
        if name and option.kind is not FLAG
    }
    return words[:-1] if words and words[-1] in names else words


def _usage_error(error: Any, command: Command) -> UsageError:
    """What typer complains of, in our words."""
    name = getattr(error, "option_name", None)
    if name is None:
        return _wrong(error.format_message(), command)
    for option in command.options.values():
        if name in {option.flag, option.short}:
            needs = "no value" if option.kind is FLAG else f"a value: {option.metavar}"
            return _wrong(f"{name} takes {needs}", command)
    known = [option.flag for option in command.options.values()]
    return _wrong(f"there is no option {name}{nearest(name, known)}", command)


def _wrong(message: str, command: Command) -> UsageError:
    return UsageError(message, hint=f"{command.usage} --help")
