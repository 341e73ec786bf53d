"""The Import API as pure facts: addresses, limits, and what each answer means.

Source: the vendor's "Import API" pages (Magento BI, Adobe Commerce Reporting)
and the wire behaviour of the five official client libraries.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum, StrEnum
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import orjson

from rjcli.address import is_loopback, parse_address
from rjcli.errors import AccessDeniedError, RjcliError, UnfinishedError

KEYS_FIELD = "keys"
MAX_BATCH_RECORDS = 100
MAX_REASONS = 20
MAX_REASON_CHARACTERS = 500

_TABLE = re.compile(r"[A-Za-z0-9_]+")
_VERSION = re.compile(r"v[0-9]+")
_DEFAULT_VERSION = "v2"


class Environment(StrEnum):
    """Where a push goes."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    LOCAL = "local"


BASE_URLS: Mapping[Environment, str] = {
    Environment.PRODUCTION: "https://connect.rjmetrics.com",
    Environment.SANDBOX: "https://sandbox-connect.rjmetrics.com",
}


class Verdict(Enum):
    """What an answer means for the request it answers."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # the data or the call is wrong: the same bytes cannot succeed
    TOO_LARGE = "too large"
    DENIED = "denied"  # wrong key, client or path
    UNAVAILABLE = "unavailable"  # may succeed later
    UNEXPECTED = "unexpected"  # not an answer of this API: stop


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came: status, whole body, and the headers that matter.

    ``redact`` takes secrets out of text: all that is to be shown of the answer
    goes through it. The answer itself stays as it is, for it is to be judged,
    and a key that happens to be "201" must not spoil an acknowledgement.
    """

    status: int
    body: bytes = field(default=b"", repr=False)
    retry_after: str | None = field(default=None, repr=False)
    date: str | None = field(default=None, repr=False)
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What an answer means, and what it gives as its grounds.

    ``status``: None if no answer came. ``in_doubt``: the request may have been
    applied although it was not acknowledged; ``may_come_late``: it may still be,
    after others that are sent now. ``retry_after``: seconds, as the answer asks.
    """

    verdict: Verdict
    message: str
    status: int | None = None
    reasons: tuple[str, ...] = ()
    in_doubt: bool = False
    may_come_late: bool = False
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.message} ({'; '.join(self.reasons)})" if self.reasons else self.message


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of one Import API: ``root`` without a trailing slash, and the version path."""

    root: str
    version: str = _DEFAULT_VERSION

    @classmethod
    def parse(cls, base_url: str) -> "Endpoint":
        """Read a base URL, whose last path segment may name another version than v2.

        Raises ValueError for what ``parse_address`` does not take.
        """
        parts = parse_address(base_url)
        path = parts.path.rstrip("/")
        head, _, last = path.rpartition("/")
        path, version = (head, last) if _VERSION.fullmatch(last) else (path, _DEFAULT_VERSION)
        return cls(f"{parts.scheme}://{parts.netloc}{path}", version)

    @property
    def host(self) -> str:
        """Host and port, as people write them."""
        return urlsplit(self.root).netloc

    @property
    def is_encrypted(self) -> bool:
        """Whether it is spoken to in TLS."""
        return self.root.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.root).hostname or "")

    @property
    def base_url(self) -> str:
        """The address with its version, as ``--base-url`` takes it."""
        return f"{self.root}/{self.version}"

    @property
    def status_url(self) -> str:
        """Answers 200 if the API is operational; takes no key."""
        return f"{self.root}/"

    def authenticate_url(self, client_id: int) -> str:
        """Answers 200 if the client and the key go together, else 401; takes the key."""
        return f"{self.base_url}/client/{client_id}/authenticate"

    def upsert_url(self, client_id: int, table: str) -> str:
        """Takes up to 100 records; takes the key."""
        if not is_table_name(table):
            raise ValueError(f"not a table name: {table!r}")
        return f"{self.base_url}/client/{client_id}/table/{table}/data"


def is_table_name(name: str) -> bool:
    """Table names are alphanumeric plus underscore; anything else is a 400."""
    return _TABLE.fullmatch(name) is not None


