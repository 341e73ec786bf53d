"""Where credentials come from, and that the API key is never seen."""

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
from hypothesis import given
from hypothesis import strategies as st

from rjcli.credentials.api_key import MAX_KEY_CHARACTERS, ApiKey
from rjcli.credentials.config_file import Profile
from rjcli.credentials.lookup import Credentials, find_credentials
from rjcli.errors import UsageError
from tests.conftest import CANARY_KEY, LocalApi, Rjcli, Serve
from tests.support.scripted import always, answer


def key_file(directory: Path, content: bytes) -> str:
    """A private file with a key in it."""
    path = directory / "key"
    path.touch(0o600)
    path.write_bytes(content)
    return str(path)


def test_option_then_environment_then_profile(tmp_path: Path) -> None:
    """Client id and key are each taken from the first place that has one."""
    file = key_file(tmp_path, b"of-option\n")
    environ = {"RJCLI_CLIENT_ID": "2", "RJCLI_API_KEY": "of-environment"}
    profile = Profile("p", client_id=3, api_key=ApiKey("of-profile"))
    found = [
        find_credentials("1", file, environ, profile),
        find_credentials(None, None, environ, profile),
        find_credentials(None, None, {}, profile),
        find_credentials(None, None, {"RJCLI_CLIENT_ID": "", "RJCLI_API_KEY": ""}, profile),
        find_credentials("1", None, {}, profile),
    ]
    assert [(one.client_id, one.api_key.reveal()) for one in found] == [
        (1, "of-option"),
        (2, "of-environment"),
        (3, "of-profile"),
        (3, "of-profile"),
        (1, "of-profile"),
    ]


@pytest.mark.parametrize("client_id", ["0", "-1", "1.5", "x", "٣", "9" * 19, CANARY_KEY])
def test_bad_client_id_is_refused(client_id: str) -> None:
    """A client id that is no positive whole number is refused, and not echoed."""
    with pytest.raises(UsageError, match="positive whole number") as caught:
        find_credentials(client_id, None, {"RJCLI_API_KEY": "k"})
    assert CANARY_KEY not in caught.value.message


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two words\n", b"key\n\n", b"key\xff", b"k\x00", b"k" * 2000]
)
def test_bad_key_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """A key file that holds anything but one key and a line end is refused."""
    with pytest.raises(UsageError):
        find_credentials("1", key_file(tmp_path, content), {})


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_key_file_may_end_in_a_line_end(tmp_path: Path, end: bytes) -> None:
    """One line end after the key is not part of it, however long the key is."""
    key = b"k" * MAX_KEY_CHARACTERS
    found = find_credentials("1", key_file(tmp_path, key + end), {})
    assert found.api_key.reveal().encode() == key


def test_key_file_that_is_none_is_refused(rjcli: Rjcli) -> None:
    """A pipe, a device, a directory, a loop of links and `-` are refused at once: exit 2."""
    os.mkfifo(rjcli.home / "pipe", 0o600)
    (rjcli.home / "loop").symlink_to("loop")
    for file in ("pipe", "loop", ".", "-", "missing", "/dev/zero"):
        done = rjcli("auth-check", "--api-key-file", file, stdin=b"key")
        assert done.returncode == 2
        assert "API key file" in done.stderr or "./-" in done.stderr


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
}
keys = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)
surroundings = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@pytest.mark.parametrize("encode", ENCODERS.values(), ids=ENCODERS)
@given(key=keys, before=surroundings, after=surroundings)
def test_echoed_key_is_taken_out(
    encode: Callable[[str], str], key: str, before: str, after: str
) -> None:
    """A key is taken out of an echo, in every common encoding, with whatever stands around it."""
    echo = encode(before) + encode(key) + encode(after)
    shown = ApiKey(key).redact(echo)
    assert "[API key]" in shown
    assert encode(key) not in shown


@given(key=keys, before=st.binary(max_size=8), after=st.binary(max_size=8))
def test_key_within_base64_is_taken_out(key: str, before: bytes, after: bytes) -> None:
    """A key is taken out of the base64 of any longer text, standard, URL-safe or escaped."""
    first, last = len(before), len(before) + len(key)
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + key.encode() + after).decode()
        told = encoded[
            -(-8 * first // 6) : 8 * last // 6
        ]  # the characters with bits of the key only
        for echo, part in ((encoded, told), (quote(encoded, safe=""), quote(told, safe=""))):
            shown = ApiKey(key).redact(echo)
            assert "[API key]" in shown
            assert part not in shown


def test_short_key_leaves_other_text_alone() -> None:
    """Encodings of a short key that could be found anywhere are not looked for."""
    text = base64.b64encode(bytes(range(256))).decode() + bytes(range(256)).hex()
    assert ApiKey("k~9").redact(text) == text


def test_no_echo_is_shown(rjcli: Rjcli, serve: Serve) -> None:
    """Whatever encodings a server echoes the key in, none of them is shown."""
    echoes = {encode(CANARY_KEY) for encode in ENCODERS.values()}
    echoes.add(base64.b64encode(CANARY_KEY.encode()).decode())
    reasons = [f"/v2/client/12?apikey={echo}&x=1" for echo in sorted(echoes)]
    reply = answer(401, json.dumps({"message": CANARY_KEY, "reasons": reasons}).encode())
    done = rjcli("auth-check", "--json", "--base-url", serve(always(reply)).base_url)
    assert done.returncode == 4
    assert done.stderr.count("[API key]") == len(reasons) + 1
    assert not [echo for echo in echoes if echo in done.stdout + done.stderr]
