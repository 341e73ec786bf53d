"""``rjcli status`` and ``rjcli auth-check``."""

from collections.abc import Iterator
from typing import Any

from rjcli.api.protocol import (
    AttemptOutcome,
    OutcomeKind,
    classify_authenticate,
    classify_status,
    error_from,
)
from rjcli.commands.connection import connect, note_stray_variables, talk
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials
from rjcli.engine.connection import Connection
from rjcli.report import Report
from rjcli.settings.commands import AccessSettings


def status(access: AccessSettings, report: Report, profile: Profile | None) -> int:
    """Say whether the API is operational, and which one was asked."""
    with connect(access, profile) as connection:
        answer = talk(access, connection.endpoint, lambda transport: transport.status())
        document = _describe(access, connection) | {"status": "operational"}
        return _conclude(classify_status(answer), document, report)


def auth_check(
    access: AccessSettings, report: Report, profile: Profile | None, *, is_verbose: bool
) -> int:
    """Say whether the client id and the API key may push, and where each comes from."""
    note_stray_variables(access, profile, report)
    with connect(access, profile) as connection:
        credentials = connection.credentials()
        if is_verbose:  # before anything is sent: a refusal is when it is wanted most
            for line in _sources(access, connection, credentials):
                report.note(line)
        answer = talk(
            access, connection.endpoint, lambda transport: transport.authenticate(credentials)
        )
        document = _describe(access, connection) | {
            "client_id": credentials.client_id,
            "client_id_from": credentials.client_id_from,
            "api_key_from": credentials.api_key_from,
            "status": "authorized",
        }
        return _conclude(classify_authenticate(answer), document, report, str(credentials))


def _sources(
    access: AccessSettings, connection: Connection, credentials: Credentials
) -> Iterator[str]:
    """Where the address and each credential come from."""
    given = access.target.given
    source = given.name if given else "the default"
    yield f"environment {access.target.environment}, {connection.endpoint.base_url}: from {source}"
    if not access.target.is_local:
        yield f"client id {credentials.client_id}: from {credentials.client_id_from}"
        yield f"API key: from {credentials.api_key_from}"


def _conclude(
    outcome: AttemptOutcome, document: dict[str, Any], report: Report, who: str = ""
) -> int:
    asked = ", ".join(filter(None, [document["environment"], document["host"], who]))
    if outcome.kind is not OutcomeKind.ACKNOWLEDGED:
        raise error_from(outcome, asked, has_client=bool(who))
    report.result(document, f"{document['status']}: {asked}")
    return 0


def _describe(access: AccessSettings, connection: Connection) -> dict[str, Any]:
    return {
        "environment": access.target.environment,
        "base_url": connection.endpoint.base_url,
        "host": connection.endpoint.host,
        "exit_code": 0,
        "message": None,
    }
