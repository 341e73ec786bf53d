"""What the help says: of a command what its declarations say, and of all commands."""

from collections.abc import Iterable, Iterator

from rjcli.cli.command import COMMANDS, Command
from rjcli.settings.kinds import FLAG
from rjcli.settings.option import Declared

EXIT_CODES = {
    "0": "Every record was accepted, or would be.",
    "1": "A defect in rjcli, or an account that does not add up.",
    "2": "Usage: options, configuration, an unreadable or changed input.",
    "3": "Finished, and some records were rejected.",
    "4": "The API refused the credentials or the client (401, 403, 404).",
    "5": "Could not finish now: run it again later, a push with --resume.",
    "6": "Stopped by --max-rejects, or because every batch was refused.",
    "129, 130, 143": "Stopped by SIGHUP, SIGINT or SIGTERM.",
}
_OF_PUSHES = {"3", "6"}
_LISTS = """a,b, or the option repeated. A name with a comma in it, or spaces at its ends, is \
quoted as in a CSV: -k '"last, first",id' --rename '"a,b"=ab'."""
_TIMES = "500ms, 90s, 15m, 1.5h, or plain seconds."
_SIZES = "64k, 4M, 4MiB, or plain bytes; 1k is 1,024 bytes."
_VARIABLES = """Every option can also come from one, --table from RJCLI_TABLE. The command line \
goes before variables, and these before a profile."""
PROGRAM = "Load JSON, NDJSON and CSV files into the RJMetrics / Magento BI Data Import API."
OPTIONS = {
    "-h, --help": "Show this; rjcli help COMMAND shows a command's options.",
    "-V, --version": "Show the version.",
    "--show-completion [SHELL]": "Print what completes command lines in bash, zsh, fish, pwsh.",
    "--install-completion [SHELL]": "Install it.",
}


def print_help(command: Command) -> None:
    """Print what a command does, with all of its options."""
    from rjcli.report.help import HelpGroup, HelpPage, print_page

    shown = command.options.values()
    groups: dict[str, HelpGroup] = {}
    for option in shown:
        group = groups.setdefault(
            option.group.title, HelpGroup(option.group.title, option.group.help, [])
        )
        group.rows.append((label(option), description(option)))
    names = [
        label(option) if option.is_required else f"[{label(option)}]"
        for option in shown
        if option.is_positional
    ]
    codes = [
        (code, text)
        for code, text in EXIT_CODES.items()
        if "batch_size" in command.options or code not in _OF_PUSHES
    ]
    last = [HelpGroup("Values", "", [*value_notes(shown)]), HelpGroup("Exit codes", "", codes)]
    usage = " ".join([f"{command.usage} [OPTIONS]", *names])
    print_page(
        HelpPage(usage, unwrapped(command.help), [*command.examples], [*groups.values(), *last])
    )


def print_commands() -> None:
    """Print what commands there are."""
    from rjcli.report.help import HelpGroup, HelpPage, print_page

    rows = [(command.name, command.help.splitlines()[0]) for command in COMMANDS.values()]
    examples = [command.examples[0] for command in COMMANDS.values() if command.examples]
    groups = [
        HelpGroup("Commands", "", rows),
        HelpGroup("Options", "", [*OPTIONS.items()]),
        HelpGroup("Exit codes", "", [*EXIT_CODES.items()]),
    ]
    print_page(HelpPage("rjcli COMMAND [OPTIONS]", PROGRAM, examples, groups))


def unwrapped(text: str) -> str:
    """A text whose paragraphs are one line each."""
    return "\n\n".join(" ".join(part.split("\n")) for part in text.split("\n\n"))


def label(option: Declared) -> str:
    """An option as the help names it: ``-j, --jobs N``."""
    if option.is_positional:
        return f"{option.metavar}..." if option.kind.is_repeatable else option.metavar
    value = f"[={option.metavar}]" if option.bare else f" {option.metavar}"
    short = f"{option.short}," if option.short else ""
    return f"{short:4}{option.flag}{'' if option.kind is FLAG else value}"


def description(option: Declared) -> str:
    """What the help says of an option: its line, what it allows, and its default."""
    details = "; ".join(_details(option))
    return f"{option.help.rstrip('.')} ({details})." if details else option.help


def _details(option: Declared) -> Iterator[str]:
    kind = option.kind
    if kind.choices:
        yield f"{', '.join(kind.choices[:-1])} or {kind.choices[-1]}"
    if kind.limits:
        yield kind.limits
    has_default = option.default and not (option.is_required or option.bare or kind is FLAG)
    if default := option.shown or (kind.show(option.default) if has_default else ""):
        yield f"default: {default}"


def value_notes(options: Iterable[Declared]) -> Iterator[tuple[str, str]]:
    """How values are written, of the kinds that some options take."""
    kinds = [option.kind for option in options]
    if any(kind.split for kind in kinds):
        yield "Lists", _LISTS
    if any(kind.metavar == "TIME" for kind in kinds):
        yield "Times", _TIMES
    if any(kind.metavar == "SIZE" for kind in kinds):
        yield "Sizes", _SIZES
    yield "Variables", _VARIABLES
