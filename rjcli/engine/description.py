"""What a push is about: its description, and the run that is asked for."""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rjcli.api.base_url import Endpoint
from rjcli.events import RunDescription
from rjcli.run import RunRequest, identify
from rjcli.settings.commands import AccessSettings
from rjcli.settings.option import options_of
from rjcli.settings.values import PushSettings

KEPT = [
    option
    for option in options_of(PushSettings, AccessSettings)
    if option.key not in {"resume", "run_dir", "dry_run"}
]
"""The options that a run keeps, to be resumed with."""


def describe(
    access: AccessSettings, settings: PushSettings, endpoint: Endpoint, client_id: int | None
) -> RunDescription:
    """Describe a push; ``client_id`` None: a dry run needs none."""
    return RunDescription(
        name=name_run(settings.table, datetime.now().astimezone()),
        environment=access.target.environment,
        base_url=endpoint.base_url,
        host=endpoint.host,
        client_id=client_id,
        table=settings.table,
        keys=settings.keys,
        inputs=settings.input.files,
        dry_run=settings.dry_run,
    )


def name_run(table: str, now: datetime) -> str:
    """Name a run so that names sort by time and no two are the same."""
    return f"{now:%Y%m%d-%H%M%S}-{table}-{secrets.token_hex(2)}"


def request_run(
    access: AccessSettings,
    settings: PushSettings,
    description: RunDescription,
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    note: Callable[[str], None],
) -> RunRequest:
    """Ask for the run of a push. ``options``: those given, as JSON values, to resume it with."""
    # The local Import API has another address each time: what stays is where it keeps its data.
    is_local = access.target.is_local
    address = str(Path(access.database).absolute()) if is_local else description.base_url
    job = identify(settings, address, description.client_id)
    return RunRequest(
        settings=settings.run,
        job={**job, "dry run": True} if settings.dry_run else job,
        target=(address, description.client_id, settings.table),
        settle=0.0 if settings.dry_run else settings.delivery.settle,
        name=description.name,
        environment=description.environment,
        options=options,
        environ=environ,
        note=note,
        csv=settings.input.csv,
    )


def with_client(request: RunRequest, client_id: int | None) -> RunRequest:
    """The same for a push whose description has no client id, to find what is known of a table."""
    address, _, table = request.target
    return request._replace(target=(address, client_id, table))
