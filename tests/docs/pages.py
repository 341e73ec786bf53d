"""The pages of the documentation as blocks of code, with what each test must know of them.

A page is cut at its ``## `` headings: a section is a session of its own, from top to
bottom, in one shell. A comment right before a block directs its test; readers do not
see it:

    <!-- test: exits 3 -->              the last command's exit code; 0 otherwise
    <!-- test: exits 0, 130, 0 -->      those of all its commands
    <!-- test: file NAME -->            the block is not run but written to this file
    <!-- test: before COMMAND -->       a command that is run first, unseen
    <!-- test: stops -->                the command runs until it is stopped, once it has shown all
    <!-- test: types PROMPT=ANSWER, PROMPT=ANSWER -->  what is typed on a terminal, and when
    <!-- test: steps -->                what follows each ``run:`` of this YAML is run
    <!-- test: not run, REASON -->      only the syntax is checked

The block's language says how it is tested: ``console`` is a session, whose commands
follow ``$ `` (and go on after ``> ``) and whose output is compared; ``sh`` is a script of its
own, which must succeed; ``python`` is run, ``toml``, ``json`` and ``yaml`` are
parsed as far as can be; ``text`` is what nobody can run, such as a message.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[2]
LANGUAGES = {"console", "sh", "python", "toml", "json", "yaml", "text"}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

_DIRECTIVE = re.compile(r"<!-- test: (exits|file|before|stops|types|steps|not run,) ?(.*?) ?-->")


@dataclass(frozen=True)
class Block:
    """A block of code. ``place``: its page and line. ``directives``: by their first words."""

    place: str
    heading: str
    language: str
    text: str
    directives: dict[str, str]

    @property
    def is_run(self) -> bool:
        """Whether a shell runs it."""
        is_code = self.language in {"console", "sh", "python"} or "steps" in self.directives
        return is_code and not self.is_only_parsed

    @property
    def is_only_parsed(self) -> bool:
        """Whether the page's author says that it cannot be run."""
        return bool({"not run,", "file"} & self.directives.keys())


@dataclass(frozen=True)
class Command:
    """A command of a block, its exit code, and the output that the page shows.

    ``output`` None: the page shows none.
    """

    text: str
    exit_code: int
    output: str | None


def sections(page: Path) -> list[list[Block]]:
    """The blocks of each section that has some."""
    return [[*blocks] for _, blocks in groupby(blocks_of(page), lambda block: block.heading)]


def blocks_of(page: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    heading, language, start = page.stem, "", 0
    lines: list[str] | None = None
    directives: dict[str, str] = {}
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if lines is None and line.startswith("```"):
            lines, language, start = [], line[3:], number
        elif lines is not None and line == "```":
            place = f"{page.name}:{start}"
            text = "".join(f"{each}\n" for each in lines)
            yield Block(place, heading, language, text, directives)
            lines, directives = None, {}
        elif lines is not None:
            lines.append(line)
        elif line.startswith("<!-- test:"):
            found = _DIRECTIVE.fullmatch(line)
            assert found, f"{page.name}:{number}: no directive of a test: {line}"
            directives = {**directives, found[1]: found[2]}
        elif line.strip():
            assert not directives, f"{page.name}:{number}: a directive that no block follows"
            heading = line[3:] if line.startswith("## ") else heading


def commands(block: Block) -> list[Command]:
    """What a shell runs of a block."""
    codes = [int(code) for code in block.directives.get("exits", "0").split(", ")]
    if block.language == "python":
        text = f"python - <<'END_OF_BLOCK'\n{block.text}END_OF_BLOCK\n"
        return [Command(text, codes[0], None)]
    if block.language == "yaml":
        steps = re.findall(r"^ *- run: (.*)", block.text, flags=re.MULTILINE)
        return [Command(step, 0, None) for step in steps]
    if block.language == "sh":
        return [Command(block.text, codes[0], None)]
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0], f"{block.place}: a session begins with a command"
    if len(codes) == 1:
        codes = [0] * (len(parts) - 2) + codes
    return [_command(part, code) for part, code in zip(parts[1:], codes, strict=True)]


def _command(part: str, exit_code: int) -> Command:
    first, *rest = part.splitlines(keepends=True)
    more = 0
    while more < len(rest) and rest[more].startswith("> "):
        more += 1
    text = first + "".join(line[2:] for line in rest[:more])
    return Command(text, exit_code, "".join(rest[more:]))
