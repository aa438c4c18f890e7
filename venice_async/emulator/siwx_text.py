"""The texts that wallets sign to sign in: taken apart line by line, and put together from fields.

After EIP-4361 for EVM wallets, and its sister for Solana. Read strictly, and by this module's own rules.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen

_HEAD: Final = r"(?P<domain>(?:[A-Za-z][A-Za-z0-9+.-]*://)?[^/?#\s]+) wants you to sign in with your {kind} account:\n"
_STATEMENT: Final = r"(?:(?P<statement>[^\n]+)\n)?\n"
_LINES: Final = (
    r"URI: (?P<uri>[^\s]+)\nVersion: (?P<version>[^\n]*)\nChain ID: (?P<chain>[^\n]+)"
    r"(?:\nNonce:(?: (?P<nonce>[^\n]*))?)?\nIssued At: (?P<issued>[^\n]+)"
    r"(?:\nExpiration Time: (?P<expires>[^\n]+))?(?:\nNot Before: (?P<starts>[^\n]+))?"
    r"(?:\nRequest ID: [^\n]*)?(?:\nResources:(?:\n- [^\s]+)*)?"
)
_EVM: Final = re.compile(
    _HEAD.format(kind="Ethereum") + r"(?P<address>0x[0-9a-fA-F]{40})\n\n" + _STATEMENT + _LINES, re.ASCII
)
_SOLANA: Final = re.compile(
    _HEAD.format(kind="Solana") + r"(?P<address>[1-9A-HJ-NP-Za-km-z]{32,44})\n(?:\n" + _STATEMENT + r"|\n)" + _LINES,
    re.ASCII,
)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NONCE: Final = re.compile(r"[A-Za-z0-9]{8,}", re.ASCII)


@frozen(kw_only=True)
class SignedText:
    """What a sign-in text says. Instants are Unix seconds; `chain` is as its line has it; an absent nonce is empty."""

    domain: str
    address: str
    chain: str
    nonce: str
    issued: float
    expires: float | None
    starts: float | None


def taken_apart(text: str, *, solana: bool) -> SignedText | None:
    """What a text says; None where it does not have the form that is due."""
    match = (_SOLANA if solana else _EVM).fullmatch(text)
    if match is None or match["version"] != "1":
        return None
    nonce = match["nonce"] or ""
    instants = [_seconds(match[name]) for name in ("issued", "expires", "starts")]
    told = [match[name] is not None for name in ("issued", "expires", "starts")]
    issued, expires, starts = instants
    if issued is None or any(at is None and was for at, was in zip(instants, told, strict=True)):
        return None
    if nonce and not _NONCE.fullmatch(nonce):
        return None
    return SignedText(
        domain=match["domain"], address=match["address"], chain=match["chain"], nonce=nonce, issued=issued,
        expires=expires, starts=starts,
    )  # fmt: skip


def put_together(fields: Mapping[str, Any], *, solana: bool, chain: str) -> str | None:
    """The text that structured fields stand for, with `chain` in its line; None where one of them is amiss."""
    names = ("domain", "address", "uri", "version", "issuedAt")
    optional = ("statement", "nonce", "expirationTime", "notBefore", "requestId")
    texts = {name: fields.get(name) for name in (*names, *optional)}
    if any(not isinstance(texts[name], str) for name in names):
        return None
    if any(texts[name] is not None and not isinstance(texts[name], str) for name in optional):
        return None
    resources = fields.get("resources") or []
    if not isinstance(resources, list) or not all(isinstance(each, str) for each in resources):
        return None
    kind = "Solana" if solana else "Ethereum"
    statement = f"{texts['statement']}\n" if texts["statement"] else ""
    named = (("Nonce", "nonce"), ("Issued At", "issuedAt"), ("Expiration Time", "expirationTime"))
    later = (("Not Before", "notBefore"), ("Request ID", "requestId"))
    lines = [f"{label}: {texts[name]}" for label, name in (*named, *later) if texts[name] is not None]
    lines += ["Resources:", *(f"- {each}" for each in resources)] if resources else []
    return (
        f"{texts['domain']} wants you to sign in with your {kind} account:\n{texts['address']}\n\n{statement}\n"
        f"URI: {texts['uri']}\nVersion: {texts['version']}\nChain ID: {chain}\n" + "\n".join(lines)
    )


def _seconds(text: str | None) -> float | None:
    if text is None or not _INSTANT.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except (ValueError, OverflowError):
        return None
