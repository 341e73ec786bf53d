"""The Import API's facts: what each answer means."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rjcli.api.protocol import (
    Answer,
    AttemptOutcome,
    OutcomeKind,
    classify_authenticate,
    classify_upsert,
    error_from,
)
from rjcli.api.server_text import MAX_SHOWN_CHARACTERS
from rjcli.errors import AccessDeniedError, RjcliError, UnfinishedError


def hide(text: str) -> str:
    """A text without what is secret in it."""
    return text.replace("secret", "***")


@pytest.mark.parametrize("body", [b"{}", b'{"code":201,"message":"created"}', b' {"code":"200"}\n'])
@pytest.mark.parametrize("status", [200, 201])
def test_acknowledgement(status: int, body: bytes) -> None:
    """Status 200 or 201 with a JSON object acknowledges, unless its code says otherwise."""
    outcome = AttemptOutcome(OutcomeKind.ACKNOWLEDGED, f"HTTP {status}", status)
    assert classify_upsert(Answer(status, body)) == outcome


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "an empty body"),
        (b"  ", "an empty body"),
        (b"<html>", "a body that is not a JSON object"),
        (b"[]", "a body that is not a JSON object"),
        (b'"ok"', "a body that is not a JSON object"),
        (b"{", "a body that is not a JSON object"),
        (b'{"code":500}', "code 500 in its body"),
        (b'{"code":null}', "code null in its body"),
        (b'{"code":true}', "code true in its body"),
        (b'{"code":"no secret"}', "code no *** in its body"),
    ],
)
def test_success_without_the_right_body_is_no_acknowledgement(body: bytes, what: str) -> None:
    """Any other body leaves the records in doubt, and is named."""
    message = f"HTTP 200 with {what}, which is no acknowledgement"
    outcome = classify_upsert(Answer(200, body, redact=hide))
    assert outcome == AttemptOutcome(OutcomeKind.UNAVAILABLE, message, 200, in_doubt=True)


@pytest.mark.parametrize(
    ("status", "kind", "in_doubt", "exit_code"),
    [
        (202, OutcomeKind.UNEXPECTED, True, 5),
        (300, OutcomeKind.UNEXPECTED, False, 5),
        (302, OutcomeKind.UNEXPECTED, False, 5),
        (401, OutcomeKind.DENIED, False, 4),
        (403, OutcomeKind.DENIED, False, 4),
        (404, OutcomeKind.DENIED, False, 4),
        (408, OutcomeKind.UNAVAILABLE, True, 5),
        (409, OutcomeKind.UNEXPECTED, False, 5),
        (429, OutcomeKind.UNAVAILABLE, False, 5),
        (500, OutcomeKind.UNAVAILABLE, True, 5),
        (502, OutcomeKind.UNAVAILABLE, True, 5),
        (503, OutcomeKind.UNAVAILABLE, True, 5),
        (504, OutcomeKind.UNAVAILABLE, True, 5),
        (501, OutcomeKind.UNEXPECTED, True, 5),
        (505, OutcomeKind.UNEXPECTED, True, 5),
        (520, OutcomeKind.UNAVAILABLE, True, 5),
        (524, OutcomeKind.UNAVAILABLE, True, 5),
        (599, OutcomeKind.UNAVAILABLE, True, 5),
        (999, OutcomeKind.UNEXPECTED, True, 5),
    ],
)
def test_every_status_has_its_meaning(
    status: int,
    kind: OutcomeKind,
    in_doubt: bool,  # noqa: FBT001 - pytest passes it by name
    exit_code: int,
) -> None:
    """Each status has a meaning, may leave the request in doubt, and has an exit code."""
    outcome = classify_upsert(Answer(status, b"{}"))
    assert (outcome.kind, outcome.in_doubt) == (kind, in_doubt)
    assert error_from(outcome).exit_code == exit_code


@pytest.mark.parametrize("status", [502, 504, 520, 522, 524, 530, 598])
def test_gateway_that_gave_up_may_be_overtaken(status: int) -> None:
    """What a gateway did not wait for may still be applied, after what is sent now."""
    assert classify_upsert(Answer(status)).may_come_late
    assert not classify_upsert(Answer(500)).may_come_late


def test_reasons_are_read_and_bounded() -> None:
    """Message and reasons of a refusal are kept, as text and at a bounded length."""
    body = (
        b'{"message":"no","reasons":["a",{"b":1},"' + b"x y" * 9000 + b'"' + b',"y"' * 100 + b"]}"
    )
    outcome = classify_upsert(Answer(400, body))
    assert outcome.message == "HTTP 400: no"
    assert outcome.reasons[:2] == ("a", '{"b":1}')
    assert len(outcome.reasons[2]) <= MAX_SHOWN_CHARACTERS + 1
    assert len(outcome.reasons) == 20
    assert len(str(outcome)) < 1000


@pytest.mark.parametrize(
    ("reasons", "text"),
    [
        ("", ""),
        ("it is bad", " (it is bad)"),
        (["no secret", {"b": 1}, "c"], ' (no ***; {"b":1}; c)'),
        (["a", "b", "c", "d"], " (a; b; c; …)"),
    ],
)
def test_refusal_is_shown_with_its_first_reasons(reasons: object, text: str) -> None:
    """A refusal is shown with up to three reasons, be it one or a list, and without secrets."""
    body = json.dumps({"message": "bad secret", "reasons": reasons}).encode()
    outcome = classify_upsert(Answer(400, body, redact=hide))
    assert str(outcome) == f"HTTP 400: bad ***{text}"


@pytest.mark.parametrize("depth", [200, 254, 255, 256, 900, 1023, 1024, 2_000, 100_000])
@pytest.mark.parametrize("field", ["message", "reasons", "code"])
@pytest.mark.parametrize("status", [201, 400])
def test_nested_answer_is_understood(status: int, field: str, depth: int) -> None:
    """However deep an answer is nested, it has a meaning."""
    for opening, end in ((b"[", b"]"), (b'{"a":', b"}")):
        body = b'{"%b":%b1%b}' % (field.encode(), opening * depth, end * depth)
        outcome = classify_upsert(Answer(status, body))
        assert outcome.kind in {
            OutcomeKind.REFUSED,
            OutcomeKind.ACKNOWLEDGED,
            OutcomeKind.UNAVAILABLE,
        }
        assert isinstance(error_from(outcome), RjcliError)
        assert len(str(outcome)) < 1000


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("-1", None),
        ("soon", None),
        ("9" * 400, None),
        ("Thu, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Thu, 01 Jan 2026 00:00:00 +999999999999", None),
        ("Thu, 01 Jan 1000 00:00:00 +2359", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str, seconds: float | None) -> None:
    """Retry-After is read by the answer's own clock; one that makes no sense is ignored."""
    date = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert classify_upsert(Answer(503, b"", retry_after, date)).retry_after == seconds


