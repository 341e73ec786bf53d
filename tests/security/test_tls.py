"""The way to the API: only to servers that prove who they are, through proxies that see nothing."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import CANARY_KEY, LocalApi, Rjcli
from tests.support.certificates import Certificate
from tests.support.scripted import ScriptedServer, always, answer
from tests.support.tunnel import TunnelProxy

PATIENT = {"RJCLI_RETRY_FOR": "900"}  # a refusal must not be waited out

Secure = Callable[[Certificate], ScriptedServer]


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    """Start servers that show a certificate and accept everything."""
    with ExitStack() as servers:
        yield lambda certificate: servers.enter_context(
            ScriptedServer(always(answer()), certificate.server(tmp_path))
        )


@pytest.fixture(scope="module")
def authority() -> Certificate:
    """A company's certificate authority."""
    return Certificate.authority()


def push(
    rjcli: Rjcli, base_url: str, *arguments: str | Path, env: Mapping[str, str] = PATIENT
) -> "subprocess.CompletedProcess[str]":
    """Push a record."""
    command = ("push", "-", "-t", "t", "-k", "id", "--base-url", base_url, *arguments)
    done = rjcli(*command, stdin=b'{"id": 1}', env=env)
    assert CANARY_KEY not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("self-signed", "self-signed certificate"),
        ("unknown authority", "unable to get local issuer certificate"),
        ("expired", "certificate has expired"),
        ("wrong host", "IP address mismatch"),
    ],
)
def test_bad_certificate_is_refused_at_once(
    rjcli: Rjcli, secure: Secure, authority: Certificate, kind: str, reason: str
) -> None:
    """A server that cannot prove who it is gets nothing: exit 5 at once, with what to do."""
    certificate = {
        "self-signed": Certificate.self_signed(),
        "unknown authority": authority.issue(),
        "expired": authority.issue(days_left=-1),
        "wrong host": authority.issue("api.example"),
    }[kind]
    trusted = kind in {"expired", "wrong host"}
    ca_file = ("--ca-file", authority.write(rjcli.home / "ca.pem")) if trusted else ()
    server = secure(certificate)
    done = push(rjcli, server.base_url, "--json", *ca_file)
    assert done.returncode == 5
    assert reason in done.stderr
    assert "--ca-file" in done.stderr
    records = json.loads(done.stdout)["records"]
    assert records == {"read": 1, "accepted": 0, "rejected": 0, "unknown": 0, "unsent": 1}
    assert not server.requests


def test_ca_file_makes_a_server_trusted(
    rjcli: Rjcli, secure: Secure, authority: Certificate
) -> None:
    """--ca-file, RJCLI_CA_FILE, SSL_CERT_FILE and SSL_CERT_DIR make a company's server trusted."""
    alone = Certificate.self_signed()
    file = alone.write(rjcli.home / "alone.pem")
    server = secure(alone)
    assert push(rjcli, server.base_url, "--ca-file", file).returncode == 0
    assert push(rjcli, server.base_url, env={"RJCLI_CA_FILE": str(file)}).returncode == 0
    company = authority.write(rjcli.home / "ca.pem")
    server = secure(authority.issue())
    for command in ("status", "auth-check"):
        done = rjcli(command, "--base-url", server.base_url, env={"SSL_CERT_FILE": str(company)})
        assert done.returncode == 0, done.stderr
    # As OpenSSL wants them, under the hash of the name: c_rehash would do it.
    link = ["openssl", "x509", "-noout", "-hash", "-in", str(company)]
    name = subprocess.run(link, capture_output=True, text=True, check=True).stdout.strip()
    (rjcli.home / "certs").mkdir()
    company.rename(rjcli.home / "certs" / f"{name}.0")
    env = {"SSL_CERT_DIR": str(rjcli.home / "certs")}
    assert rjcli("status", "--base-url", server.base_url, env=env).returncode == 0


def test_login_takes_the_ca_file(rjcli: Rjcli, secure: Secure) -> None:
    """`login` checks the key with servers of the company's authority, and no other."""
    alone = Certificate.self_signed()
    server = secure(alone)
    command = ("login", "--client-id", "12", "--base-url", server.base_url, "--store", "file")
    key = f"{CANARY_KEY}\n".encode()
    refused = rjcli(*command, stdin=key)
    assert (refused.returncode, "--ca-file" in refused.stderr) == (5, True)
    assert not (rjcli.home / ".config").exists()
    file = alone.write(rjcli.home / "alone.pem")
    assert rjcli(*command, "--ca-file", file, stdin=key).returncode == 0


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff" * 100])
def test_unusable_ca_file_is_a_usage_error(rjcli: Rjcli, content: bytes | None) -> None:
    """A CA file that is missing, empty or holds no certificate is named: exit 2."""
    file = rjcli.home / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    for arguments, env in (
        (["--ca-file", str(file)], {}),
        ([], {"SSL_CERT_FILE": str(file)}),
        ([], {"SSL_CERT_DIR": str(file)}),
    ):
        done = rjcli("status", "--base-url", "https://127.0.0.1:9", *arguments, env=env)
        assert done.returncode == 2, done.stderr
        assert "ca.pem" in done.stderr