def judge_upsert(answer: Answer) -> Judgement:
    """Judge the answer to an upsert.

    An acknowledgement is status 200 or 201 with a body that is a JSON object,
    whatever its Content-Type says, whose ``code``, if it has one, is 2xx.
    """
    judgement = judge_status(answer)
    if judgement.verdict is not Verdict.ACKNOWLEDGED:
        return judgement
    document = _json_object(answer.body)
    if document is None:
        what = "a body that is not a JSON object" if answer.body.strip() else "an empty body"
    elif _SUCCESS_CODE.fullmatch(str(document.get("code", 200))):
        return judgement
    else:
        what = f"code {_short(answer, document['code'])} in its body"
    message = f"HTTP {answer.status} with {what}, which is no acknowledgement"
    return Judgement(Verdict.UNAVAILABLE, message, answer.status, in_doubt=True)


def judge_status(answer: Answer) -> Judgement:
    """Judge an answer by its status alone, as the status and authenticate calls need."""
    status = answer.status
    verdict = _VERDICTS.get(status, Verdict.UNEXPECTED)
    if verdict is Verdict.ACKNOWLEDGED:
        return Judgement(verdict, f"HTTP {status}", status)
    document = _json_object(answer.body) or {}
    message, reasons = document.get("message"), document.get("reasons") or []
    given = (reasons if isinstance(reasons, list) else [reasons])[:MAX_REASONS]
    return Judgement(
        verdict,
        f"HTTP {status}: {_short(answer, message)}" if message else f"HTTP {status}",
        status,
        tuple(_short(answer, reason) for reason in given),
        in_doubt=status in _MAYBE_APPLIED or HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES,
        may_come_late=status in _GAVE_UP_WAITING,
        retry_after=_retry_after(answer),
    )


def _retry_after(answer: Answer) -> float | None:
    """Seconds to wait, given as such or as a date; None if there is no sense in it."""
    text = (answer.retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
        # By the server's own clock if it tells it: ours may be wrong.
        now = parsedate_to_datetime(answer.date) if answer.date else datetime.now(UTC)
        return max(0.0, (date - now).total_seconds())
    except (ValueError, TypeError):
        return None


def judge_authenticate(answer: Answer) -> Judgement:
    """Judge the answer to an authenticate call, whose body the vendor does not describe.

    A page of HTML is a proxy's, whatever its status.
    """
    if answer.body.lstrip().startswith(b"<"):
        message = f"HTTP {answer.status} with a page of HTML"
        return Judgement(Verdict.UNEXPECTED, message, answer.status)
    return judge_status(answer)


def error_of(judgement: Judgement) -> RjcliError:
    """The error that an answer other than an acknowledgement is, when nothing more can be done."""
    match judgement.verdict:
        case Verdict.DENIED if judgement.status == HTTPStatus.NOT_FOUND:
            hint = "check the client id and the base URL"
            return AccessDeniedError(f"the API knows no such client: {judgement}", hint=hint)
        case Verdict.DENIED:
            hint = "check the client id, the API key, and that both belong to this environment"
            return AccessDeniedError(f"the API refused the credentials: {judgement}", hint=hint)
        case Verdict.UNAVAILABLE:
            when = f"in {judgement.retry_after:,.0f} s" if judgement.retry_after else "later"
            return UnfinishedError(
                f"the API is not available: {judgement}", hint=f"try again {when}"
            )
        case _:
            hint = "check the base URL, and what stands between here and the API"
            return UnfinishedError(f"this is no answer of the Import API: {judgement}", hint=hint)


_VERDICTS: Mapping[int, Verdict] = {
    200: Verdict.ACKNOWLEDGED,
    201: Verdict.ACKNOWLEDGED,
    400: Verdict.REFUSED,
    401: Verdict.DENIED,
    403: Verdict.DENIED,
    404: Verdict.DENIED,
    408: Verdict.UNAVAILABLE,
    413: Verdict.TOO_LARGE,
    429: Verdict.UNAVAILABLE,
    500: Verdict.UNAVAILABLE,
    502: Verdict.UNAVAILABLE,
    503: Verdict.UNAVAILABLE,
    504: Verdict.UNAVAILABLE,
}
# Whether such an answer came before or after the write, nobody can tell from here.
_MAYBE_APPLIED = {408, 500, 502, 503, 504}
_GAVE_UP_WAITING = {502, 504}  # gateways, behind which the request may go on
_SUCCESS_CODE = re.compile(r"2[0-9][0-9]")


def _json_object(body: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _short(answer: Answer, value: Any) -> str:
    """A value of an answer as it is shown. Redacted first: half a secret would not be found."""
    text = answer.redact(value if isinstance(value, str) else orjson.dumps(value).decode())
    if len(text) > MAX_REASON_CHARACTERS:
        return f"{text[:MAX_REASON_CHARACTERS]}…"
    return text
