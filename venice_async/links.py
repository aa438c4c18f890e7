"""Which addresses this package will talk to: the API's own, and the private links that the API hands out."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from venice_async.errors import ConfigurationError, UnexpectedReplyError


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
    if parts is None or not parts.hostname or parts.query or parts.fragment:
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
        raise UnexpectedReplyError("The server gave a link that is not an address.")
    if is_loopback(parts.hostname):
        if is_loopback(urlsplit(base_url).hostname or "") and parts.scheme in {"http", "https"}:
            return url
        raise UnexpectedReplyError("The server gave a link to this machine.")
    if parts.scheme != "https":
        raise UnexpectedReplyError("The server gave a link that is not https.")
    if _is_address(parts.hostname):
        raise UnexpectedReplyError("The server gave a link to a bare address instead of a name.")
    return url


def is_public(address: str) -> bool:
    """Whether an address that a name resolved to lies in the public internet."""
    try:
        return ipaddress.ip_address(address.partition("%")[0]).is_global
    except ValueError:
        return False


def _split(url: str) -> SplitResult | None:
    if not url.isascii() or any(char <= " " for char in url) or "\\" in url:
        return None
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- reading it is what validates it
    except ValueError:
        return None
    return parts


def _is_address(host: str) -> bool:
    # Resolvers also take 127.1, 0x7f.1 and 2130706433 for addresses: no public name ends in a number.
    last = host.rstrip(".").rpartition(".")[2]
    return ":" in host or last.isdigit() or last.lower().startswith("0x")
