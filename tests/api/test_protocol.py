"""The Import API's facts: addresses and what each answer means."""

import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rjcli.api.base_url import BASE_URLS, Endpoint, Environment, environment_of, is_table_name
from rjcli.api.protocol import (
    Answer,
    OutcomeKind,
    classify_authenticate,
    classify_upsert,
    error_from,
)
from rjcli.api.server_text import MAX_SHOWN_CHARACTERS
from rjcli.errors import RjcliError


@pytest.mark.parametrize(
    ("base_url", "upsert_url"),
    [
        ("https://h.example", "https://h.example/v2/client/7/table/t/data"),
        ("https://h.example/", "https://h.example/v2/client/7/table/t/data"),
        ("https://h.example/v1", "https://h.example/v1/client/7/table/t/data"),
        ("https://h.example:8443/x/v3/", "https://h.example:8443/x/v3/client/7/table/t/data"),
        ("http://127.0.0.1:80", "http://127.0.0.1:80/v2/client/7/table/t/data"),
        ("http://[::1]:80", "http://[::1]:80/v2/client/7/table/t/data"),
        ("http://localhost", "http://localhost/v2/client/7/table/t/data"),
    ],
)
def test_base_url_may_name_a_version(base_url: str, upsert_url: str) -> None:
    """A base URL is followed by v2 unless it names a version itself."""
    assert Endpoint.parse(base_url).upsert_url(7, "t") == upsert_url


def test_status_has_no_version() -> None:
    """The status call goes to the root, without version and key."""
    assert Endpoint.parse("https://h.example/x/v2").status_url == "https://h.example/x/"


@pytest.mark.parametrize(
    "base_url",
    [
        "http://h.example",
        "http://127.0.0.1.example",
        "http://0.0.0.0",
        "ftp://h.example",
        "h.example",
        "https://",
        "https://user:secret@h.example",
        "https://h.example?x=1",
        "https://h.example#x",
        "https://h.example/a b",
        "https://h.example\r\nx",
        "https://h.example:99999",
        "https://hé.example",
        "https://h.example:0",
        "https://h.example:",
        "http://[::1]evil.com",
        "http://[::1]:80evil.com",
        "http://evil.com[::1]",
        "http://[::1",
        "http://[v1.x]",
        "http://[::1%25lo]",
        "https://[xyz]",
        "https://1.2.3.4.5",
        "https://[::ffff:1.2.3.999]",
    ],
)
def test_unsafe_base_urls_are_refused(base_url: str) -> None:
    """Plain http beyond loopback, user names, queries and odd characters are refused."""
    with pytest.raises(ValueError, match=r".+") as caught:
        Endpoint.parse(base_url)
    assert type(caught.value) is ValueError


@given(
    st.text() | st.from_regex(r"https?://[a-z0-9.:@\[\]%-]{8,20}(/[a-z.]{0,9})*", fullmatch=True)
)
@example("https://[secret-key-of-mine]")
@example("https://h:secret-key-of-mine")
@example("https://secret-key-of-mine.5")
@example("https://secret\u2100key")
def test_refusal_of_a_base_url_does_not_quote_it(base_url: str) -> None:
    """The reason why a base URL is refused holds nothing of it: it may hold a key."""
    reason = ""
    try:
        Endpoint.parse(base_url)
    except ValueError as error:
        reason = str(error)
    parts = {part for part in re.split(r"[^A-Za-z0-9-]+", base_url) if len(part) > 6}
    assert not [part for part in parts if part in reason]


@pytest.mark.parametrize(
    ("base_url", "environment"),
    [
        *((address, environment) for environment, address in BASE_URLS.items()),
        ("https://CONNECT.rjmetrics.com:443/v1/", Environment.PRODUCTION),
        ("https://connect.rjmetrics.com:8443", None),
        ("https://connect.rjmetrics.com/x", None),
        ("https://connect.rjmetrics.com.example", None),
        ("http://127.0.0.1", None),
    ],
)
def test_environment_is_known_by_its_address(
    base_url: str, environment: Environment | None
) -> None:
    """An environment's own address is known in all its spellings, and no other is."""
    assert environment_of(Endpoint.parse(base_url)) == environment


@pytest.mark.parametrize("name", ["", "a b", "a-b", "a/b", "../x", "é", "a\n", "a?b", "a%2fb"])
def test_bad_table_names_never_reach_an_address(name: str) -> None:
    """A table name is letters, digits and underscores."""
    assert not is_table_name(name)
    with pytest.raises(ValueError, match="table"):
        Endpoint.parse("https://h.example").upsert_url(1, name)


@pytest.mark.parametrize("body", [b"{}", b'{"code":201,"message":"created"}', b' {"code":"200"}\n'])
@pytest.mark.parametrize("status", [200, 201])
def test_acknowledgement(status: int, body: bytes) -> None:
    """Status 200 or 201 with a JSON object acknowledges, unless its code says otherwise."""
    assert classify_upsert(Answer(status, body)).kind is OutcomeKind.ACKNOWLEDGED


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"<html>",
        b"[]",
        b'"ok"',
        b"{",
        b'{"code":500}',
        b'{"code":null}',
        b'{"code":true}',
    ],
)
def test_success_without_the_right_body_is_no_acknowledgement(body: bytes) -> None:
    """Any other body leaves the records in doubt."""
    outcome = classify_upsert(Answer(200, body))
    assert outcome.kind is OutcomeKind.UNAVAILABLE
    assert outcome.in_doubt


@pytest.mark.parametrize(
    ("status", "kind", "in_doubt", "exit_code"),
    [
        (202, OutcomeKind.UNEXPECTED, True, 5),
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
