"""A second opinion on what our wallets sign: other libraries, and a reader made from the grammar alone."""

import base64
import json
import re
from typing import Any

import coincurve
from attrs import frozen
from Crypto.Hash import keccak
from Crypto.Signature import eddsa

EVM_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
"""The first account of every local test chain: known to all the world."""
EVM_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_INSTANT = r"\d{4}-(?:0[1-9]|1[0-2])-(?:[0-2]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z"
_FIELDS = rf"""URI: (?P<uri>[a-z][a-z0-9+.-]*:[!#$&-;=?-Z\[\]_a-z~%]+)
Version: 1
Chain ID: (?P<chain>[A-Za-z0-9]+)
Nonce: (?P<nonce>[A-Za-z0-9]{{8,}})
Issued At: (?P<issued>{_INSTANT})
Expiration Time: (?P<expires>{_INSTANT})"""
_STATEMENT = r"(?P<statement>[ !#$&-;=?-Z\[\]_a-z~]+)"
_EVM = re.compile(
    rf"""(?P<domain>[!$&-.0-;=@-Z\[\]_a-z~%]+) wants you to sign in with your Ethereum account:
(?P<address>0x[0-9a-fA-F]{{40}})

(?:{_STATEMENT}\n)?
{_FIELDS}"""
)
_SOLANA = re.compile(
    rf"""(?P<domain>[!$&-.0-;=@-Z\[\]_a-z~%]+) wants you to sign in with your Solana account:
(?P<address>[1-9A-HJ-NP-Za-km-z]{{32,44}})

(?:{_STATEMENT}\n\n)?{_FIELDS}"""
)


@frozen
class Read:
    """The fields of a sign-in text."""

    domain: str
    address: str
    statement: str | None
    uri: str
    chain: str
    nonce: str
    issued: str
    expires: str


def read(text: str, *, solana: bool = False) -> Read:
    """The fields, where the text keeps the grammar to the byte."""
    found = (_SOLANA if solana else _EVM).fullmatch(text)
    assert found, repr(text)
    return Read(**found.groupdict())


def opened(header: str) -> dict[str, Any]:
    """The JSON in a header: standard base64, padded, in one line."""
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", header)
    assert len(header) % 4 == 0
    tree = json.loads(base64.b64decode(header, validate=True))
    assert isinstance(tree, dict)
    return tree


def hashed(data: bytes) -> bytes:
    return keccak.new(digest_bits=256, data=data).digest()


def checksummed(address: str) -> str:
    """EIP-55 by hand."""
    digits = address.lower().removeprefix("0x")
    marks = hashed(digits.encode()).hex()
    return "0x" + "".join(c.upper() if int(mark, 16) > 7 else c for c, mark in zip(digits, marks, strict=False))


def recovered(digest: bytes, signature: str) -> str:
    """The address whose key signed a digest."""
    raw = bytes.fromhex(signature.removeprefix("0x"))
    assert len(raw) == 65
    assert raw[64] in {27, 28}
    assert 0 < int.from_bytes(raw[32:64]) <= CURVE_ORDER // 2
    public = coincurve.PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] - 27]), digest, hasher=None)
    return checksummed(hashed(public.format(compressed=False)[1:])[-20:].hex())


def who_signed(text: str, signature: str) -> str:
    """The address whose key signed a text as `personal_sign` does (EIP-191)."""
    raw = text.encode()
    return recovered(hashed(b"\x19Ethereum Signed Message:\n" + str(len(raw)).encode() + raw), signature)


def base58_bytes(text: str) -> bytes:
    number = 0
    for char in text:
        number = number * 58 + _ALPHABET.index(char)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def base58_text(raw: bytes) -> str:
    number, text = int.from_bytes(raw), ""
    while number:
        number, digit = divmod(number, 58)
        text = _ALPHABET[digit] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + text


def signed_by_solana(text: str, signature: str, address: str) -> bool:
    """Whether a Solana account signed a text."""
    verifier = eddsa.new(eddsa.import_public_key(base58_bytes(address)), "rfc8032")
    try:
        verifier.verify(text.encode(), base58_bytes(signature))
    except ValueError:
        return False
    return True


def solana_pair(seed: bytes) -> tuple[str, str]:
    """The key (base58 of seed and public half) and the address of a seed."""
    public = eddsa.import_private_key(seed).public_key().export_key(format="raw")
    return base58_text(seed + public), base58_text(public)
