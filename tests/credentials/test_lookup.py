"""Where credentials come from, and that the API key is never seen."""

import asyncio
import base64
import copy
import html
import json
import os
import pickle
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rjcli.api.base_url import Endpoint, Environment
from rjcli.api.protocol import (
    Answer,
    AttemptOutcome,
    OutcomeKind,
    classify_authenticate,
    error_from,
)
from rjcli.credentials.api_key import MAX_KEY_CHARACTERS, ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials, find_credentials
from rjcli.errors import UsageError
from rjcli.http.transport import Transport
from rjcli.settings.commands import AccessSettings
from rjcli.settings.given import COMMAND_LINE, VARIABLES, Given, Source
from rjcli.settings.read import read
from rjcli.settings.sources import strongest
from rjcli.settings.target import resolve_target
from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import always, answer


def key_file(directory: Path, content: bytes) -> str:
    """A private file with a key in it."""
    path = directory / "key"
    path.touch(0o600)
    path.write_bytes(content)
    return str(path)


def option(value: str, name: str = "--client-id") -> Given:
    """A value from the command line."""
    return Given(value, COMMAND_LINE, name)


def test_option_then_environment_then_profile(tmp_path: Path) -> None:
    """Client id and key are each taken from the first place that has one, which is named."""
    file = option(key_file(tmp_path, b"of-option\n"), "--api-key-file")
    environ = {"RJCLI_CLIENT_ID": "2", "RJCLI_API_KEY": "of-environment"}
    profile = Profile("p", client_id=3, api_key=ApiKey("of-profile"))
    found = [
        find_credentials(option("1"), file, environ, profile),
        find_credentials(None, None, environ, profile),
        find_credentials(None, None, {}, profile),
        find_credentials(None, None, {"RJCLI_CLIENT_ID": "", "RJCLI_API_KEY": ""}, profile),
        find_credentials(option("1"), None, {}, profile),
    ]
    assert [(one.client_id, one.api_key.reveal()) for one in found] == [
        (1, "of-option"),
        (2, "of-environment"),
        (3, "of-profile"),
        (3, "of-profile"),
        (1, "of-profile"),
    ]
    assert [str(one) for one in found[:3]] == [
        "client id 1 (--client-id), API key (--api-key-file)",
        "client id 2 (RJCLI_CLIENT_ID), API key (RJCLI_API_KEY)",
        "client id 3 (profile p), API key (profile p)",
    ]


EVIL = "https://evil.example"
OWN = Profile("own", client_id=1, base_url=EVIL, api_key=ApiKey("of-profile"))
PLAIN = Profile("plain", client_id=1, api_key=ApiKey("of-profile"))
SANDBOX = Profile("s", client_id=1, environment=Environment.SANDBOX, api_key=ApiKey("of-profile"))
KEY_VARIABLE = {"RJCLI_API_KEY": "of-variable"}


@pytest.mark.parametrize(
    ("profile", "environ", "given", "host"),
    [
        # A profile's key goes to the profile's own address.
        (PLAIN, {}, {}, "connect.rjmetrics.com"),
        (SANDBOX, {}, {}, "sandbox-connect.rjmetrics.com"),
        (OWN, {}, {}, "evil.example"),
        (OWN, {}, {"base_url": (VARIABLES, f"{EVIL}:443/v1")}, "evil.example:443"),
        (SANDBOX, {}, {"env": (VARIABLES, "sandbox")}, "sandbox-connect.rjmetrics.com"),
        (PLAIN, {}, {"env": (VARIABLES, "sandbox")}, None),
        (SANDBOX, {}, {"env": (VARIABLES, "production")}, None),
        (PLAIN, {}, {"base_url": (VARIABLES, EVIL)}, None),
        (OWN, {}, {"env": (VARIABLES, "production")}, None),
        # The command line is meant as it says.
        (PLAIN, {}, {"env": (COMMAND_LINE, "sandbox")}, "sandbox-connect.rjmetrics.com"),
        (PLAIN, {}, {"base_url": (COMMAND_LINE, EVIL)}, "evil.example"),
        (OWN, KEY_VARIABLE, {"base_url": (COMMAND_LINE, EVIL)}, "evil.example"),
        # A variable's key does not go to a profile's base URL, but to its environment.
        (OWN, KEY_VARIABLE, {}, None),
        (SANDBOX, KEY_VARIABLE, {}, "sandbox-connect.rjmetrics.com"),
        (OWN, KEY_VARIABLE, {"base_url": (VARIABLES, EVIL)}, "evil.example"),
        (None, KEY_VARIABLE | {"RJCLI_CLIENT_ID": "1"}, {}, "connect.rjmetrics.com"),
    ],
)
def test_key_goes_where_it_belongs(
    profile: Profile | None,
    environ: dict[str, str],
    given: dict[str, tuple[Source, str]],
    host: str | None,
) -> None:
    """A key is not sent to an address from elsewhere unless the command line names that."""
    named = {name: Given(value, source, name) for name, (source, value) in given.items()}
    settings = read(AccessSettings, strongest(named, profile.given() if profile else {}))
    target = settings.target
    if host is None:
        with pytest.raises(UsageError, match="is not sent to") as caught:
            find_credentials(None, None, environ, profile, target)
        message = f"{caught.value.message} {caught.value.hint}"
        assert target.endpoint is not None
        assert target.endpoint.host in message
        assert "RJCLI_API_KEY" in message if environ else "profile" in message
        assert "--base-url" in message
        assert "of-" not in message
        return
    assert target.endpoint is not None
    assert target.endpoint.host == host
    find_credentials(None, None, environ, profile, target)


