"""Which job a push is: what must be the same for it to be resumed. Pure."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rjcli.settings.identity import identity_of
from rjcli.settings.option_kinds import STDIN
from rjcli.settings.values import PushSettings

Identity = Mapping[str, Any]
"""What identifies a job, by the names under which people know it; JSON values. Never the key."""

_INPUTS = "files"


def identify(settings: PushSettings, base_url: str, client_id: int | None) -> Identity:
    """Return what makes this job: target, files, and all settings that shape its records."""
    files = [file if file == STDIN else str(Path(file).absolute()) for file in settings.input.files]
    return {
        "base URL": base_url,
        "client id": client_id,
        **identity_of(settings),
        _INPUTS: files,
    }


def hash_identity(identity: Any) -> str:
    """A short name for a job, or a table: the same for the same one, in every process."""
    text = json.dumps(identity, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def difference(ours: Identity, theirs: Identity) -> str | None:
    """Return what differs between two jobs, ours first; None if nothing does."""
    for name in {**ours, **theirs}:
        if ours.get(name) != theirs.get(name):
            return f"{name}: {_show(ours.get(name))} now, {_show(theirs.get(name))} before"
    return None


def series_of(identity: Identity) -> Identity:
    """What jobs have in common that differ in their inputs only."""
    return {name: value for name, value in identity.items() if name != _INPUTS}


def continues(ours: Identity, theirs: Identity) -> bool:
    """Whether a job is the same as an earlier one, or that one with more inputs at the end."""
    inputs, earlier = ours[_INPUTS], theirs.get(_INPUTS, [])
    is_continued = bool(earlier) and inputs[: len(earlier)] == earlier
    return is_continued and series_of(ours) == series_of(theirs)


def shares_files(ours: Identity, theirs: Identity) -> bool:
    """Whether two jobs have a file in common."""
    return not {*ours[_INPUTS]}.isdisjoint(theirs.get(_INPUTS, []))


def same_files(ours: Identity, theirs: Identity) -> bool:
    """Whether two jobs read the same files. Of stdin nothing is known."""
    return bool(ours[_INPUTS] == theirs.get(_INPUTS) and STDIN not in ours[_INPUTS])


def _show(value: Any) -> str:
    return "not given" if value is None else json.dumps(value, ensure_ascii=False)
