"""The Import API as pure facts: what each answer means.

Source: the vendor's "Import API" pages (Magento BI, Adobe Commerce Reporting)
and the wire behaviour of the five official client libraries.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from http import HTTPStatus
from typing import Any

import orjson
from msgspec import Struct

from rjcli.api.server_text import shown
from rjcli.errors import AccessDeniedError, RjcliError, UnfinishedError

MAX_REASONS = 20

_REASONS_IN_A_MESSAGE = 3


class OutcomeKind(Enum):
    """What an answer means for the request it answers."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # the data or the call is wrong: the same bytes cannot succeed
    TOO_LARGE = "too large"
    DENIED = "denied"  # wrong key, client or path
    UNAVAILABLE = "unavailable"  # may succeed later
    UNEXPECTED = "unexpected"  # not an answer of this API: stop


class Answer(Struct, frozen=True):
    """An HTTP answer as it came: status, whole body, and the headers that matter.

    ``redact`` takes secrets out of the text of it that is shown. The answer itself
    stays as it is: a key that happens to be "201" must not spoil an acknowledgement.
    """

    status: int
    body: bytes = b""
    retry_after: str | None = None
    date: str | None = None
    redact: Callable[[str], str] = str

    def __repr__(self) -> str:
        return f"Answer({self.status})"  # the rest may hold secrets


class AttemptOutcome(Struct, frozen=True):
    """What an answer means, with its message and reasons as they are shown.

    ``status``: None if no answer came. ``in_doubt``: the request may have been
    applied although it was not acknowledged; ``may_come_late``: it may still be,
    after others that are sent now. ``retry_after``: seconds, as the answer asks.
    """

    kind: OutcomeKind
    message: str
    status: int | None = None
    reasons: tuple[str, ...] = ()
    in_doubt: bool = False
    may_come_late: bool = False
    retry_after: float | None = None

    @property
    def is_unreached(self) -> bool:
        """Whether the request certainly never reached the API."""
        return self.status is None and not self.in_doubt

    @property
    def is_throttled(self) -> bool:
        """Whether the API says that there are too many requests."""
        return self.status == HTTPStatus.TOO_MANY_REQUESTS

    def __str__(self) -> str:
        """The message, and the first of the reasons."""
        if not self.reasons:
            return self.message
        more = ["…"] if len(self.reasons) > _REASONS_IN_A_MESSAGE else []
        return f"{self.message} ({'; '.join([*self.reasons[:_REASONS_IN_A_MESSAGE], *more])})"


def classify_upsert(answer: Answer) -> AttemptOutcome:
    """Classify the answer to an upsert.

    An acknowledgement is status 200 or 201 with a body that is a JSON object,
    whatever its Content-Type says, whose ``code``, if it has one, is 2xx.
    """
    outcome = classify_status(answer)
    if outcome.kind is not OutcomeKind.ACKNOWLEDGED:
        return outcome
    document = _json_object(answer.body)
    if document is None:
        what = "a body that is not a JSON object" if answer.body.strip() else "an empty body"
    elif _is_success(document.get("code", 200)):
        return outcome
    else:
        what = f"code {shown(document['code'], answer.redact)} in its body"
    message = f"HTTP {answer.status} with {what}, which is no acknowledgement"
    return AttemptOutcome(OutcomeKind.UNAVAILABLE, message, answer.status, in_doubt=True)


def classify_status(answer: Answer) -> AttemptOutcome:
    """Classify an answer by its status alone, as the status and authenticate calls need."""
    status = answer.status
    kind = _KINDS.get(status, OutcomeKind.UNEXPECTED)
    if kind is OutcomeKind.ACKNOWLEDGED:
        return AttemptOutcome(kind, f"HTTP {status}", status)
    document = _json_object(answer.body) or {}
    message, reasons = document.get("message"), document.get("reasons") or []
    reasons = reasons if isinstance(reasons, list) else [reasons]
    return AttemptOutcome(
        kind,
        f"HTTP {status}: {shown(message, answer.redact)}" if message else f"HTTP {status}",
        status,
        tuple(shown(reason, answer.redact) for reason in reasons[:MAX_REASONS]),
        in_doubt=_may_be_applied(status),
        may_come_late=status in _GAVE_UP_WAITING,
        retry_after=_retry_after(answer),
    )


