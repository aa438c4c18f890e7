"""The texts of a sign-in: pure, and the same to the byte for everybody who rebuilds them.

The grammar is EIP-4361's, and for Solana its sister's; the vendor's notes say which fields the API reads.
"""

import base64
import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import Attribute, field, frozen

from venice_async.errors import ConfigurationError
from venice_async.signin.chain import Chain
from venice_async.signin.hidden import HiddenStr

LONGEST_LIFETIME = 86_400.0
LATEST = 250_000_000_000.0
"""Unix seconds in the year 9892: later instants need five digits for the year, and no clock means them."""

_AUTHORITY = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%\[\]-]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")
_STATEMENT = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;= -]*")
_NONCE = re.compile(r"[A-Za-z0-9]{8,64}")
_START = datetime(1970, 1, 1, tzinfo=UTC)
_ACCOUNT = {Chain.BASE: "Ethereum", Chain.SOLANA: "Solana"}


def _domain(_: Any, __: "Attribute[str]", value: object) -> None:
    if not isinstance(value, str) or not _AUTHORITY.fullmatch(value):
        raise ConfigurationError("domain must be a host, with a port if need be, such as api.venice.ai.")


def _uri(_: Any, __: "Attribute[str]", value: object) -> None:
    if not isinstance(value, str) or not _URI.fullmatch(value):
        raise ConfigurationError("uri must be a whole address in ASCII without blanks, such as https://api.venice.ai.")


def _statement(_: Any, __: "Attribute[str]", value: object) -> None:
    if not isinstance(value, str) or not _STATEMENT.fullmatch(value):
        raise ConfigurationError(
            "statement must be one line of ASCII letters, digits, blanks and -._~:/?#[]@!$&'()*+,;= (EIP-4361)."
        )


def _lifetime(_: Any, __: "Attribute[float]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1.0 <= value <= LONGEST_LIFETIME:
        raise ConfigurationError("lifetime must be a number of seconds between 1 and 86400.")


@frozen(kw_only=True)
class SignInTerms:
    """What all sign-ins of a wallet have in common. Raises ConfigurationError for what the text cannot hold."""

    domain: str = field(validator=_domain)
    uri: str = field(validator=_uri)
    statement: str = field(validator=_statement)
    """Empty for a text without one."""
    lifetime: float = field(validator=_lifetime)
    """Seconds from issue to expiry."""


def milliseconds(wall: float) -> int:
    """Whole milliseconds of a Unix time in seconds. Raises ConfigurationError for what no clock tells."""
    if not math.isfinite(wall) or not 0 <= wall < LATEST:
        raise ConfigurationError("The clock tells no time that a sign-in could be dated with.")
    return round(wall * 1000)


def sign_in_text(terms: SignInTerms, *, chain: Chain, address: str, nonce: str, issued_ms: int) -> str:
    """The text to sign: issued at `issued_ms` (Unix milliseconds), good for the terms' lifetime.

    `address` is taken as it is: checksummed for EVM. Raises ConfigurationError for a nonce of less than 8 or more
    than 64 letters and digits.
    """
    if not _NONCE.fullmatch(nonce):
        raise ConfigurationError("A nonce must be 8 to 64 ASCII letters and digits.")
    expires_ms = issued_ms + round(terms.lifetime * 1000)
    return "\n".join(
        (
            f"{terms.domain} wants you to sign in with your {_ACCOUNT[chain]} account:",
            address,
            "",
            *_statement_lines(terms.statement, chain),
            f"URI: {terms.uri}",
            "Version: 1",
            f"Chain ID: {chain.reference}",
            f"Nonce: {nonce}",
            f"Issued At: {_instant(issued_ms)}",
            f"Expiration Time: {_instant(expires_ms)}",
        )
    )


def _statement_lines(statement: str, chain: Chain) -> tuple[str, ...]:
    if statement:
        return (statement, "")
    # EIP-4361 keeps the empty line behind a statement that is not there; on Solana it goes with the statement.
    return ("",) if chain is Chain.BASE else ()


def _instant(ms: int) -> str:
    return (_START + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def header_value(*, chain: Chain, address: str, message: str, signature: str, issued_ms: int) -> HiddenStr:
    """The signed text as the header carries it: base64 of JSON. It is a credential until its nonce is used."""
    tree: dict[str, Any] = {
        "address": address,
        "message": message,
        "signature": signature,
        "timestamp": issued_ms,
        "chainId": int(chain.reference) if chain is Chain.BASE else chain.caip2,
    }
    if chain is Chain.SOLANA:
        tree["type"] = "ed25519"
    return HiddenStr(base64.b64encode(json.dumps(tree, separators=(",", ":")).encode()).decode())
