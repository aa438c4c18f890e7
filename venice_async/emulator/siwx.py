"""Signing in with a wallet, as the server judges it: every refusal with its code, and nothing taken on trust.

The rules are those of the vendor's notes and guide; this is a reading of its own, apart from the client's.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from attrs import frozen

from venice_async.emulator.messages import Refused
from venice_async.emulator.signatures import personal_signer, solana_key, solana_signed
from venice_async.emulator.siwx_text import SignedText, put_together, taken_apart
from venice_async.emulator.validation import packed_object

HEADERS: Final = ("sign-in-with-x", "x-sign-in-with-x")
"""The canonical name first: it wins where both are sent."""
SOLANA: Final = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
BASE: Final = "8453"
OLDEST: Final = 300.0
"""Seconds after which a signed text is too old."""
EARLIEST: Final = 30.0
"""Seconds by which a clock may be ahead of the server's."""
DRIFT: Final = 30.0
"""Seconds by which `timestamp` may differ from the text's instant."""

_DOMAINS: Final = frozenset({
    "venice.ai", "api.venice.ai", "outerface.venice.ai", "preview.venice.ai", "staging.venice.ai",
    "localhost", "127.0.0.1", "::1",
})  # fmt: skip
_EVM_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}", re.ASCII)
_SOLANA_ADDRESS: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]{32,44}", re.ASCII)
_HEX_SIGNATURE: Final = re.compile(r"0x[0-9a-fA-F]+", re.ASCII)
_CHAIN: Final = re.compile(r"(?:(?P<space>[-a-z0-9]{3,8}):)?(?P<reference>[-_a-zA-Z0-9]{1,32})", re.ASCII)


@frozen(kw_only=True)
class SignIn:
    """A wallet that proved itself: its address as `normal` writes it, and the nonce that is used up by that."""

    wallet: str
    nonce: str


def is_sent(headers: Mapping[str, str]) -> bool:
    """Whether a request tries to sign in with a wallet."""
    return any(name in headers for name in HEADERS)


def is_wallet(address: str) -> bool:
    """Whether a text has the form of an EVM or a Solana address."""
    return bool(_EVM_ADDRESS.fullmatch(address) or _SOLANA_ADDRESS.fullmatch(address))


def normal(address: str) -> str:
    """The one spelling of an address: lower case on EVM, where the case is a checksum only."""
    return address.lower() if _EVM_ADDRESS.fullmatch(address) else address


def claimed(headers: Mapping[str, str]) -> tuple[str | None, str | None]:
    """The wallet and the nonce that a request names, true or not; None for what it does not name."""
    if not is_sent(headers):
        return None, None
    try:
        tree = _tree(headers)
    except Refused:
        return None, None
    address, nonce, message = (tree.get(name) for name in ("address", "nonce", "message"))
    if isinstance(message, str):
        found = re.search(r"^Nonce: ([A-Za-z0-9]{1,200})$", message, re.ASCII | re.MULTILINE)
        nonce = found[1] if found else None
    wallet = normal(address) if isinstance(address, str) and is_wallet(address) else None
    return wallet, nonce[:200] if isinstance(nonce, str) else None


def signed_in(headers: Mapping[str, str], *, wall: float, host: str) -> SignIn:
    """Who signed a request's header; `wall` is the server's Unix time and `host` the name that it is served under.

    Whether the nonce was used before is not looked at. Raises Refused: 401 with the code, 501 without the libraries.
    """
    tree = _tree(headers)
    address, signature = _texts(tree)
    solana, reference = _chain(tree)
    key = solana_key(address) if solana and _SOLANA_ADDRESS.fullmatch(address) else None
    if key is None if solana else not _EVM_ADDRESS.fullmatch(address):
        raise _no("INVALID_WALLET", "The address is not one of this chain")
    text, said = _message(tree, solana=solana, reference=reference)
    _check_names(said, address=address, solana=solana, reference=reference, hosts={host})
    _check_times(said, tree.get("timestamp"), wall)
    if key is None:
        _check_evm(text, said, signature)
    elif not solana_signed(key, text, signature):
        raise _no("INVALID_SIGNATURE", "The signature does not fit the message")
    return SignIn(wallet=normal(address), nonce=said.nonce)


def reused() -> Refused:
    """The refusal of a nonce that was used before."""
    return _no("NONCE_REUSED", "This nonce was used before: sign every request anew")


def _tree(headers: Mapping[str, str]) -> dict[str, Any]:
    tree = packed_object(headers, HEADERS)
    if tree is None:
        raise _no("PARSE_ERROR", "The sign-in header is not a JSON object in base64")
    return tree


