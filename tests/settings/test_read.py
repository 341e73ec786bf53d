"""Options from every source become settings; errors name the source."""

from pathlib import Path
from typing import Any

import pytest

from rjcli.errors import UsageError
from rjcli.settings.choices import Format, Resume
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import Given, Rank, Source
from rjcli.settings.option import options_of
from rjcli.settings.read import read
from rjcli.settings.sources import (
    PYTHON,
    Options,
    Texts,
    from_mapping,
    from_variables,
    from_words,
    strongest,
)
from rjcli.settings.values import PushSettings

OPTIONS = [*options_of(PushSettings)]
NEEDED = {"table": "t", "files": Texts(["f"])}


def of_words(**words: Any) -> Options:
    """What stands on a command line."""
    return from_words(OPTIONS, words)


def of_variables(**values: str) -> Options:
    """What variables say, by the options' keys."""
    return from_variables(OPTIONS, {f"RJCLI_{key.upper()}": each for key, each in values.items()})


def of_file(**values: Any) -> Options:
    """What a file says."""
    return from_mapping(OPTIONS, values, "shop.toml")


def of_python(**values: Any) -> Options:
    """What a function is called with."""
    return from_mapping(OPTIONS, values, PYTHON)


def settings(given: Options) -> PushSettings:
    """Settings with all that is needed, and what was given."""
    return read(PushSettings, strongest(given, of_words(**NEEDED)))


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (of_words(jobs="300"), "--jobs"),
        (of_variables(jobs="300"), "RJCLI_JOBS"),
        (of_file(jobs=300), "jobs in shop.toml"),
        (of_python(jobs=300), "jobs="),
    ],
)
def test_errors_name_what_was_given(given: Options, name: str) -> None:
    """An error names option, variable, file or argument, and what is allowed there."""
    with pytest.raises(UsageError) as caught:
        settings(given)
    assert caught.value.message.startswith(f"{name} must be a whole number from 1 to 256, not ")


def test_stronger_sources_win() -> None:
    """The command line beats variables, these a file, that a profile, and that the default."""
    profile = {"jobs": Given(2, Source(Rank.PROFILE, "profile shop"), "jobs in profile shop")}
    layers = [of_words(jobs="5"), of_variables(jobs="4"), of_file(jobs=3), profile, {}]
    found = [settings(strongest(*reversed(layers[at:]))).delivery.jobs for at in range(5)]
    assert found == [5, 4, 3, 2, 8]


def test_files_and_python_give_native_values() -> None:
    """Tables of files and Python's arguments give lists, tables, numbers and units as text."""
    values: dict[str, Any] = {
        "keys": ["last, first", "id"],
        "type": {"sku": "string"},
        "set": {"source": "web"},
        "rate_limit": 2,
        "retry_for": "15m",
        "max_rejects": "1%",
        "no_detect_types": True,
        "null_string": ["NULL", "N/A"],
        "resume": True,
        "limit": None,
    }
    for given in (
        of_python(**values),
        of_file(**{k.replace("_", "-"): v for k, v in values.items()}),
    ):
        found = settings(given)
        assert found.keys == ("last, first", "id")
        assert found.input.csv.types == {"sku": "string"}
        assert found.input.csv.null_strings == ("NULL", "N/A")
        assert found.input.csv.detect_types is False
        assert found.input.limit is None
        assert found.shape.constants == {"source": b'"web"'}
        assert (found.delivery.rate_limit, found.delivery.retry_for) == (2.0, 900.0)
        assert found.run.resume is Resume.ON


def test_python_takes_paths() -> None:
    """Files may be paths, one or several."""
    given = from_mapping(OPTIONS, {"table": "t", "files": [Path("a"), "b"]}, PYTHON)
    assert read(PushSettings, given, PYTHON).input.files == ("a", "b")


def test_unknown_names_are_refused() -> None:
    """An unknown name is refused with the nearest one, as it is written in that place."""
    with pytest.raises(UsageError, match=r"in shop.toml: rate-limt; did you mean rate-limit\?"):
        of_file(**{"rate-limt": 5})
    with pytest.raises(UsageError, match=r"unknown option: rate_limt; did you mean rate_limit\?"):
        of_python(rate_limt=5)
    with pytest.raises(UsageError, match=r"rate-limit in shop.toml is there twice"):
        of_file(**{"rate-limit": 5, "rate_limit": 6})


@pytest.mark.parametrize(
    ("place", "message", "hint"),
    [
        (None, "no --table given", "RJCLI_TABLE"),
        ("shop.toml", "no table in shop.toml given", "Table"),
        (PYTHON, "no table= given", "Table"),
    ],
)
def test_what_is_missing_is_named(place: str | None, message: str, hint: str) -> None:
    """An option that must be given is named as it would be written in that place."""
    with pytest.raises(UsageError) as caught:
        read(PushSettings, {}, place)
    assert caught.value.message == message
    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (of_words(dry_run=True, resume="auto"), "--dry-run and --resume exclude each other"),
        (of_variables(dry_run="1", resume="1"), "RJCLI_DRY_RUN and RJCLI_RESUME exclude"),
        (of_words(format="ndjson", type="a=string"), "--type is for CSV and TSV, not for ndjson"),
        (of_file(format="json", type={"a": "string"}), "type in shop.toml is for CSV and TSV"),
        (of_words(keys="id", select="a"), "--select leaves out 'id'"),
    ],
)
def test_contradictions_are_refused(given: Options, complaint: str) -> None:
    """Options that contradict each other are refused before anything is read."""
    with pytest.raises(UsageError, match=complaint):
        settings(given)


def test_type_may_go_with_formats_that_may_be_csv() -> None:
    """--type is taken where the format is a CSV's, or not said."""
    for name in (Format.AUTO, Format.CSV, Format.TSV):
        assert settings(of_words(format=name, type="a=string")).input.csv.required_columns == ("a",)


def test_what_follows_from_options_is_set() -> None:
    """Columns renamed by position, and whether a last line waits, follow from the options."""
    found = settings(of_words(rename="3=name,a=b", resume="auto")).input
    assert found.csv.renamed_positions == {3: "name"}
    assert found.hold_back_unterminated
    assert not settings(of_words(resume="on")).input.hold_back_unterminated


def test_settings_cannot_be_changed() -> None:
    """Settings are frozen, and have no dictionary behind them to change."""
    found = settings({})
    with pytest.raises(AttributeError):
        found.dry_run = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        vars(found)


def test_one_address_is_chosen() -> None:
    """Of environment and base URL the higher rank counts; two of one rank are an error."""
    options = [*options_of(AccessSettings)]
    variables = from_variables(options, {"RJCLI_ENV": "sandbox"})
    words = from_words(options, {"base_url": "https://example.com"})
    target = read(AccessSettings, strongest(words, variables)).target
    assert (target.environment, target.endpoint and target.endpoint.host) == (
        "custom",
        "example.com",
    )
    assert target.given
    assert target.given.name == "--base-url"
    words = from_words(options, {"env": "sandbox", "base_url": "https://example.com"})
    with pytest.raises(UsageError, match="--env and --base-url both say where to push"):
        read(AccessSettings, words)
