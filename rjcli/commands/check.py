"""``rjcli status`` and ``rjcli auth-check``."""

from typing import Any

from rjcli.api.protocol import (
    AttemptOutcome,
    OutcomeKind,
    classify_authenticate,
    classify_status,
    error_from,
)
from rjcli.commands.connection import Connection, connect, talk
from rjcli.credentials.config_file import Profile
from rjcli.report import Report
from rjcli.settings.commands import AccessSettings


def status(access: AccessSettings, report: Report, profile: Profile | None) -> int:
    """Tell whether the API is operational."""
    with connect(access, profile) as connection:
        answer = talk(access, connection, lambda transport: transport.status())
        document = _describe(access, connection) | {"status": "operational"}
        return _tell(classify_status(answer), document, report)


def auth_check(access: AccessSettings, report: Report, profile: Profile | None) -> int:
    """Tell whether the client id and the API key may push."""
    with connect(access, profile) as connection:
        credentials = connection.credentials()
        answer = talk(access, connection, lambda transport: transport.authenticate(credentials))
        document = _describe(access, connection) | {
            "client_id": credentials.client_id,
            "status": "authorized",
        }
        return _tell(classify_authenticate(answer), document, report)


def _tell(outcome: AttemptOutcome, document: dict[str, Any], report: Report) -> int:
    if outcome.kind is not OutcomeKind.ACKNOWLEDGED:
        raise error_from(outcome)
    report.result(document, f"{document['status']}: {document['environment']}")
    return 0


def _describe(access: AccessSettings, connection: Connection) -> dict[str, Any]:
    return {
        "environment": access.target.environment,
        "base_url": connection.endpoint.base_url,
        "exit_code": 0,
        "message": None,
    }
