"""Used as a library: the host program's loggers and warnings stay its own, and free of the key."""

import asyncio
import gc
import logging
import traceback
import warnings
from pathlib import Path

import pytest

from rjcli.api.base_url import Endpoint
from rjcli.credentials.api_key import ApiKey
from rjcli.credentials.lookup import Credentials
from rjcli.errors import RjcliError
from rjcli.http.transport import Transport
from tests.conftest import Serve
from tests.support.certificates import Certificate
from tests.support.scripted import Request, ScriptedServer, always, answer

KEY = "aB3+xY9/kL2=Qw=="
WIRE_KEY = "aB3%2BxY9%2FkL2%3DQw%3D%3D"
CREDENTIALS = Credentials(7, ApiKey(KEY))


async def drop(request: Request) -> bytes | None:
    """Answer a few requests, break off the others."""
    return answer() if request.body == b"[1]" else None


def use(base_url: str, *, leave_open: bool = False) -> list[str]:
    """Send what succeeds and what fails, under asyncio's debug mode; the errors as traced."""

    async def talk() -> None:
        asyncio.get_running_loop().slow_callback_duration = 0.0  # every callback is logged
        transport = Transport(Endpoint.parse(base_url), 0.5)
        await transport.__aenter__()
        for body in (b"[1]", b"[2]", b"[1]"):
            try:
                await transport.upsert(CREDENTIALS, "t", body)
            except RjcliError as error:
                traced = traceback.TracebackException.from_exception(error, capture_locals=True)
                errors.append("".join(traced.format()))
        pending = asyncio.create_task(transport.upsert(CREDENTIALS, "t", b"[1]"))
        await asyncio.sleep(0)
        shown.append(repr((transport, pending, vars(transport))))
        pending.cancel()
        if not leave_open:
            await transport.__aexit__(None, None, None)

    errors: list[str] = []
    shown: list[str] = []
    asyncio.run(talk(), debug=True)
    gc.collect()
    return errors + shown


@pytest.mark.parametrize("kind", ["answers and drops", "open at the end", "untrusted", "refused"])
def test_key_reaches_no_log_of_the_host_program(
    serve: Serve, caplog: pytest.LogCaptureFixture, tmp_path: Path, kind: str
) -> None:
    """At DEBUG, in asyncio's debug mode, nothing logged, warned or traced has the key in it."""
    caplog.set_level(logging.DEBUG)
    with (
        ScriptedServer(always(answer()), Certificate.self_signed().server(tmp_path)) as secure,
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        base_url = {
            "untrusted": secure.base_url,
            "refused": "http://127.0.0.1:9",
        }.get(kind) or serve(drop).base_url
        traced = use(base_url, leave_open=kind == "open at the end")
    texts = [caplog.text, *traced, *(str(warning.message) for warning in warned)]
    assert len(caplog.records) > 10  # asyncio has something to say
    assert len(traced) > 1
    assert not [text for text in texts if KEY in text or WIRE_KEY in text]


def test_loggers_of_the_host_program_stay_as_they_are(serve: Serve) -> None:
    """Sending something changes no logger: neither level, nor handlers, nor propagation."""

    def state() -> dict[str, tuple[object, ...]]:
        return {
            name: (logger.level, list(logger.handlers), logger.propagate, logger.disabled)
            for name in (None, "asyncio", "httpx", "httpcore", "rjcli")
            for logger in [logging.getLogger(name)]
            for name in [str(name)]
        }

    before = state()
    use(serve(always(answer())).base_url)
    assert state() == before
