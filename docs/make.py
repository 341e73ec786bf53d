"""Make what can be made of the documentation: push.svg, and the table in variables.md.

Usage: python -m docs.make
"""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from io import StringIO
from itertools import takewhile
from pathlib import Path

from rich.console import Console
from rich.text import Text

import rjcli.cli.app  # noqa: F401 -- which declares the commands
from rjcli.cli.command import COMMANDS
from rjcli.cli.help import description
from rjcli.settings.option import Declared

DOCS = Path(__file__).parent
ROOT = DOCS.parent
_BEGIN, _END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
_RECORDS, _COLUMNS = "300000", 100
_PUSH = ["push", "page_views.ndjson", "-t", "page_views", "-k", "id", "--env", "local"]


def options_by_variable() -> dict[str, dict[str, list[str]]]:
    """The commands that take each option, by its variable and by what the help says of it."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for command in COMMANDS.values():
        for option in command.options.values():
            if not option.is_positional:
                found[option.variable][_said(option)].append(command.name)
    return found


def variables_table() -> str:
    """A table in Markdown of the variables that options come from."""
    lines = ["| variable | what it is | of |", "|---|---|---|"]
    for variable, texts in sorted(options_by_variable().items()):
        for text, commands in texts.items():
            lines.append(f"| `{variable}` | {text} | {', '.join(commands)} |")
    return "\n".join(lines) + "\n"


def _said(option: Declared) -> str:
    return description(option).replace("|", "\\|").replace("<", "&lt;")


def with_table(page: str) -> str:
    """The text of variables.md with the table as it is now."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{variables_table()}\n{_END}{after}"


def picture() -> str:
    """A push of many records to the local Import API, as a terminal shows it, as SVG."""
    with tempfile.TemporaryDirectory() as directory:
        views = subprocess.check_output([sys.executable, ROOT / "samples/generate.py", _RECORDS])
        file = Path(directory, "page_views.ndjson")
        file.write_bytes(views.replace(b'"id"', b'"no"', 1))  # a record without its key
        shown = _on_terminal(directory)
    shown = shown.replace(directory, "/home/jo").replace(f"{sys.executable} -P", "python")
    screens = [*_screens(shown)]
    middle = screens[len(screens) * 3 // 5]
    terminal = Console(record=True, width=_COLUMNS, file=StringIO(), force_terminal=True)
    terminal.print(f"[bold]$[/bold] rjcli {' '.join(_PUSH)}", highlight=False)
    for line in middle:
        terminal.print(Text.from_ansi(line))
    terminal.print("…", style="dim")
    for line in screens[-1][_same(middle, screens[-1]) :]:
        terminal.print(Text.from_ansi(line))
    terminal.print()
    svg = terminal.export_svg(title="rjcli push", unique_id="push")
    return re.sub(r" *@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)  # nothing is fetched


def _on_terminal(directory: str) -> str:
    """What the push shows on a terminal."""
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, _COLUMNS, 0, 0))
    environment = {"HOME": directory, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "rjcli", *_PUSH]
    with subprocess.Popen(
        command, cwd=directory, env=environment, stdin=terminal, stdout=terminal, stderr=terminal
    ):
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # it has ended
            while data := os.read(controller, 65536):
                shown += data
    os.close(controller)
    return shown.decode().replace("\r\n", "\n")


def _screens(shown: str) -> Iterator[list[str]]:
    """The lines on the screen each time before some of them are drawn over, and at the end."""
    lines: list[str] = []
    parts = re.split(r"\r\x1b\[(\d+)A\x1b\[J", shown)
    for text, rows in zip(parts[::2], [*map(int, parts[1::2]), 0], strict=True):
        lines += text.splitlines()
        yield [*lines]
        lines = lines[: len(lines) - rows]


def _same(first: list[str], second: list[str]) -> int:
    """With how many equal lines two screens begin."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def main() -> None:
    """Write both."""
    page = DOCS / "variables.md"
    page.write_text(with_table(page.read_text()))
    (DOCS / "push.svg").write_text(picture())


if __name__ == "__main__":
    main()