def _texts(tree: Mapping[str, Any]) -> tuple[str, str]:
    """The address and the signature, where all that is due is there."""
    address, signature, message = (tree.get(name) for name in ("address", "signature", "message"))
    whole = bool(message) if isinstance(message, str) else message is None and "domain" in tree
    if not (isinstance(address, str) and address and isinstance(signature, str) and signature and whole):
        raise _no("INVALID_PAYLOAD", "The sign-in header needs address, message and signature")
    if tree.get("type") not in (None, "eip191", "eip1271", "ed25519"):
        raise _no("INVALID_PAYLOAD", "The signature type must be eip191, eip1271 or ed25519")
    return address, signature


def _chain(tree: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the header speaks of Solana, and its chain's bare reference."""
    named = tree.get("chainId")
    if isinstance(named, bool) or not isinstance(named, int | str):
        raise _no("INVALID_CHAIN_ID", "chainId must be 8453 or a CAIP-2 name")
    match = _CHAIN.fullmatch(str(named))
    if match is None:
        raise _no("INVALID_CHAIN_ID", "chainId must be 8453 or a CAIP-2 name")
    space = match["space"] or "eip155"
    if (space, match["reference"]) not in {("eip155", BASE), ("solana", SOLANA)}:
        if space == "eip155" and not (match["reference"].isascii() and match["reference"].isdigit()):
            raise _no("INVALID_CHAIN_ID", "An EVM chain id is a number")
        raise _no("UNSUPPORTED_CHAIN", "Base and Solana mainnet are the chains to sign in with")
    solana = space == "solana"
    if solana != (tree.get("type") == "ed25519"):
        raise _no("CHAIN_MISMATCH", "The signature type does not belong to this chain")
    return solana, match["reference"]


def _message(tree: Mapping[str, Any], *, solana: bool, reference: str) -> tuple[str, SignedText]:
    text = tree.get("message")
    if text is None:
        text = put_together(tree, solana=solana, chain=reference)
        if text is None:
            raise _no("INVALID_PAYLOAD", "Without a message, domain, address, uri, version and issuedAt are due")
    said = taken_apart(text, solana=solana) if _is_unicode(text) else None
    if said is None:
        raise _no("INVALID_MESSAGE", "The message does not have the form of a sign-in message")
    return text, said


def _check_names(said: SignedText, *, address: str, solana: bool, reference: str, hosts: Collection[str]) -> None:
    if normal(said.address) != normal(address):
        raise _no("ADDRESS_MISMATCH", "The message names another address than the header")
    if said.chain != reference and not (solana and said.chain == f"solana:{reference}"):
        raise _no("CHAIN_MISMATCH", "The message names another chain than the header")
    if not said.nonce:
        raise _no("MISSING_NONCE", "The message holds no nonce")
    if _bare(said.domain) not in _DOMAINS | set(hosts):
        raise _no("DOMAIN_MISMATCH", "The message is meant for another domain")


def _check_times(said: SignedText, timestamp: Any, wall: float) -> None:
    if timestamp is not None:
        number = isinstance(timestamp, int | float) and not isinstance(timestamp, bool) and 0 <= timestamp < 1e15
        if not number or abs(timestamp / 1000 - said.issued) > DRIFT:
            raise _no("TIMESTAMP_MISMATCH", "The timestamp is not that of the message")
    if said.issued > wall + EARLIEST:
        raise _no("FUTURE_TIMESTAMP", "The message was issued in the future")
    if wall - said.issued > OLDEST or (said.expires is not None and said.expires <= wall):
        raise _no("EXPIRED", "The message has expired")
    if said.starts is not None and said.starts > wall:
        raise _no("NOT_BEFORE", "The message is not valid yet")


def _check_evm(text: str, said: SignedText, signature: str) -> None:
    even = bool(_HEX_SIGNATURE.fullmatch(signature)) and len(signature) % 2 == 0
    signer = personal_signer(text, bytes.fromhex(signature[2:]) if even else b"")
    if signer is None or normal(signer) != normal(said.address):
        raise _no(
            "INVALID_SIGNATURE", "The signature does not fit the message (contract wallets cannot be checked here)"
        )
    if signer != said.address:  # the message holds a text of its own, so it is looked at last
        raise _no("INVALID_MESSAGE", "The address in the message is not checksummed")


def _bare(domain: str) -> str:
    """A domain without protocol, path and port."""
    rest = re.sub(r"\A[a-z][a-z0-9+.-]*://", "", domain.lower())
    rest = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if rest.startswith("["):
        return rest[1:].partition("]")[0]
    host, _, port = rest.partition(":")
    return host if not port or port.isdigit() else rest


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _no(code: str, message: str) -> Refused:
    return Refused(401, message, code=f"X402_SIGN_IN_{code}")
