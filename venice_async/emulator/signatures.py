"""What checks the signatures of wallets: the one module here that knows the libraries for it.

They are loaded when the first signature comes in. Where they are not installed, that request is
answered with 501, and everything else works.
"""

import contextlib
from collections.abc import Mapping
from typing import Any, Final

from venice_async.emulator.messages import Refused
from venice_async.loading import load as load_module

NEEDED: Final = 'the emulator needs pip install "venice-async[wallet]" to check signatures'
_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of secp256k1: of the two signatures that prove the same, only the one with the lower s counts."""


def load() -> None:
    """Import what is there to import, which takes half a second: for doors that cannot stand still later."""
    with contextlib.suppress(ImportError):
        for name in ("base58", "nacl.signing", "eth_account.messages"):
            load_module(name)


def personal_signer(text: str, signature: bytes) -> str | None:
    """The checksummed address that signed a text under EIP-191; None where the signature is none.

    What a contract wallet signs (EIP-1271) only its contract can check: there is no chain here, so that is None too.
    Raises Refused with 501 where the libraries are missing.
    """
    try:
        load_module("eth_account.messages")
        from eth_account.messages import encode_defunct
    except ImportError:
        raise Refused(501, NEEDED) from None
    if not _is_canonical(signature, (0, 1, 27, 28)):
        return None
    return _recovered(encode_defunct(text=text), signature)


def typed_signer(typed_data: Mapping[str, Any], signature: bytes) -> str | None:
    """The checksummed address that signed typed data (EIP-712), as strict as the USDC contract; None for no signature.

    Raises Refused with 501 where the libraries are missing.
    """
    try:
        load_module("eth_account.messages")
        from eth_account.messages import encode_typed_data
    except ImportError:
        raise Refused(501, NEEDED) from None
    if not _is_canonical(signature, (27, 28)):
        return None
    return _recovered(encode_typed_data(full_message=dict(typed_data)), signature)


def solana_key(address: str) -> bytes | None:
    """The public key that a Solana address is; None where it is no address. Raises Refused with 501."""
    try:
        import base58
    except ImportError:
        raise Refused(501, NEEDED) from None
    try:
        key = base58.b58decode(address)
    except ValueError:
        return None
    return key if len(key) == 32 else None


def solana_signed(key: bytes, text: str, signature: str) -> bool:
    """Whether a text was signed with Ed25519; the signature may be written in base58 or base64.

    Raises Refused with 501 where the libraries are missing.
    """
    try:
        from nacl.exceptions import BadSignatureError
        from nacl.signing import VerifyKey
    except ImportError:
        raise Refused(501, NEEDED) from None
    for raw in _spellings(signature):
        try:
            VerifyKey(key).verify(text.encode(), raw)
        except (BadSignatureError, ValueError):
            continue
        return True
    return False


def _recovered(signable: Any, signature: bytes) -> str | None:
    from eth_account import Account

    try:
        return str(Account.recover_message(signable, signature=signature))
    except Exception:  # noqa: BLE001 -- bytes from outside, and the library names no root of its errors
        return None


def _is_canonical(signature: bytes, recovery: tuple[int, ...]) -> bool:
    if len(signature) != 65 or signature[64] not in recovery:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return 0 < r < _ORDER and 0 < s <= _ORDER // 2


def _spellings(signature: str) -> list[bytes]:
    """A signature's 64 bytes by each way of writing that gives so many."""
    import base64

    import base58

    found: list[bytes] = []
    for decode in (base58.b58decode, lambda text: base64.b64decode(text, validate=True)):
        try:
            found.append(decode(signature))
        except ValueError:
            continue
    return [raw for raw in found if len(raw) == 64]