def test_retry_after_without_a_date_counts_from_now() -> None:
    """A Retry-After in an answer without a date is read by the own clock: a past one is over."""
    retry_after = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert classify_upsert(Answer(503, b"", retry_after)).retry_after == 0.0


@pytest.mark.parametrize(
    "date", ["x", "Thu, 01 Jan 2026 00:00:00 +9999999999", "1 Jan 9999999999 1:1 Z"]
)
def test_absurd_date_is_no_crash(date: str) -> None:
    """A Date that is none, or out of all bounds, leaves Retry-After without a meaning."""
    retry_after = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert classify_upsert(Answer(503, b"", retry_after, date)).retry_after is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["code", "message", "reasons", "x"]), inner)
    ),
    max_leaves=8,
)
bodies = st.binary() | json_values.map(lambda value: json.dumps(value).encode())
numbers = st.integers().map(str)
dates = st.builds(
    "{}, {} {} {} {}:{}:{} {}".format,
    st.sampled_from(["Thu", ""]),
    numbers,
    st.sampled_from(["Jan", "Foo"]),
    numbers,
    numbers,
    numbers,
    numbers,
    st.sampled_from(["GMT", "", "+2359", "-0000"]) | numbers,
)
headers = st.none() | st.text() | numbers | dates


@given(st.integers(200, 999), bodies, headers, headers)
def test_every_answer_has_a_meaning(
    status: int, body: bytes, retry_after: str | None, date: str | None
) -> None:
    """Whatever a server answers is classified, and becomes an error with a bounded message."""
    answer = Answer(status, body, retry_after, date)
    for outcome in (classify_upsert(answer), classify_authenticate(answer)):
        assert len(error_from(outcome).message) < 2000
        assert outcome.retry_after is None or outcome.retry_after >= 0


