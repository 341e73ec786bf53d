import ast
import re
import xml.etree.ElementTree as ET
from functools import cache
from pathlib import Path

import pytest

from docs.make import options_by_variable, with_table
from tests.docs.pages import ROOT

DOCS = ROOT / "docs"
_MESSAGES = re.findall(
    r"^### `(.+)`$", (DOCS / "troubleshooting.md").read_text(), flags=re.MULTILINE
)
_VARIABLE = re.compile(
    r"RJCLI_[A-Z_]+|XDG_\w+|SSL_CERT_\w+|[A-Z]+_PROXY|NO_COLOR|TMPDIR|GITHUB_[A-Z_]+"
)


@cache
def texts() -> list[str]:
    """All texts in rjcli; ``…`` stands for what is put into them."""
    found: list[str] = []
    for file in (ROOT / "rjcli").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.JoinedStr(values=values):
                    parts = (
                        each.value if isinstance(each, ast.Constant) else "…" for each in values
                    )
                    found.append("".join(map(str, parts)))
                case ast.Constant(value=str(text)):
                    found.append(text)
    return found


@pytest.mark.parametrize("message", _MESSAGES)
def test_explained_messages_exist(message: str) -> None:
    """Each message that the troubleshooting page explains is one that rjcli has."""
    pattern = ".*".join(map(re.escape, re.split("…", message)))
    assert any(re.search(pattern, text, re.DOTALL) for text in texts())


def test_variables_are_all_listed() -> None:
    """The table of variables is that of the declarations; `make docs` writes it."""
    page = (DOCS / "variables.md").read_text()
    assert page == with_table(page)
    named = {name for text in texts() for name in _VARIABLE.findall(text)} - {"RJCLI_COMPLETE"}
    assert {name for name in named if f"`{name}`" not in page} == set()
    assert options_by_variable()


def test_picture_holds_all_that_it_shows() -> None:
    """The picture of a push is an image by itself: it fetches nothing."""
    text = (DOCS / "push.svg").read_text()
    addresses = set(re.findall(r"(?:url\(|href=|src=)[\"']?(?!#)[^)\"' ]+", text))
    assert not addresses
    assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 -- our own
    assert str(ROOT) not in text


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *DOCS.glob("*.md")], ids=lambda page: page.name
)
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file or a heading of the project has one to lead to."""
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", page.read_text()):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as the usual hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_is_short() -> None:
    """The README is read from its beginning to its end: what is longer has a page of its own."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 250