def _retry_after(answer: Answer) -> float | None:
    """Seconds to wait, from a number of seconds or a date; None from anything else."""
    text = (answer.retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        # By the server's own clock if the answer has its date: ours may be wrong.
        now = parsedate_to_datetime(answer.date) if answer.date else datetime.now(UTC)
        return max(0.0, (date - now).total_seconds())
    except (ValueError, TypeError, OverflowError):  # no date, no zone, or an absurd one
        return None


def classify_authenticate(answer: Answer) -> AttemptOutcome:
    """Classify the answer to an authenticate call, whose body the vendor does not describe.

    A page of HTML is a proxy's, whatever its status.
    """
    if answer.body.lstrip().startswith(b"<"):
        message = f"HTTP {answer.status} with a page of HTML"
        return AttemptOutcome(OutcomeKind.UNEXPECTED, message, answer.status)
    return classify_status(answer)


def error_from(outcome: AttemptOutcome, asked: str = "", *, has_client: bool = True) -> RjcliError:
    """The error that an answer other than an acknowledgement is, when nothing more can be done.

    ``asked``: which API, and with which credentials, for the message to name.
    ``has_client``: whether the request named a client and a key, as all but one do.
    """
    where = f"; asked was {asked}" if asked else ""
    match outcome.kind:
        case OutcomeKind.DENIED if not has_client:
            hint = "check the base URL, and proxies between here and the API"
            is_missing = outcome.status == HTTPStatus.NOT_FOUND
            what = "there is no Import API at this address" if is_missing else "access is refused"
            return AccessDeniedError(f"{what}: {outcome}{where}", hint=hint)
        case OutcomeKind.DENIED if outcome.status == HTTPStatus.NOT_FOUND:
            hint = "check the client id and the base URL"
            return AccessDeniedError(f"the API knows no such client: {outcome}{where}", hint=hint)
        case OutcomeKind.DENIED:
            hint = "check the client id, the API key, and that both belong to this environment"
            return AccessDeniedError(
                f"the API refused the credentials: {outcome}{where}", hint=hint
            )
        case OutcomeKind.UNAVAILABLE:
            when = f"in {outcome.retry_after:,.0f} s" if outcome.retry_after else "later"
            message = f"the API is not available: {outcome}{where}"
            hint = f"try again {when}"
            if outcome.is_unreached:
                hint = f"check the base URL, the network and proxies, or {hint}"
            return UnfinishedError(message, hint=hint)
        case _:
            message = f"this is no answer of the Import API: {outcome}{where}"
            hint = "check the base URL, and proxies between here and the API"
            return UnfinishedError(message, hint=hint)


# A gateway gave up waiting, and the request may still be applied after it: the codes of HTTP,
# and those of services in front of many APIs (Cloudflare's 52x, 598 and 599).
_GAVE_UP_WAITING = {502, 504, *range(520, 531), 598, 599}
_KINDS: Mapping[int, OutcomeKind] = {
    200: OutcomeKind.ACKNOWLEDGED,
    201: OutcomeKind.ACKNOWLEDGED,
    400: OutcomeKind.REFUSED,
    401: OutcomeKind.DENIED,
    403: OutcomeKind.DENIED,
    404: OutcomeKind.DENIED,
    413: OutcomeKind.TOO_LARGE,
    **dict.fromkeys((408, 429, 500, 503, *_GAVE_UP_WAITING), OutcomeKind.UNAVAILABLE),
}
_SUCCESS_CODE = re.compile(r"2[0-9][0-9]")


def _may_be_applied(status: int) -> bool:
    """Whether a request may have been applied that was answered so, and not acknowledged.

    An error in the service, or after it, may have come before or after the write.
    """
    return (
        HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        or status == HTTPStatus.REQUEST_TIMEOUT
        or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _is_success(code: Any) -> bool:
    return isinstance(code, int | str) and _SUCCESS_CODE.fullmatch(str(code)) is not None


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None
