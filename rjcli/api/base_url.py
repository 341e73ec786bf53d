"""The environments, and the addresses of an Import API's calls."""

import ipaddress
import re
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

_TABLE = re.compile(r"[A-Za-z0-9_]+")
_VERSION = re.compile(r"v[0-9]+")
_DEFAULT_VERSION = "v2"
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_NETLOC = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
)
_MAX_PORT = 65535
# No escapes, no dot segments, no empty ones: libraries would each make their own of them.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")


class Environment(StrEnum):
    """Where a push goes."""

    PRODUCTION = "production"
    SANDBOX = "sandbox"
    LOCAL = "local"


BASE_URLS: Mapping[Environment, str] = {
    Environment.PRODUCTION: "https://connect.rjmetrics.com",
    Environment.SANDBOX: "https://sandbox-connect.rjmetrics.com",
}


class Endpoint(Struct, frozen=True):
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
        """Whether requests go in TLS."""
        return self.root.startswith("https:")

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return is_loopback(urlsplit(self.root).hostname or "")

    @property
    def base_url(self) -> str:
        """The address with its version, as ``--base-url`` takes it."""
        return f"{self.root}/{self.version}"

    def is_same_server(self, other: "Endpoint") -> bool:
        """Whether another address leads to the same API, of whatever version."""
        return self.server == other.server

    @property
    def server(self) -> tuple[str, str | None, int, str]:
        """Scheme, host, port and path, each as all its spellings have it."""
        parts = urlsplit(self.root)
        port = parts.port or (443 if self.is_encrypted else 80)
        return parts.scheme, parts.hostname, port, parts.path

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


def environment_of(endpoint: Endpoint) -> Environment | None:
    """The environment that an address is the own one of, whatever its version; None: of none."""
    for environment, address in BASE_URLS.items():
        if endpoint.is_same_server(Endpoint.parse(address)):
            return environment
    return None


def is_table_name(name: str) -> bool:
    """Table names are alphanumeric plus underscore; anything else is a 400."""
    return _TABLE.fullmatch(name) is not None


def parse_address(url: str) -> SplitResult:
    """Read an address of https, or of http to a loopback address.

    Raises ValueError for others, for user names, queries and fragments, and for
    hosts and paths that could be read in more than one way. The error does not quote
    the address, which may hold an API key.
    """
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ValueError("it must be plain ASCII without spaces")
    parts = _split(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must look like https://host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("it must have no user name, query or fragment")
    check_host(parts.netloc)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is allowed to loopback addresses only; use https")
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        raise ValueError("its path may hold letters, digits and -._~ between single slashes")
    return parts


def check_host(netloc: str) -> None:
    """Raise ValueError for anything but a host name or an IP address, with or without a port."""
    match = _NETLOC.fullmatch(netloc)
    if not match:
        raise ValueError("its host is neither a name nor an address, or its port no number")
    host = match["address"] or match["name"].lower()
    try:
        if match["address"]:
            ipaddress.IPv6Address(host)
        elif host.rpartition(".")[2].isdigit():
            ipaddress.IPv4Address(host)  # not what C makes of 127.1
    except ValueError:
        raise ValueError("its host is no IP address") from None
    if match["name"] and not _HOST.fullmatch(host):
        raise ValueError("its host is neither a name nor an address")
    if match["port"] and not 0 < int(match["port"]) <= _MAX_PORT:
        raise ValueError(f"its port must be from 1 to {_MAX_PORT}")


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError("it must look like https://host") from None


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
