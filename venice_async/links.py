"""Which addresses this package will talk to: the API's own, and the private links that the API hands out."""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from venice_async.errors import Charge, ConfigurationError, UnexpectedReplyError

_AUTHORITY: Final = re.compile(
    r"(?:[^@]*@)?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE
)
_GLOBAL_UNICAST: Final = ipaddress.ip_network("2000::/3")
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")  # NAT64: the last 32 bits are an IPv4 address
_TELLING: Final = 8  # shorter pieces of a path are words such as "media"
_PROTOCOL: Final = ipaddress.ip_network("192.0.0.0/24")  # not for hosts, but some clouds serve metadata there


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only be this machine."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_base_url(url: str) -> str:
    """The base URL without a trailing slash. Raises ConfigurationError unless it is https, or http to this machine."""
    parts = _split(url)
    if parts is None or not parts.hostname or "?" in url or "#" in url:
        raise ConfigurationError("base_url must be an address such as https://api.venice.ai/api/v1.")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("base_url must not hold a user name or password.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise ConfigurationError("base_url must be https: an API key must not travel in the clear.")
    return url.rstrip("/")


def check_link(url: str, *, base_url: str) -> str:
    """A private link that is safe to fetch: https to a public host, or, for a loopback API, to this machine.

    Raises UnexpectedReplyError otherwise: the link is the server's word, and a wrong one must not
    lead into the network that this program runs in.
    """
    parts = _split(url)
    if parts is None or not parts.hostname or parts.username is not None or parts.password is not None:
        raise _refused("that is not an address")
    if is_loopback(parts.hostname):
        if is_loopback(urlsplit(base_url).hostname or "") and parts.scheme in {"http", "https"}:
            return url
        raise _refused("to this machine")
    if parts.scheme != "https":
        raise _refused("that is not https")
    if _is_address(parts.hostname):
        raise _refused("to a bare address instead of a name")
    return url


def is_public(address: str) -> bool:
    """Whether an address that a name resolved to lies in the public internet."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return found.is_global and not (found.is_multicast or found.is_reserved or found in _PROTOCOL)
    inner = found.ipv4_mapped or found.sixtofour
    if inner is None and found in _TRANSLATED:
        inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
    return is_public(str(inner)) if inner is not None else found in _GLOBAL_UNICAST and found.is_global


def link_secrets(url: str) -> tuple[str, ...]:
    """What would give a private link away in an error's text: the link, its path, and their longer parts."""
    parts = urlsplit(url)
    pieces = re.split(r"[/?&=#]", f"{parts.path}?{parts.query}")
    return (url, *(text for text in (parts.path, parts.query, *pieces) if len(text) >= _TELLING))


def _refused(why: str) -> UnexpectedReplyError:
    return UnexpectedReplyError(f"The server gave a link {why}.", charge=Charge.CHARGED)  # links are for paid videos


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or any(char <= " " for char in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- reading it is what validates it
    except ValueError:
        return None
    # What two parsers may read differently (brackets inside a name, escapes, empty labels) is no address here.
    return parts if _AUTHORITY.fullmatch(parts.netloc) else None


def _is_address(host: str) -> bool:
    # Resolvers also take 127.1, 0x7f.1 and 2130706433 for addresses: no public name ends in a number.
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdigit() or last.lower().startswith("0x")