@pytest.mark.parametrize(
    "place", ["https://h.example/{}", "https://{}.example", "https://h/x.{}/v2"]
)
def test_key_in_the_address_is_refused(place: str) -> None:
    """A base URL that holds the key is refused, and not echoed."""
    target = resolve_target(
        None, Given(Endpoint.parse(place.format(CANARY_KEY)), COMMAND_LINE, "--base-url")
    )
    environ = {"RJCLI_API_KEY": CANARY_KEY, "RJCLI_CLIENT_ID": "1"}
    with pytest.raises(UsageError, match="the base URL holds the API key") as caught:
        find_credentials(None, None, environ, None, target)
    assert CANARY_KEY not in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize("client_id", ["0", "-1", "1.5", "x", "٣", "9" * 19, CANARY_KEY])
def test_bad_client_id_is_refused(client_id: str) -> None:
    """A client id that is no positive whole number is refused, and not echoed."""
    with pytest.raises(UsageError, match="positive whole number") as caught:
        find_credentials(option(client_id), None, {"RJCLI_API_KEY": "k"})
    assert CANARY_KEY not in caught.value.message


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words\n", b"key\n\n", b"key\xff", b"k\x00", b"k" * 2000]
)
def test_bad_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key file that holds anything but one key and a line end is refused."""
    with pytest.raises(UsageError):
        find_credentials(option("1"), option(key_file(tmp_path, content)), {})


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_key_file_may_end_in_a_line_end(tmp_path: Path, end: bytes) -> None:
    """One line end after the key is not part of it, however long the key is."""
    key = b"k" * MAX_KEY_CHARACTERS
    found = find_credentials(option("1"), option(key_file(tmp_path, key + end)), {})
    assert found.api_key.reveal().encode() == key


def test_key_file_that_is_none_is_refused(rjcli: Rjcli) -> None:
    """A pipe, a device, a directory, a loop of links and `-` are refused at once: exit 2."""
    os.mkfifo(rjcli.home / "pipe", 0o600)
    (rjcli.home / "loop").symlink_to("loop")
    for file in ("pipe", "loop", ".", "-", "missing", "/dev/zero"):
        done = rjcli("auth-check", "--api-key-file", file, stdin=b"key")
        assert done.returncode == 2
        assert "--api-key-file" in done.stderr


def test_key_in_place_of_its_file_is_not_echoed(rjcli: Rjcli) -> None:
    """A key where the name of a file is expected is not shown, from an option or a variable."""
    key = "Zx9-other-key-77"
    done = rjcli("auth-check", "--api-key-file", key)
    assert (done.returncode, "No such file" in done.stderr) == (2, True)
    by_variable = rjcli("auth-check", "--json", env={"RJCLI_API_KEY_FILE": key})
    assert (by_variable.returncode, "RJCLI_API_KEY_FILE" in by_variable.stderr) == (2, True)
    for text in (done.stdout, done.stderr, by_variable.stdout, by_variable.stderr):
        assert key not in text


def test_file_called_dash_is_a_file(rjcli: Rjcli, local_api: LocalApi) -> None:
    """A key file that is called - can be given as ./-."""
    Path(key_file(rjcli.home, CANARY_KEY.encode())).rename(rjcli.home / "-")
    command = ("auth-check", "--base-url", local_api.base_url, "--api-key-file", "./-")
    assert rjcli(*command, env={"RJCLI_API_KEY": ""}).returncode == 0


def test_key_can_be_used_but_not_seen() -> None:
    """A key can be copied, compared and hashed; no representation shows it, and none is written."""
    key = ApiKey(CANARY_KEY)
    credentials = Credentials(1, key)
    assert copy.copy(key) == copy.deepcopy(key) == key
    assert len({key, ApiKey(CANARY_KEY), ApiKey("other")}) == 2
    assert key != CANARY_KEY
    shown = f"{key} {key!r} {key!s} {[key]} {credentials} {asdict(credentials)} {dir(key)}"
    assert CANARY_KEY not in shown
    assert not hasattr(key, "__dict__")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError):
            pickle.dumps(key, protocol)
    with pytest.raises(TypeError):
        json.dumps(key)


def escaped_as_json(text: str) -> str:
    """The way of PHP, which escapes slashes."""
    return json.dumps(text).replace("/", r"\/")


ENCODERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "quote": lambda text: quote(text, safe=""),
    "quote lower": lambda text: quote(text, safe="").lower(),
    "quote_plus": quote_plus,
    "quote path": quote,
    "quote twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "every byte lower": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "json": escaped_as_json,
    "json escapes": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "html": html.escape,
    "html numbers": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "hex": lambda text: text.encode().hex(),
    "hex upper": lambda text: text.encode().hex().upper(),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base32": lambda text: base64.b32encode(text.encode()).decode(),
    "base64 of the wire form": lambda text: base64.b64encode(
        quote(text, safe="").encode()
    ).decode(),
    "hex of the wire form": lambda text: quote(text, safe="").encode().hex(),
    "bytes": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    "%u": lambda text: "".join(f"%u{ord(character):04X}" for character in text),
    "html open": lambda text: "".join(f"&#{ord(character)}" for character in text),
    "mail": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
}
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
surroundings = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@settings(deadline=None)
@given(key=keys, before=surroundings, after=surroundings)
def test_echoed_key_is_taken_out(
    encode: Callable[[str], str], key: str, before: str, after: str
) -> None:
    """A key is taken out of an echo, in every common encoding, with whatever is around it."""
    echo = encode(before) + encode(key) + encode(after)
    shown = ApiKey(key).redact(echo)
    assert "[API key]" in shown
    assert encode(key) not in shown


@settings(deadline=None)
@given(key=keys, before=st.binary(max_size=8), after=st.binary(max_size=8))
def test_key_within_base64_is_taken_out(key: str, before: bytes, after: bytes) -> None:
    """A key is taken out of the base64 of any longer text, standard, URL-safe or escaped."""
    first, last = len(before), len(before) + len(key)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + key.encode() + after).decode()
        secret = encoded[
            -(-8 * first // 6) : 8 * last // 6
        ]  # the characters with bits of the key only
        for echo, part in ((encoded, secret), (quote(encoded, safe=""), quote(secret, safe=""))):
            shown = ApiKey(key).redact(echo)
            assert "[API key]" in shown
            assert part not in shown


def test_short_key_leaves_other_text_alone() -> None:
    """Encodings of a short key that could be found anywhere are not looked for."""
    text = base64.b64encode(bytes(range(256))).decode() + bytes(range(256)).hex()
    assert ApiKey("k~9").redact(text) == text


def test_no_echo_is_shown(serve: Serve) -> None:
    """Whatever encodings a server echoes the key in, none of them is shown."""
    echoes = {encode(CANARY_KEY) for encode in ENCODERS.values()}
    for echo in sorted(echoes):
        reasons = [
            echo,
            f"/v2/client/12?apikey={echo}&x=1",
            [echo],
            {"a": {"b": f"no {echo} here"}},
        ]
        reply = answer(401, json.dumps({"message": echo, "reasons": reasons}).encode())
        outcome = authenticate(serve(always(reply)).base_url)
        assert outcome.kind is OutcomeKind.DENIED
        assert len(outcome.reasons) == 4
        shown = f"{outcome} {outcome!r} {error_from(outcome).message}"
        assert echo not in shown
        assert "no " in shown


def authenticate(base_url: str) -> AttemptOutcome:
    """Ask an API whether the canary key is good."""

    async def talk() -> Answer:
        async with Transport(Endpoint.parse(base_url), 5.0) as transport:
            return await transport.authenticate(Credentials(12, ApiKey(CANARY_KEY)))

    return classify_authenticate(asyncio.run(talk()))


@given(keys, st.text(max_size=20))
def test_masked_text_has_no_key(key: str, text: str) -> None:
    """A key is taken out of text of the program's own: as it is, as sent, and in base64 and hex."""
    forms = [key, quote(key, safe=""), json.dumps(key)[1:-1], key.encode().hex()]
    forms += [base64.b64encode(f"{text}?apikey={quote(key, safe='')}&".encode()).decode()]
    for form in forms:
        assert "[API key]" in ApiKey(key).mask(f"{text} {form} {text}")
    assert key not in ApiKey(key).mask(f"{text} {key} {text}")
    assert ApiKey("short").mask("in short: this") == "in short: this"
