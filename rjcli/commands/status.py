"""``rjcli status`` and ``rjcli auth-check``."""

from typing import Any

from rjcli.api.protocol import (
    AttemptOutcome,
    OutcomeKind,
    classify_authenticate,
    classify_status,
    error_from,
)
from rjcli.commands.connection import connect, talk
from rjcli.credentials.config_file import Profile
from rjcli.engine.connection import Connection
from rjcli.report import Report
from rjcli.settings.commands import AccessSettings


def status(access: AccessSettings, report: Report, profile: Profile | None) -> int:
    """Say whether the API is operational, and which one was asked."""
    with connect(access, profile) as connection:
        answer = talk(access, connection, lambda transport: transport.status())
        document = _describe(access, connection) | {"status": "operational"}
        return _conclude(classify_status(answer), document, report)


def auth_check(access: AccessSettings, report: Report, profile: Profile | None) -> int:
    """Say whether the client id and the API key may push, and where each comes from."""
    with connect(access, profile) as connection:
        credentials = connection.credentials()
        answer = talk(access, connection, lambda transport: transport.authenticate(credentials))
        document = _describe(access, connection) | {
            "client_id": credentials.client_id,
            "client_id_from": credentials.client_id_from,
            "api_key_from": credentials.api_key_from,
            "status": "authorized",
        }
        return _conclude(classify_authenticate(answer), document, report, str(credentials))


def _conclude(
    outcome: AttemptOutcome, document: dict[str, Any], report: Report, who: str = ""
) -> int:
    asked = ", ".join(filter(None, [document["environment"], document["host"], who]))
    if outcome.kind is not OutcomeKind.ACKNOWLEDGED:
        raise error_from(outcome, asked)
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
