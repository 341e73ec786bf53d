"""A page of help on stdout: examples first, then a panel for each group of options."""

import sys
from collections.abc import Iterator
from typing import TextIO, cast

from msgspec import Struct
from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rjcli.report.stream import TolerantStream

_WIDEST = 110  # longer lines are hard to read
_NARROW = 60  # where names and texts do not fit beside each other


class HelpGroup(Struct, frozen=True):
    """A panel: a title, a line on what it is about, and names with their descriptions."""

    title: str
    help: str
    rows: list[tuple[str, str]]


class HelpPage(Struct, frozen=True):
    """A page. ``examples``: what each is for, and its command line."""

    usage: str
    help: str
    examples: list[tuple[str, str]]
    groups: list[HelpGroup]


def print_page(page: HelpPage) -> None:
    """Print a page as wide as the terminal, or COLUMNS; without colours off a terminal."""
    stream = cast("TextIO", TolerantStream(sys.stdout))
    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    console.width = min(console.width, _WIDEST)
    is_narrow = console.width < _NARROW
    console.print(Text.assemble(("Usage: ", "bold"), page.usage), end="\n\n")
    console.print(Text(page.help), end="\n\n")
    if page.examples:
        console.print(Text("Examples", "bold"))
    for about, line in page.examples:
        console.print(Padding(Text(about), (0, 0, 0, 2), expand=False))
        console.print(Padding(Text(line, "cyan"), (0, 0, 0, 4), expand=False))
    for group in page.groups:
        content = Group(*_content(group, is_narrow=is_narrow))
        title = Text(group.title, "bold")
        console.print(Panel(content, title=title, title_align="left", box=box.ROUNDED))


def _content(group: HelpGroup, *, is_narrow: bool) -> Iterator[RenderableType]:
    if group.help:
        yield Text(group.help, "italic")
    if is_narrow:
        for name, text in group.rows:
            yield Text(name.strip(), "bold cyan")
            yield Padding(Text(text), (0, 0, 0, 2))
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for name, text in group.rows:
        table.add_row(Text(name, "bold cyan"), Text(text))
    yield table
