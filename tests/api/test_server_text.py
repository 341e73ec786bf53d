"""What is shown of a server's words: reasons are readable, addresses and codes are left out."""

import base64
import html
import quopri
import textwrap
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rjcli.api.server_text import LEFT_OUT, MAX_SHOWN_CHARACTERS, shown
from rjcli.credentials.api_key import ApiKey


@pytest.mark.parametrize(
    "text",
    [
        "record 3: value for id is not an integer",
        "record 17: customer_shipping_address_line_2 must be a string of up to 255 characters",
        "Field 'acquisition_source' is required; see the documentation.",
        "Invalid date 2019-08-01 14:22:32 in created_at",
        "created_at: 2019-08-01T14:22:32.123Z is after now",
        "created_at 2019-08-01T14:22:32.123456+02:00 is after now",
        "com.rjmetrics.import.ResourceNotFoundException: table not found",
        "table names: [a-zA-Z0-9_]+ only",
        "UNSUPPORTED_MEDIA_TYPE: application/json; charset=utf-8 expected",
        "the keys id,sku,order_id are no fields of the record",
        "records 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 12 have no id",
        "Ungültiger Wert für „Straße“: 3.141592 ist keine Zeichenkette",
        "値が整数ではありません。フィールドの値を確認してください。もう一度送信してください。",
        "milky-white-suede-shoes is too long; maximum: 20",
    ],
)
def test_reasons_stay_readable(text: str) -> None:
    """Words, names of fields, dates and numbers are shown as they are."""
    assert shown(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "https://connect.example/v2/client/12",
        "/v2/client/12/table/t/data?apikey=abc",
        "GET:?a=b",
        "a=b&c=d",
        "george@vandelay.com",
        "3f2a9c1b-77aa-4d1e-9b1f-0123456789ab",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
        "4111111111111111",
        r"\x72\x6a\x2d\x63\x61\x6e",
        "&#114;&#106;&#45;&#99;",
        "=72=6A=2D=63=61=6E",
        "=61=62=63=64=65=66=67=68=69=30=31=32=33",
        "%72%6A%2D%63%61%6E",
        "%u0072%u006A%u002D",
        "114, 106, 45, 99, 97, 110, 97, 114, 121",
        "72 6a 2d 63 61 6e 61 72 79 2d",
        "0x72,0x6a,0x2d,0x63,0x61,0x6e,0x61,0x72,0x79",
    ],
)
def test_addresses_and_codes_are_left_out(text: str) -> None:
    """What looks like an address or a long code is left out, and the words around it stay."""
    assert shown(f"not allowed: {text} here") == f"not allowed: {LEFT_OUT} here"


def test_long_text_is_cut() -> None:
    """Of a long text its beginning is shown; a word that may have been cut is left out."""
    assert shown("word " * 1000) == ("word " * 1000)[:MAX_SHOWN_CHARACTERS] + "…"
    assert shown("x" * 5000) == LEFT_OUT
    assert shown({"a": "x " * 5000}).startswith('{"a":"x x')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 15 + " " + "y z " * 71, "x" * 15 + " " + "y z " * 71),  # of 300 characters
        (f"{'x' * 3996} end", f"{LEFT_OUT} end"),  # of 4,000 characters
        (f"{'x' * 3980} one {'y' * 100}", f"{LEFT_OUT} one {LEFT_OUT}"),
        ("\nfirst\nsecond", "\nfirst\nsecond"),
        (f"{'x' * 40}\nrest then", f"{LEFT_OUT}\n then"),
        (f"{'x' * 40} word\nnext", f"{LEFT_OUT} word\nnext"),
        (f"{'x' * 40}\nrest\nmore then {'y' * 40}", f"{LEFT_OUT}\n\n then {LEFT_OUT}"),
        ("ask a@b now", f"ask {LEFT_OUT} now"),
    ],
    ids=["300", "4000", "cut", "lines", "next line", "next word", "lines after", "address"],
)
def test_just_codes_and_what_may_belong_to_them_are_left_out(text: str, expected: str) -> None:
    """Words stay up to the bounds; the lines right after a code, and a word cut in two, do not."""
    assert shown(text) == expected


ENCODERS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "quote": lambda text: quote(text, safe=""),
    "quote all": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "%u": lambda text: "".join(f"%u{ord(character):04X}" for character in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 URL": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base32": lambda text: base64.b32encode(text.encode()).decode().rstrip("="),
    "hex": lambda text: text.encode().hex(),
    r"\x": lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    r"\u": lambda text: "".join(f"\\u{ord(character):04x}" for character in text),
    "html": html.escape,
    "&#": lambda text: "".join(f"&#{ord(character)};" for character in text),
    "&# open": lambda text: "".join(f"&#{ord(character)}" for character in text),
    "quoted-printable": lambda text: quopri.encodestring(text.encode(), quotetabs=True).decode(),
    "= all": lambda text: "".join(f"={byte:02X}" for byte in text.encode()),
}
LAST: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "bytes": lambda text: str(list(text.encode())),
    "in lines": lambda text: "\n".join(textwrap.wrap(text, 76, break_on_hyphens=False)),
}
keys = st.text(
    st.sampled_from("abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMN0123456789+/=_-.~!"), min_size=16
)


@settings(deadline=None)
@given(
    keys,
    st.lists(st.sampled_from(sorted(ENCODERS)), min_size=1, max_size=3),
    st.sampled_from(sorted(LAST)),
    st.sampled_from(["{}", "/v2/client/12/authenticate?apikey={}", "key {} is wrong"]),
    st.booleans(),
)
@example("aB3+xY9/kL2=Qw==", ["base64", "base64"], "in lines", "{}", False)  # noqa: FBT003 - as given
@example("aB3+xY9/kL2=Qw==", ["hex"], "bytes", "/v2/client/12/authenticate?apikey={}", True)  # noqa: FBT003
def test_no_encoding_of_the_key_is_shown(
    key: str,
    names: list[str],
    last: str,
    template: str,
    whole: bool,  # noqa: FBT001 - as given
) -> None:
    """Of a key, or an address with it, nothing is shown in whatever encodings it is echoed."""
    echo = template.format(quote(key, safe="")) if whole else key
    for name in names:
        echo = ENCODERS[name](echo)
    echo = LAST[last](echo)
    text = shown(echo if whole else template.format(echo), ApiKey(key).redact)
    written = [key, quote(key, safe=""), *([] if whole else [echo])]
    parts = {secret[at : at + 12] for secret in written for at in range(len(secret) - 11)}
    assert not [part for part in parts if part in text]


@pytest.mark.parametrize(
    "unit",
    [
        "ab_",
        "aB",
        "A",
        "0 ",
        "33,",
        "41 ",
        "&#59;",
        "\\",
        "\\\\\\\\u00",
        "%25",
        "=",
        "a.b-",
        "[",
        "x" * 50,
    ],
)
def test_time_grows_with_the_text_alone(unit: str) -> None:
    """A megabyte of anything is cut before it is searched: it takes no longer than a page."""
    key = ApiKey(";" * 40 + "x")
    key.redact("")
    began = time.process_time()
    for tail in ("", "!", "\u2026"):
        shown((unit * (1_048_576 // len(unit))) + tail, key.redact)
        shown((unit * (3_900 // len(unit))) + tail, key.redact)
    # Not a measure of speed: what takes more than linear time here takes minutes.
    assert time.process_time() - began < 10