@pytest.mark.parametrize("body", [b"", b"{}", b"ok"])
def test_authenticated_by_status(body: bytes) -> None:
    """The vendor says nothing of authenticate's body: its status decides."""
    assert classify_authenticate(Answer(200, body)).kind is OutcomeKind.ACKNOWLEDGED


@pytest.mark.parametrize("body", [b"<html>", b" \n<!doctype html>"])
@pytest.mark.parametrize("status", [200, 401])
def test_page_of_html_does_not_authenticate(status: int, body: bytes) -> None:
    """A page of HTML is a proxy's answer to an authenticate call, whatever its status."""
    message = f"HTTP {status} with a page of HTML"
    outcome = classify_authenticate(Answer(status, body))
    assert outcome == AttemptOutcome(OutcomeKind.UNEXPECTED, message, status)


HINTS = {
    "address": "check the base URL, and proxies between here and the API",
    "client": "check the client id and the base URL",
    "key": "check the client id, the API key, and that both belong to this environment",
    "wait": "try again in 1,200 s",
    "later": "try again later",
    "network": "check the base URL, the network and proxies, or try again later",
}


@pytest.mark.parametrize(
    ("outcome", "has_client", "kind", "message", "hint"),
    [
        (401, True, AccessDeniedError, "the API refused the credentials: HTTP 401", "key"),
        (404, True, AccessDeniedError, "the API knows no such client: HTTP 404", "client"),
        (403, False, AccessDeniedError, "access is refused: HTTP 403", "address"),
        (
            404,
            False,
            AccessDeniedError,
            "there is no Import API at this address: HTTP 404",
            "address",
        ),
        (503, True, UnfinishedError, "the API is not available: HTTP 503", "later"),
        (
            AttemptOutcome(OutcomeKind.UNAVAILABLE, "HTTP 429", 429, retry_after=1200.0),
            True,
            UnfinishedError,
            "the API is not available: HTTP 429",
            "wait",
        ),
        (
            AttemptOutcome(OutcomeKind.UNAVAILABLE, "no connection"),
            True,
            UnfinishedError,
            "the API is not available: no connection",
            "network",
        ),
        (302, True, UnfinishedError, "this is no answer of the Import API: HTTP 302", "address"),
    ],
)
@pytest.mark.parametrize("asked", ["", "https://h.example, client 7"])
def test_error_says_what_is_wrong_and_what_to_check(
    *,
    outcome: AttemptOutcome | int,
    has_client: bool,
    kind: type[RjcliError],
    message: str,
    hint: str,
    asked: str,
) -> None:
    """An answer that ends a push becomes an error that names it and who was asked, with a hint."""
    if isinstance(outcome, int):
        outcome = classify_upsert(Answer(outcome))
    options = {"asked": asked} if asked else {}
    error = error_from(outcome, **options, has_client=has_client)
    assert type(error) is kind
    assert error.message == message + (f"; asked was {asked}" if asked else "")
    assert error.hint == HINTS[hint]
