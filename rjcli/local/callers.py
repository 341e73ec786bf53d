"""Whose requests are answered: programs that know the address, but no other site's pages.

A browser sends to this machine's servers whatever a page asks it to, and lets a page
read the answers if the page's own host name has been made to mean this machine. It
says which name it used (Host) and, when a page writes, whose page it is (Origin).
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from rjcli.api.base_url import is_loopback


def refusal_reason(headers: Mapping[str, str], *, any_host: bool) -> str | None:
    """Say why a request with these headers is refused; None if it is answered."""
    host, origin = headers.get("Host", ""), headers.get("Origin")
    if not (any_host or is_loopback(_hostname(host))):
        return f"this server does not answer for the host {host!r}; --allow-remote makes it"
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return f"this server answers no page of another site, such as {origin!r}"
    return None


def is_own_form(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a form was sent from a page of this server itself.

    Programs may say so, too. A browser that says nothing is not believed.
    """
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    own = f"http://{headers.get('Host', '')}".lower()
    return (
        (site is not None or origin is not None)
        and site in {None, "same-origin"}
        and (origin is None or origin.lower() == own)
    )


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
