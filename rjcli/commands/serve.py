"""``rjcli serve``: a local Import API."""

import os
import sys

from rjcli.api.base_url import is_loopback
from rjcli.commands.output_filter import hide_key
from rjcli.credentials.api_key import API_KEY_VARIABLE
from rjcli.credentials.lookup import find_credentials
from rjcli.engine.connection import LOCAL_CLIENT_ID
from rjcli.report import Report
from rjcli.settings.commands import ServeSettings
from rjcli.settings.given import COMMAND_LINE, Given

LOCAL_API_KEY = "local-key"  # unless an option or variable sets another


def serve(settings: ServeSettings, report: Report) -> int:
    """Run a local Import API until a signal stops it."""
    from rjcli.local.app import LocalCredentials
    from rjcli.local.faults import Faults
    from rjcli.local.server import Address, LocalServer, Watch

    faults = Faults(
        latency=settings.latency,
        fail_rate=settings.fail,
        fail_status=settings.fail_status,
        drop_rate=settings.drop,
        drop_after_apply_rate=settings.drop_after_apply,
        retry_after=settings.retry_after,
        seed=settings.seed,
    )
    defaults = {API_KEY_VARIABLE: LOCAL_API_KEY}
    file = settings.api_key_file
    credentials = find_credentials(
        Given(settings.client_id or LOCAL_CLIENT_ID, COMMAND_LINE, "--client-id"),
        Given(file, COMMAND_LINE, "--api-key-file") if file is not None else None,
        defaults | os.environ,
    )
    key = credentials.api_key.reveal()
    if key != LOCAL_API_KEY:
        hide_key(credentials.api_key)
    shown_key = key if key == LOCAL_API_KEY else "as given"
    accepted = LocalCredentials(credentials.client_id, key)
    address = Address(settings.host, settings.port, settings.allow_remote)
    if not is_loopback(settings.host):
        report.note(f"others can reach {settings.host}; the API key travels there in plain text")
    logs = settings.verbose or sys.stderr.isatty()
    watch = Watch((lambda answered: report.note(str(answered))) if logs else None, page=True)
    with LocalServer(settings.database, accepted, faults, address, watch=watch) as server:

        def announce() -> None:
            report.line(f"Import API at {server.base_url}, records kept in {settings.database}")
            report.line(f"client id {credentials.client_id}, API key {shown_key}; stop with Ctrl-C")
            if not settings.allow_remote:
                report.line(f"to look at it, and to change its faults: {server.base_url}/")

        server.serve_forever(announce)
    return 0
