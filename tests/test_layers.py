"""The house: who may import what."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "rjcli"

ONLY_IMPORTERS = {
    "httpx": {"http"},
    "httptools": {"http"},
    "aiohttp": {"local"},
    "rich": {"report"},
    "typer": {"cli"},
    "keyring": {"credentials"},
    "tomlkit": {"credentials"},
    "getpass": {"commands"},
    "sqlite3": {"local"},
    "pyspark": {"spark"},
    "pyarrow": {"spark"},
}


@cache
def imports(path: Path) -> set[str]:
    """The top-level names of all that a module imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return {name.partition(".")[0] for name in found}


@pytest.mark.parametrize("library", ONLY_IMPORTERS)
def test_each_library_has_one_place(library: str) -> None:
    """A library is imported in its one place only."""
    found = {
        path.relative_to(PACKAGE).parts[0]
        for path in PACKAGE.rglob("*.py")
        if library in imports(path)
    }
    assert found == ONLY_IMPORTERS[library]


def test_imports_point_downwards() -> None:
    """The layers that pyproject.toml draws hold."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=str)
def test_modules_and_functions_stay_small(path: Path) -> None:
    """A module past 300 lines or a function past 50 asks to be split."""
    text = path.read_text()
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 50, node.name
