"""The configuration: files, variables, credentials, and what is said of them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from rjcli.errors import UsageError
from rjcli.settings.choices import Keyless
from rjcli.singer.about import about_json, about_markdown, about_text
from rjcli.singer.config import NAMES, configure
from rjcli.singer.main import run
from tests.conftest import CANARY_KEY, LocalApi
from tests.singer.tap import lines_of, record, schema


def write(home: Path, mode: int = 0o600, **values: Any) -> str:
    """A configuration file."""
    path = home / "config.json"
    path.write_text(json.dumps(values))
    path.chmod(mode)
    return str(path)


def test_old_targets_configuration_works(home: Path) -> None:
    """What the target of old took is taken: client_id, also as text, api_key, and the rest."""
    path = write(home, client_id="12", api_key=CANARY_KEY, disable_collection=True)
    configuration = configure([path], os.environ)
    assert configuration.access.client_id
    assert configuration.access.client_id.value == 12
    assert configuration.access.api_key_file
    assert configuration.access.api_key_file.value.reveal() == CANARY_KEY
    assert not configuration.warnings


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o644, True), (0o640, True)])
def test_key_that_others_can_read_gets_a_warning(home: Path, mode: int, warns: bool) -> None:  # noqa: FBT001 - parametrized
    """A file of mode 0644 is taken; the warning names safer places for the key."""
    warnings = configure([write(home, mode, api_key=CANARY_KEY)], os.environ).warnings
    assert bool(warnings) == warns
    assert all("RJCLI_API_KEY" in text and "rjcli login" in text for text in warnings)
    assert not configure([write(home, mode, client_id=1)], os.environ).warnings


def test_all_options_are_settings(home: Path) -> None:
    """Push's delivery options are there by their names, and the target's own."""
    path = write(
        home,
        environment="sandbox",
        keyless="hash",
        table_prefix="s_",
        max_rejects="1%",
        settle="1m",
        retry_for=5,
        jobs=3,
        rate_limit=None,
        flush_after=1,
        base_url="",
        run_dir="rejects",
    )
    settings, access, _, _ = configure([path], os.environ)
    assert (settings.keyless, settings.table_prefix) == (Keyless.HASH, "s_")
    assert (settings.delivery.settle, settings.delivery.jobs) == (60.0, 3)
    assert (settings.max_rejects.number, settings.max_rejects.is_percentage) == (1.0, True)
    assert access.target.environment == "sandbox"


def test_later_configurations_and_variables_count_more(home: Path) -> None:
    """`--config FILE --config ENV` takes variables first, then what the file says."""
    path = write(home, jobs=2, table_prefix="f_")
    environ = {**os.environ, "TARGET_RJMETRICS_JOBS": "4", "TARGET_RJMETRICS_API_KEY": "k" * 10}
    settings, access, _, _ = configure([path, "ENV"], environ)
    assert (settings.delivery.jobs, settings.table_prefix) == (4, "f_")
    assert access.api_key_file
    assert configure([path], environ).settings.delivery.jobs == 2


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"jbos": 1}, "did you mean jobs"),
        ({"jobs": 0}, "jobs in .*config.json must be"),
        ({"environment": "moon"}, "must be one of"),
        ({"environment": "sandbox", "base_url": "https://x.com"}, "both say where"),
        ({"api_key": "a b"}, "api_key in .*config.json is empty, or has spaces"),
        ({"api_key": 5}, "must be text"),
        ({"table_prefix": "a-"}, "letters, digits and underscores"),
        ({"keyless": "maybe"}, "refuse, hash"),
    ],
)
def test_bad_values_are_refused(home: Path, values: dict[str, Any], reason: str) -> None:
    """A value that is none is named with its file; no key is quoted."""
    with pytest.raises(UsageError, match=reason):
        configure([write(home, **values)], os.environ)


@pytest.mark.parametrize("content", ["", "[]", "{", "nonsense"])
def test_files_that_are_no_configuration(home: Path, content: str) -> None:
    """A file that is no JSON object is refused."""
    (home / "c").write_text(content)
    with pytest.raises(UsageError, match="no JSON object"):
        configure([str(home / "c")], os.environ)
    with pytest.raises(UsageError, match="cannot read the configuration"):
        configure([str(home / "missing")], os.environ)


def test_about_names_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    """`--about` has all settings in each format; as JSON they are a schema that tools read."""
    for names in (about_text(), about_markdown(), about_json()):
        assert all(name in names for name in [*NAMES, "api_key"])
    document = json.loads(about_json())
    properties = document["settings"]["properties"]
    assert properties["api_key"]["secret"]
    assert properties["jobs"]["default"] == 8
    assert properties["max_rejects"]["default"] == "0"
    assert properties["keyless"]["enum"] == ["refuse", "hash", None]
    assert run(["--about", "--format", "json"]) == run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("{")


@pytest.mark.parametrize("words", [["--nonsense"], ["--format", "xml"], ["--config"]])
def test_bad_words_are_usage_errors(words: list[str]) -> None:
    """What stands on the command line and is no option ends with exit code 2."""
    with pytest.raises(UsageError):
        run(words)


def test_input_is_read_from_a_file(
    local_api: LocalApi, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """`--input FILE` reads a file in the place of stdin; the credentials are found as ever."""
    (home / "tap").write_bytes(lines_of([schema("t", "id"), record("t", id=1)]))
    path = write(home, 0o644, base_url=local_api.base_url, api_key=CANARY_KEY, client_id=12)
    assert run(["--config", path, "--input", str(home / "tap")]) == 0
    assert len(local_api.records("t")) == 1
    output = capfd.readouterr()
    assert output.out == ""
    assert "others can read" in output.err
    assert CANARY_KEY not in output.err
