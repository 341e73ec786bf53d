"""The manual page."""

from pathlib import Path

from rjcli.cli.command import COMMANDS
from rjcli.cli.man import manual

PAGE = Path(__file__).parent.parent.parent / "man" / "rjcli.1"


def test_manual_page_is_up_to_date() -> None:
    """The page that is installed is made of the options as they are declared: `make man`."""
    assert PAGE.read_text() == manual()


def test_manual_page_has_every_command() -> None:
    """Each command and each option is in it; no text is taken for a request."""
    text = manual()
    for command in COMMANDS.values():
        assert f".SS rjcli {command.name}\n".replace("-", r"\-") in text
        for option in command.options.values():
            assert option.flag.replace("-", r"\-") in text
    requests = {line.split()[0] for line in text.splitlines() if line.startswith((".", "'"))}
    assert requests <= {".TH", ".SH", ".SS", ".TP", ".PP", ".nf", ".fi", ".RS", ".RE"}
