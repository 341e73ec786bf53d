"""Addresses that mean the same to everything that reads them on the way."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
# No escapes, no dot segments, no empty ones: libraries would each make their own of them.
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")


def parse_address(url: str) -> SplitResult:
    """Read an address of https, or of http to a loopback address.

    Raises ValueError for others, for user names, queries and fragments, and for
    hosts and paths that could be read in more than one way.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it must look like https://host")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("it must have no user name, query or fragment")
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ValueError("it must be plain ASCII without spaces")
    check_host(parts.netloc)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("plain http is allowed to loopback addresses only; use https")
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        raise ValueError("its path may hold letters, digits and -._~ between single slashes")
    return parts


def check_host(netloc: str) -> None:
    """Raise ValueError for anything but a host name or an IP address, with or without a port."""
    parts = urlsplit(f"//{netloc}")
    host = parts.hostname or ""
    if netloc.startswith("["):
        if "%" in host:
            raise ValueError("its address has a zone")
        ipaddress.IPv6Address(host)
    elif host.rpartition(".")[2].isdigit():
        ipaddress.IPv4Address(host)  # not what C makes of 127.1
    elif not _HOST.fullmatch(host):
        raise ValueError("its host is neither a name nor an address")
    if parts.port is None and netloc.endswith(":"):
        raise ValueError("it has a colon without a port")


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
