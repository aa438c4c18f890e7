"""What a wallet's own signer gave, brought into the one form that the API takes."""

import base64
import binascii
import re

from venice_async.signin import keys
from venice_async.signin.chain import Chain
from venice_async.signin.hidden import HiddenStr

_HEX = re.compile(r"(?:0[xX])?((?:[0-9a-fA-F]{2})+)")
_PLAIN = 65
"""Bytes of an account's signature: r and s of 32 each, and v."""
_LONGEST = 4096
"""Bytes: a contract wallet's may be long, but a server takes only so much of a header."""
_SAFE_OWNER = {31, 32}
"""v of a 65-byte signature that only a contract wallet (Safe) understands: left as it is."""


def signature_text(chain: Chain, answer: str | bytes) -> HiddenStr | None:
    """The signature as the API takes it, or None for what cannot be one.

    Whether it is the right wallet's is for the server to say: of a contract wallet, only its contract can.
    """
    return _evm(answer) if chain is Chain.BASE else _solana(answer)


def _evm(answer: str | bytes) -> HiddenStr | None:
    if isinstance(answer, str):
        found = _HEX.fullmatch(answer.strip())
        answer = bytes.fromhex(found[1]) if found else b""
    raw: bytes | None = bytes(answer)
    if raw and len(raw) == _PLAIN:
        raw = _canonical(raw)  # longer ones are a contract wallet's (EIP-1271): only the contract can read them
    if raw is None or not _PLAIN <= len(raw) <= _LONGEST:
        return None
    return HiddenStr("0x" + raw.hex())


def _canonical(raw: bytes) -> bytes | None:
    """With v as 27 or 28 and the lower of the two values that s can have: many verifiers take no other."""
    v = raw[64] + 27 if raw[64] < 2 else raw[64]
    if v in _SAFE_OWNER:
        return raw
    s = int.from_bytes(raw[32:64])
    if v not in {27, 28} or not 0 < s < keys.CURVE_ORDER:
        return None
    if s > keys.CURVE_ORDER // 2:  # as some key services sign
        s, v = keys.CURVE_ORDER - s, 55 - v
    return raw[:32] + s.to_bytes(32) + bytes([v])


def _solana(answer: str | bytes) -> HiddenStr | None:
    raw = answer if isinstance(answer, bytes) else _text_bytes(answer.strip())
    return HiddenStr(keys.base58_text(raw)) if raw is not None and len(raw) == 64 else None


def _text_bytes(text: str) -> bytes | None:
    raw = keys.base58_bytes(text)
    if raw is not None and len(raw) == 64:
        return raw
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
