"""``rjcli profiles``: what login stored, without the keys."""

import os
from typing import Any

from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.credentials.config_file import Profile
from rjcli.credentials.profiles import config_file, list_profiles
from rjcli.report import Report
from rjcli.report.table import table_lines

PROFILE_VARIABLE = "RJCLI_PROFILE"
_HEADER = ("PROFILE", "CLIENT ID", "ENVIRONMENT", "TABLE", "KEYS", "API KEY IN")


def profiles(report: Report) -> int:
    """List the profiles: client, environment, and where the API key is. Returns an exit code."""
    file = str(config_file(os.environ))
    found = list_profiles(os.environ)
    document = {
        "profiles": [*map(_document, found)],
        "config_file": file,
        "exit_code": 0,
        "message": None,
    }
    rows = [_row(_document(profile)) for profile in found]
    report.result(
        document, *(table_lines(_HEADER, rows) if rows else [f"there are no profiles in {file}"])
    )
    if name := os.environ.get(PROFILE_VARIABLE):
        report.note(f"{PROFILE_VARIABLE} is set: profile {name} is used without --profile")
    if os.environ.get(API_KEY_VARIABLE):
        report.note(f"{API_KEY_VARIABLE} is set: it is used instead of any profile's API key")
    return 0


def _document(profile: Profile) -> dict[str, Any]:
    target = profile.target
    in_file = "file" if profile.api_key else None
    return {
        "profile": profile.name,
        "client_id": profile.client_id,
        "environment": target.environment,
        "base_url": target.endpoint and target.endpoint.base_url,
        "host": target.endpoint and target.endpoint.host,
        "table": profile.table,
        "keys": [*profile.keys],
        "api_key_in": "keyring" if profile.in_keyring else in_file,
    }


def _row(document: dict[str, Any]) -> list[str]:
    is_custom = document["environment"] == "custom"
    return [
        document["profile"],
        str(document["client_id"] or ""),
        document["host"] if is_custom else document["environment"],
        document["table"] or "",
        ",".join(document["keys"]),
        document["api_key_in"] or "nowhere",
    ]
