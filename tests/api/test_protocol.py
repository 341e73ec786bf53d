"""The Import API's facts: addresses and what each answer means."""

import pytest

from rjcli.api.base_url import Endpoint, is_table_name
from rjcli.api.protocol import (
    Answer,
    OutcomeKind,
    classify_authenticate,
    classify_upsert,
    error_from,
)


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
    ],
)
def test_unsafe_base_urls_are_refused(base_url: str) -> None:
    """Plain http beyond loopback, user names, queries and odd characters are refused."""
    with pytest.raises(ValueError, match=r".+"):
        Endpoint.parse(base_url)


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
    """Any other body leaves the fate of the records in doubt."""
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
    ],
)
def test_every_status_has_its_meaning(
    status: int,
    kind: OutcomeKind,
    in_doubt: bool,  # noqa: FBT001 - pytest passes it by name
    exit_code: int,
) -> None:
    """Each status has a kind, a doubt, and an exit code where it ends the push."""
    outcome = classify_upsert(Answer(status, b"{}"))
    assert (outcome.kind, outcome.in_doubt) == (kind, in_doubt)
    assert error_from(outcome).exit_code == exit_code


def test_reasons_are_read_and_bounded() -> None:
    """Message and reasons of a refusal are kept, as text and at a bounded length."""
    body = b'{"message":"no","reasons":["a",{"b":1},"' + b"x" * 9000 + b'"' + b',"y"' * 100 + b"]}"
    outcome = classify_upsert(Answer(400, body))
    assert outcome.message == "HTTP 400: no"
    assert outcome.reasons[:2] == ("a", '{"b":1}')
    assert len(outcome.reasons[2]) < 1000
    assert len(outcome.reasons) == 20


@pytest.mark.parametrize("body", [b"", b"{}", b"ok"])
def test_authenticated_by_status(body: bytes) -> None:
    """The vendor says nothing of authenticate's body: its status decides."""
    assert classify_authenticate(Answer(200, body)).kind is OutcomeKind.ACKNOWLEDGED
