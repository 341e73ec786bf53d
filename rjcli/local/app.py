"""The three calls of the Import API, answered as the vendor documents them."""

import asyncio
import hmac
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rjcli.api import base_url
from rjcli.local.faults import Fault, Faults, FaultSequence
from rjcli.local.records import RefusedBatchError, quoted, read_batch
from rjcli.local.store import Store

MAX_BODY_BYTES = 64 * 2**20


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


def create_app(store: Store, credentials: LocalCredentials, faults: Faults = Faults()) -> Starlette:  # noqa: B008 -- frozen
    """Build the Import API over a store.

    Dropping connections needs the server of rjcli.local.server.
    """
    calls = _Calls(store, credentials, faults)
    client = "/v2/client/{client_id}"
    app = Starlette(
        routes=[
            Route("/", calls.status),
            Route(f"{client}/authenticate", calls.authenticate),
            # A path, so that the rule for table names is asked about slashes, too.
            Route(f"{client}/table/{{table:path}}/data", calls.upsert, methods=["POST"]),
        ],
        exception_handlers={
            _RefusedCallError: _answer_refusal,
            HTTPException: _answer_http_error,
            Exception: _answer_defect,
        },
    )
    app.router.redirect_slashes = False
    return app


class _RefusedCallError(Exception):
    """A call that is answered with an error; its arguments are the status and the reasons."""


class _Calls:
    """The endpoints, with what they share."""

    def __init__(self, store: Store, credentials: LocalCredentials, faults: Faults) -> None:
        self._store = store
        self._credentials = credentials
        self._faults = faults
        self._sequence = FaultSequence(faults)

    async def status(self, request: Request) -> Response:
        return _answer(request, 200, "operational")

    async def authenticate(self, request: Request) -> Response:
        self._check_access(request)
        return _answer(request, 200, "authenticated")

    async def upsert(self, request: Request) -> Response:
        fault = self._sequence.draw()
        try:
            body = await _read_body(request)
            await asyncio.sleep(self._faults.latency)
            if fault is Fault.FAIL:
                return self._answer_failure(request)
            if fault is Fault.DROP:
                return _NoAnswer()
            self._check_access(request)
            await self._apply(request.path_params["table"], body)
        except ClientDisconnect:
            return _NoAnswer()
        if fault is Fault.DROP_AFTER_APPLY:
            return _NoAnswer()
        return _answer(request, 201, "created")

    def _check_access(self, request: Request) -> None:
        # Before the key, because a wrong client id is the more basic mistake.
        if request.path_params["client_id"] != str(self._credentials.client_id):
            raise _RefusedCallError(404, "there is no such client")
        given = request.query_params.get("apikey", "")
        if not hmac.compare_digest(given.encode(), self._credentials.api_key.encode()):
            raise _RefusedCallError(401, "the API key is wrong or missing")

    async def _apply(self, table: str, body: bytes) -> None:
        if not base_url.is_table_name(table):
            raise _RefusedCallError(400, f"not a table name: {quoted(table)}")
        try:
            await asyncio.to_thread(lambda: self._store.upsert(table, read_batch(body)))
        except RefusedBatchError as error:
            raise _RefusedCallError(400, *error.reasons) from None
        except sqlite3.Error as error:
            # Not left to the handler of defects, after which the server ends the connection.
            raise _RefusedCallError(500, f"the records cannot be kept: {error}") from None

    def _answer_failure(self, request: Request) -> Response:
        wait = self._faults.retry_after
        headers = {} if wait is None else {"retry-after": str(wait)}
        return _answer_error(request, self._faults.fail_status, ["a fault on demand"], headers)


class _NoAnswer(Response):
    """Closes the connection instead of answering."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's signature
        scope["state"]["close_connection"]()
        # The server takes silence for a defect until it knows the connection is gone.
        while (await receive())["type"] != "http.disconnect":
            pass


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise _RefusedCallError(413, f"a body has at most {MAX_BODY_BYTES} bytes")
    return bytes(body)


async def _answer_refusal(request: Request, error: Exception) -> Response:
    status, *reasons = error.args
    return _answer_error(request, status, reasons)


async def _answer_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    reason = f"there is no {request.method} {quoted(request.url.path)}"
    return _answer_error(request, error.status_code, [reason], error.headers)


async def _answer_defect(request: Request, error: Exception) -> Response:
    return _answer_error(request, 500, [f"the local Import API failed: {type(error).__name__}"])


def _answer_error(
    request: Request, status: int, reasons: list[str], headers: Mapping[str, str] | None = None
) -> Response:
    try:
        message = HTTPStatus(status).phrase
    except ValueError:
        message = "Error"
    return _answer(request, status, message, {"reasons": reasons}, headers)


def _answer(
    request: Request,
    status: int,
    message: str,
    details: Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    body = orjson.dumps({"code": status, "message": message, **(details or {})})
    label = {"content-type": _content_type(request.headers.get("accept", ""))}
    return Response(body, status, {**(headers or {}), **label})


def _content_type(accept: str) -> str:
    """Label JSON as JSON only for those who ask for it.

    The official JavaScript client asks for anything and parses the body itself;
    its HTTP library would have parsed what is labelled application/json before.
    """
    return (
        "application/json" if "application/json" in accept.lower() else "text/plain; charset=utf-8"
    )
