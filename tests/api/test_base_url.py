"""Addresses: which base URLs are taken, and what is asked at them."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rjcli.api.base_url import BASE_URLS, Endpoint, Environment, environment_of, is_table_name


@pytest.mark.parametrize(
    ("base_url", "upsert_url"),
    [
        ("https://h.example", "https://h.example/v2/client/7/table/t/data"),
        ("https://h.example/", "https://h.example/v2/client/7/table/t/data"),
        ("https://h.example/v1", "https://h.example/v1/client/7/table/t/data"),
        ("https://h.example:8443/x/v3/", "https://h.example:8443/x/v3/client/7/table/t/data"),
        ("https://h.example:1/X", "https://h.example:1/X/v2/client/7/table/t/data"),
        ("https://h.example:65535", "https://h.example:65535/v2/client/7/table/t/data"),
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


UNREADABLE = "it must look like https://host"
NO_HOST = "its host is neither a name nor an address"
NO_HOST_OR_PORT = f"{NO_HOST}, or its port no number"
IN_BRACKETS = f"{UNREADABLE}|{NO_HOST_OR_PORT}|its host is no IP address"  # as Python has it
TOO_MUCH = "it must have no user name, query or fragment"
HTTP = "plain http is allowed to loopback addresses only; use https"
NO_ASCII = "it must be plain ASCII without spaces"
PORT = "its port must be from 1 to 65535"
PATH = "its path may hold letters, digits and -._~ between single slashes"


@pytest.mark.parametrize(
    ("base_url", "reason"),
    [
        ("http://h.example", HTTP),
        ("http://127.0.0.1.example", HTTP),
        ("http://0.0.0.0", HTTP),
        ("ftp://h.example", UNREADABLE),
        ("h.example", UNREADABLE),
        ("https://", UNREADABLE),
        ("http://[::1", UNREADABLE),
        ("https://user:secret@h.example", TOO_MUCH),
        ("https://h@h.example", TOO_MUCH),
        ("https://h.example?x=1", TOO_MUCH),
        ("https://h.example#x", TOO_MUCH),
        ("https://h.example/a b", NO_ASCII),
        ("https://h.example\r\nx", NO_ASCII),
        ("https://hé.example", NO_ASCII),
        ("https://h.example:99999", PORT),
        ("https://h.example:65536", PORT),
        ("https://h.example:0", PORT),
        ("https://h.example:", NO_HOST_OR_PORT),
        ("https://h..example", NO_HOST),
        ("https://1.2.3.4.5", "its host is no IP address"),
        ("http://[::1]evil.com", IN_BRACKETS),
        ("http://[::1]:80evil.com", IN_BRACKETS),
        ("http://evil.com[::1]", IN_BRACKETS),
        ("http://[v1.x]", IN_BRACKETS),
        ("http://[::1%25lo]", IN_BRACKETS),
        ("https://[xyz]", IN_BRACKETS),
        ("https://[::ffff:1.2.3.999]", IN_BRACKETS),
        ("https://h.example/a//b", PATH),
    ],
)
def test_unsafe_base_urls_are_refused(base_url: str, reason: str) -> None:
    """Plain http beyond loopback, user names, queries and odd characters are refused."""
    with pytest.raises(ValueError, match=r".+") as caught:
        Endpoint.parse(base_url)
    assert type(caught.value) is ValueError
    assert re.fullmatch(reason, str(caught.value))


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
