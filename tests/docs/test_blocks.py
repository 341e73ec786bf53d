import ast
import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.docs.output import matches, normalized
from tests.docs.pages import LANGUAGES, PAGES, Block, blocks_of, sections
from tests.docs.session import Done, Session
from tests.support.preloaded import Preloaded

BLOCKS = [block for page in PAGES for block in blocks_of(page)]
SECTIONS = [blocks for page in PAGES for blocks in sections(page) if any(b.is_run for b in blocks)]

_YAML_LINE = re.compile(r"( *)(- )*([\w.-]+|\"[^\"]*\"):( .*)?|( *)- .*|\s*(#.*)?")


def place(block: Block) -> str:
    """How a test's name ends."""
    return block.place


@pytest.mark.parametrize("blocks", SECTIONS, ids=lambda blocks: blocks[0].place)
def test_section_runs_as_it_stands(
    blocks: list[Block], tmp_path: Path, preloaded: Preloaded
) -> None:
    """Each block of shell of a section runs, and its output is what the page shows."""
    session = Session(tmp_path, preloaded)
    wrong = [text for done in session.run(blocks) if (text := _what_is_wrong(done, session))]
    assert not wrong, "\n\n".join(wrong)


def _what_is_wrong(done: Done, session: Session) -> str | None:
    home = str(session.home)
    if done.exit_code != done.command.exit_code:
        what = f"exit code {done.exit_code}, not {done.command.exit_code}:\n{done.output}"
    elif done.command.output is None or matches(done.command.output, done.output, home):
        return None
    else:
        shown = normalized(done.command.output, home)
        what = f"the page shows:\n{shown}\nthe output was:\n{normalized(done.output, home)}"
        what += f"\nas it came:\n{done.output}"
    return f"{done.block.place}: {done.command.text.strip()}\n{what}"


@pytest.mark.parametrize("block", BLOCKS, ids=place)
def test_block_is_well_formed(block: Block, tmp_path: Path) -> None:
    """Each block says its language, is written in it, and is run unless there is a reason."""
    assert block.language in LANGUAGES, f"{block.place}: say which of {sorted(LANGUAGES)}"
    assert block.directives.get("not run,", "a reason"), f"{block.place}: why is it not run?"
    match block.language:
        case "python":
            ast.parse(block.text)
        case "toml":
            tomllib.loads(block.text)
        case "json":
            json.loads(block.text)
        case "yaml":
            for line in _without_scalars(block.text):
                assert _YAML_LINE.fullmatch(line), f"{block.place}: no YAML: {line}"
        case "sh":
            script = tmp_path / "script"
            script.write_text(block.text)
            subprocess.run(["bash", "-n", script], check=True)
        case "text":
            assert not re.search(r"^\$ ", block.text, re.MULTILINE), f"{block.place}: a session"


def _without_scalars(text: str) -> list[str]:
    """The lines of some YAML but for those of literal texts (``key: |``)."""
    lines: list[str] = []
    within: int | None = None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if within is not None and (indent > within or not line.strip()):
            continue
        within = indent if line.endswith((": |", ": >")) else None
        lines.append(line)
    return lines