def test_plain_server_behind_https_is_named(rjcli: Rjcli, local_api: LocalApi) -> None:
    """Where TLS is spoken to a server of plain HTTP, the message says that it is TLS that fails."""
    done = push(rjcli, local_api.base_url.replace("http:", "https:"), env={})
    assert done.returncode == 5
    assert "TLS: " in done.stderr


def through(proxy: TunnelProxy, login: str = "") -> dict[str, str]:
    """An environment with a proxy."""
    return {"https_proxy": f"http://{login}127.0.0.1:{proxy.port}"}


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_proxy_carries_what_it_cannot_read(
    rjcli: Rjcli, secure: Secure, authority: Certificate, name: str
) -> None:
    """Through a proxy of the usual variables the key travels within TLS only."""
    server = secure(authority.issue("api.example"))
    ca_file = authority.write(rjcli.home / "ca.pem")
    with TunnelProxy(server.port) as proxy:
        env = {name: f"http://me:s%40fe-word@127.0.0.1:{proxy.port}"}
        done = push(rjcli, "https://api.example", "--ca-file", ca_file, "-v", env=env)
    assert done.returncode == 0, done.stderr
    assert server.requests[0].target == f"/v2/client/12/table/t/data?apikey={CANARY_KEY}"
    [head] = proxy.heads
    assert head.startswith("CONNECT api.example:443 HTTP/1.1\r\n")
    assert "proxy-authorization: basic bwu6c0bmzs13b3jk\r\n" in head.lower()
    assert CANARY_KEY not in head
    assert CANARY_KEY.encode() not in proxy.carried
    assert not {"proxy-authorization", "authorization"} & set(server.requests[0].headers)
    assert "fe-word" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("status", "reason"), [(407, "check HTTPS_PROXY"), (403, "NO_PROXY"), (502, "HTTP 502")]
)
def test_refusing_proxy_is_named(rjcli: Rjcli, status: int, reason: str) -> None:
    """A proxy that refuses ends the push with what to do, and without the proxy's password."""
    with TunnelProxy(status=status) as proxy:
        env = through(proxy, "me:safe-word@") | (PATIENT if status < 500 else {})
        done = push(rjcli, "https://api.example", env=env)
    assert done.returncode == 5
    assert reason in done.stderr
    assert f"the proxy 127.0.0.1:{proxy.port}" in done.stderr
    assert not {"safe-word", "bWU6c2FmZS13b3Jk", "\x1b", "[red]"} & set(done.stderr.split())


def test_no_proxy_and_loopback_need_no_proxy(rjcli: Rjcli, secure: Secure) -> None:
    """Loopback addresses, and hosts in NO_PROXY, are asked without a proxy."""
    alone = Certificate.self_signed()
    file = alone.write(rjcli.home / "alone.pem")
    with TunnelProxy() as proxy:
        env = through(proxy) | {"http_proxy": through(proxy)["https_proxy"]}
        assert push(rjcli, secure(alone).base_url, "--ca-file", file, env=env).returncode == 0
        with ScriptedServer(always(answer())) as plain:
            assert push(rjcli, plain.base_url, env=env).returncode == 0
        env = through(proxy) | {"NO_PROXY": ".invalid"}
        unknown = push(rjcli, "https://host.invalid", env=env).stderr
        assert re.search("cannot connect to host.invalid: .*(name|Name)", unknown), unknown
    assert not proxy.heads


@pytest.mark.parametrize(
    "proxy",
    ["socks5://me:safe-word@h:1", "http://me:safe-word@h:x", "https://h", "http://", "http://a b"],
)
def test_unusable_proxy_is_a_usage_error(rjcli: Rjcli, proxy: str) -> None:
    """A proxy that is none of http:// is refused, and not shown: exit 2."""
    done = rjcli("status", "--base-url", "https://api.example", env={"HTTPS_PROXY": proxy})
    assert done.returncode == 2
    assert "HTTPS_PROXY" in done.stderr
    assert "safe-word" not in done.stderr


def test_dead_proxy_is_named(rjcli: Rjcli) -> None:
    """A proxy that is not there is named, without its password."""
    with TunnelProxy() as proxy:
        env = through(proxy, "me:safe-word@")
    done = push(rjcli, "https://api.example", env=env)
    assert done.returncode == 5
    assert f"cannot connect to the proxy 127.0.0.1:{proxy.port}: Connection refused" in done.stderr
    assert "safe-word" not in done.stderr
