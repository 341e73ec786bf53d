"""The three calls of the Import API, answered as the vendor documents them."""

import asyncio
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import responses

import orjson

from rjcli.api.base_url import is_table_name
from rjcli.errors import RjcliError
from rjcli.lean_import import no_authorities
from rjcli.local.answers import Answered
from rjcli.local.callers import refusal_reason
from rjcli.local.faults import Fault, FaultSwitch
from rjcli.local.page import Page
from rjcli.local.records import RefusedBatchError, quoted, read_batch
from rjcli.local.store import Store, StoreBusyError

with no_authorities():
    from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_BUSY_PAUSE_SECONDS = 0.01
_RECORDS = web.RequestKey("records", int)
_DROPPED = web.RequestKey("dropped", str)


@dataclass(frozen=True, slots=True)
class LocalCredentials:
    """The one client that the local API knows: a positive client id, and a key that is not empty.

    Raises ValueError for others.
    """

    client_id: int
    api_key: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.client_id < 1 or not self.api_key:
            raise ValueError("a client id is a positive integer, and an API key is not empty")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the server takes at most: ``bodies`` of ``body_bytes`` each are in memory at once.

    ``head_seconds`` is how long a connection may be idle, or take to send the
    head of a request; ``body_seconds`` is for its body, and ``busy_seconds`` for
    another process that is writing into the file.
    """

    connections: int = 500  # below the usual limit of 1,024 open files
    bodies: int = 4
    body_bytes: int = 32 * 2**20  # twice the longest record that a push reads
    head_seconds: float = 30
    body_seconds: float = 30
    busy_seconds: float = 30


def create_app(
    store: Store,
    credentials: LocalCredentials,
    faults: FaultSwitch,
    limits: Limits,
    *,
    any_host: bool,
    page: Page | None = None,
) -> web.Application:
    """Build the Import API over a store. ``any_host``: answer to any host name.

    ``page``: what browsers are shown, and where each answer is noted.
    """

    @web.middleware
    async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            if reason := refusal_reason(request.headers, any_host=any_host):
                return _answer_error(request, HTTPStatus.FORBIDDEN, [reason])
            return await handler(request)
        except _RefusedCallError as error:
            return _answer_error(request, error.status, error.reasons)
        except web.HTTPException as error:  # no such path, or another method
            reason = f"there is no {request.method} {quoted(request.path)}"
            return _answer_error(request, error.status, [reason])
        except (web.RequestPayloadError, ConnectionError):
            return _answer_error(request, HTTPStatus.BAD_REQUEST, ["the body is broken off"])
        except Exception as error:  # noqa: BLE001 -- clients read every answer as JSON
            reason = f"the local Import API failed: {type(error).__name__}"
            return _answer_error(request, HTTPStatus.INTERNAL_SERVER_ERROR, [reason])

    async def root(request: web.Request) -> web.Response:
        return page.show(request) if page and page.is_wanted(request) else calls.status(request)

    calls = _Calls(store, credentials, faults, limits)
    client = "/v2/client/{client_id}"
    middlewares = [_observer(page, credentials.api_key), answer_errors] if page else [answer_errors]
    app = web.Application(middlewares=middlewares, client_max_size=limits.body_bytes)
    app.router.add_get("/", root)
    if page:
        page.add_to(app)
    app.router.add_get(f"{client}/authenticate", calls.authenticate)
    # Any text, slashes included: `upsert` says what is no table name.
    app.router.add_post(f"{client}/table/{{table:.*}}/data", calls.upsert)
    return app


def _observer(page: Page, api_key: str) -> Middleware:
    """What notes each answer for a page."""

    @web.middleware
    async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
        started = time.monotonic()
        response = await handler(request)
        page.answers.add(
            Answered(
                method=request.method,
                path=request.path.replace(api_key, "[API key]"),
                status=response.status,
                seconds=time.monotonic() - started,
                records=request.get(_RECORDS),
                dropped=request.get(_DROPPED, ""),
            )
        )
        return response

    return observe


class _RefusedCallError(Exception):
    """A call that is answered with an error."""

    def __init__(self, status: HTTPStatus, *reasons: str) -> None:
        super().__init__(*reasons)
        self.status = status
        self.reasons = [*reasons]


class _Calls:
    """The endpoints, with what they share."""

    def __init__(
        self, store: Store, credentials: LocalCredentials, faults: FaultSwitch, limits: Limits
    ) -> None:
        self._store = store
        self._credentials = credentials
        self._faults = faults
        self._limits = limits
        self._bodies = asyncio.Semaphore(limits.bodies)

    def status(self, request: web.Request) -> web.Response:
        return _answer(request, HTTPStatus.OK, "operational")

    async def authenticate(self, request: web.Request) -> web.Response:
        self._check_access(request)
        return _answer(request, HTTPStatus.OK, "authenticated")

    async def upsert(self, request: web.Request) -> web.Response:
        self._check_access(request)
        table = request.match_info["table"]
        if not is_table_name(table):
            raise _RefusedCallError(HTTPStatus.BAD_REQUEST, f"not a table name: {quoted(table)}")
        if request.content_type != "application/json":
            # A page of another site can send other types without asking first.
            reason = "a body needs the Content-Type application/json"
            raise _RefusedCallError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)
        fault = self._faults.draw()
        await asyncio.sleep(self._faults.faults.latency)
        async with self._bodies:
            body = await self._read_body(request)
            if fault is Fault.FAIL:
                return self._answer_failure(request)
            if fault is not Fault.DROP:
                request[_RECORDS] = await self._apply(table, body)
        if fault is not Fault.NONE and request.transport:
            is_applied = fault is Fault.DROP_AFTER_APPLY
            request[_DROPPED] = f"dropped {'after' if is_applied else 'before'} it was applied"
            request.transport.abort()
        return _answer(request, HTTPStatus.CREATED, "created")

    def _check_access(self, request: web.Request) -> None:
        # Before the key, because a wrong client id is the more basic mistake.
        if request.match_info["client_id"] != str(self._credentials.client_id):
            raise _RefusedCallError(HTTPStatus.NOT_FOUND, "there is no such client")
        given = request.query.get("apikey", "")
        if not hmac.compare_digest(given.encode(), self._credentials.api_key.encode()):
            raise _RefusedCallError(HTTPStatus.UNAUTHORIZED, "the API key is wrong or missing")

    async def _read_body(self, request: web.Request) -> bytes:
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await request.read()
        except TimeoutError:
            reason = f"the body did not arrive within {self._limits.body_seconds:g} s"
            raise _RefusedCallError(HTTPStatus.REQUEST_TIMEOUT, reason) from None
        except web.HTTPRequestEntityTooLarge:
            reason = f"a body has at most {self._limits.body_bytes:,} bytes"
            raise _RefusedCallError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason) from None

    async def _apply(self, table: str, body: bytes) -> int:
        """Apply a batch; return how many records it has."""
        try:
            records = read_batch(body)
            async with asyncio.timeout(self._limits.busy_seconds):
                while True:
                    try:
                        self._store.upsert(table, records)
                        return len(records)
                    except StoreBusyError:
                        await asyncio.sleep(_BUSY_PAUSE_SECONDS)
        except RefusedBatchError as error:
            raise _RefusedCallError(HTTPStatus.BAD_REQUEST, *error.reasons) from None
        except TimeoutError:
            reason = "another process has been writing into the local database for too long"
            raise _RefusedCallError(HTTPStatus.INTERNAL_SERVER_ERROR, reason) from None
        except RjcliError as error:
            raise _RefusedCallError(HTTPStatus.INTERNAL_SERVER_ERROR, error.message) from None

    def _answer_failure(self, request: web.Request) -> web.Response:
        faults = self._faults.faults
        wait = faults.retry_after
        headers = {} if wait is None else {"Retry-After": str(wait)}
        return _answer_error(request, faults.fail_status, ["a fault on demand"], headers)


def _answer_error(
    request: web.Request, status: int, reasons: list[str], headers: Mapping[str, str] | None = None
) -> web.Response:
    message = responses.get(status, "Error")
    return _answer(request, status, message, {"reasons": reasons}, headers)


def _answer(
    request: web.Request,
    status: int,
    message: str,
    details: Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    body = orjson.dumps({"code": status, "message": message, **(details or {})})
    label = {"Content-Type": _content_type(request.headers.get("Accept", ""))}
    return web.Response(body=body, status=status, headers={**(headers or {}), **label})


def _content_type(accept: str) -> str:
    """Label JSON as JSON only for those who ask for it.

    The official JavaScript client asks for anything and parses the body itself;
    its HTTP library would have parsed what is labelled application/json before.
    """
    return (
        "application/json" if "application/json" in accept.lower() else "text/plain; charset=utf-8"
    )
