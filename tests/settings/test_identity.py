"""A run's identity: everything that shapes records, without a list to keep."""

import json
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from msgspec import NODEFAULT, Struct
from msgspec.structs import replace

from rjcli.settings.given import COMMAND_LINE, Given
from rjcli.settings.identity import identity_of
from rjcli.settings.option import Field, fields_of, options_of
from rjcli.settings.stored import store
from rjcli.settings.values import CsvSettings, InputSettings, PushSettings

SETTINGS = PushSettings(table="t", input=InputSettings(files=("f",)))
ASIDE = {
    *("batch_size", "max_batch_bytes", "flush_after", "jobs", "rate_limit", "retry_for", "settle"),
    "connect_for",
    *("max_rejects", "dry_run", "min_records", "strict", "max_spool", "max_expansion", "types_to"),
    *("directory", "resume", "command"),
    *("required_columns", "renamed_positions", "hold_back_unterminated"),  # follow from others
}
"""How records are sent, and what is said of them: none of it changes a record."""


def walk(settings: Struct) -> Iterator[tuple[Field, Any]]:
    """All fields, each with the settings that another value of it makes."""
    for field in fields_of(type(settings)):
        value = getattr(settings, field.name)
        if field.section:
            for inner, changed in walk(value):
                yield inner, replace(settings, **{field.name: changed})
        else:
            yield field, replace(settings, **{field.name: another(field, value)})


def another(field: Field, value: Any) -> Any:
    """Another value of the same kind."""
    if isinstance(value, Enum):
        return next(each for each in type(value) if each is not value)
    if isinstance(value, bool | int | float):
        return not value if isinstance(value, bool) else value + 1
    if isinstance(value, dict):
        return {"other": b"1" if field.name == "constants" else "string"}
    return ("other",) if isinstance(value, tuple) else "other"


FIELDS = {field.name: changed for field, changed in walk(SETTINGS)}


@pytest.mark.parametrize("name", FIELDS)
def test_what_shapes_records_is_part_of_it(name: str) -> None:
    """Another value of a field is another identity, unless it is known to change no record."""
    assert (identity_of(FIELDS[name]) == identity_of(SETTINGS)) == (name in ASIDE)


def test_new_fields_are_part_of_it() -> None:
    """A field that nobody marked is part of it, be it an option or not."""

    class Extended(CsvSettings, frozen=True):
        looked_ahead: int = 100

    assert identity_of(Extended(looked_ahead=5)) == {"looked_ahead": 5}


def test_names_are_those_that_people_know() -> None:
    """It is JSON, names options as people write them, and leaves out what has its default."""
    csv = CsvSettings(null_strings=("NULL",), detect_types=False)
    settings = replace(SETTINGS, keys=("id",), input=replace(SETTINGS.input, csv=csv))
    found = identity_of(settings)
    assert found == {
        "table": "t",
        "--keys": ["id"],
        "files": ["f"],
        "--no-detect-types": True,
        "--null-string": ["NULL"],
    }
    assert json.loads(json.dumps(found)) == found


def test_every_field_has_a_default_or_is_needed() -> None:
    """Only table and files must be given, so that all else can be left out."""
    needed = {field.name for field, _ in walk(SETTINGS) if field.default is NODEFAULT}
    assert needed == {"table", "files"}


def test_source_of_types_means_the_same_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of column types is kept with its directory, so that it is found from anywhere."""
    option = next(each for each in options_of(PushSettings) if each.key == "types_from")
    for source, kept in [
        ("a.toml", str(tmp_path / "a.toml")),
        ("20261121-1", None),
        ("none", None),
    ]:
        monkeypatch.chdir(tmp_path)
        stored = store([option], {"types_from": Given(source, COMMAND_LINE, "--types-from")})
        value = option.kind.read(source)
        monkeypatch.chdir("/")
        assert stored == {"types_from": kept or source}
        assert option.kind.read(stored["types_from"]) == value
