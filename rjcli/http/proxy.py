"""Which proxy leads to a server, by the usual environment variables."""

from base64 import b64encode
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from rjcli.api.base_url import Endpoint, check_host
from rjcli.errors import UsageError

_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, spoken to in plain HTTP. ``authorization`` is a secret, and not in its repr."""

    host: str  # and port, as people write them
    authorization: str | None = field(default=None, repr=False)


def find_proxy(endpoint: Endpoint) -> Proxy | None:
    """Find the proxy for an endpoint in HTTPS_PROXY, else ALL_PROXY, unless NO_PROXY excludes it.

    A loopback address needs no proxy, so the variables for plain HTTP are not read.
    Raises UsageError for a variable that names no usable proxy; it does not quote the
    variable, which may hold a password.
    """
    if endpoint.is_loopback:
        return None
    proxies = getproxies()
    name = next((name for name in ("https", "all") if proxies.get(name)), None)
    if name is None or proxy_bypass(endpoint.host):
        return None
    try:
        return _parse(proxies[name])
    except ValueError:
        raise UsageError(
            f"{name.upper()}_PROXY names no usable proxy",
            hint="it must look like http://host:port, or http://user:password@host:port",
        ) from None


def _parse(url: str) -> Proxy:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    _, _, host = parts.netloc.rpartition("@")
    if parts.scheme != "http" or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("not an http:// address of a host")
    check_host(host)
    if parts.port is None:
        host = f"{host}:{_DEFAULT_PORT}"
    if parts.username is None:
        return Proxy(host)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, f"Basic {b64encode(login.encode()).decode()}")
