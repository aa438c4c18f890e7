"""The keeper of the libraries that know keys and addresses; each is imported where it is first used.

Every function here may take half a second when it is the first, and computes with the key: for a worker thread.
"""

import functools
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar

from venice_async.errors import ConfigurationError, SignerError
from venice_async.loading import load
from venice_async.signin.chain import Chain
from venice_async.signin.hidden import HiddenBytes, HiddenStr

P = ParamSpec("P")
T = TypeVar("T")

CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""Of secp256k1: a key is a number from 1 to one below it."""
_MISSING = 'Signing in with a wallet needs some libraries more: pip install "venice-async[wallet]"'
_LIBRARIES = {Chain.BASE: ("eth_account", "eth_utils"), Chain.SOLANA: ("nacl", "base58")}


def check_installed(chain: Chain) -> None:
    """Raises ConfigurationError where the extra is missing; imports nothing."""
    if not all(_is_there(name) for name in _LIBRARIES[chain]):
        raise ConfigurationError(_MISSING)


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _of_the_extra(function: Callable[P, T]) -> Callable[P, T]:
    """Says what to install where an import fails."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **options: P.kwargs) -> T:
        try:
            return function(*args, **options)
        except ImportError:
            pass
        raise ConfigurationError(_MISSING)

    return wrapped


@_of_the_extra
def checksummed(address: str) -> str:
    """An EVM address (`0x` and 40 hex digits) as EIP-55 spells it."""
    load("eth_utils.address")
    from eth_utils.address import to_checksum_address

    return to_checksum_address(address.lower())


@_of_the_extra
def evm_address(key: HiddenBytes) -> str:
    """The checksummed address of a private key."""
    load("eth_account")
    from eth_account import Account

    return str(Account.from_key(key).address)


@_of_the_extra
def evm_sign_text(key: HiddenBytes, text: str) -> HiddenStr:
    """The EIP-191 signature of a text: `0x` and 65 bytes in hex."""
    load("eth_account")
    from eth_account import Account
    from eth_account.messages import encode_defunct

    return HiddenStr("0x" + bytes(Account.sign_message(encode_defunct(text=text), key).signature).hex())


@_of_the_extra
def evm_sign_typed_data(key: HiddenBytes, typed_data: Mapping[str, Any]) -> HiddenStr:
    """The EIP-712 signature of typed data: `0x` and 65 bytes in hex. Raises SignerError for data that is none."""
    load("eth_account")
    from eth_account import Account

    try:
        signed = Account.sign_typed_data(key, full_message=dict(typed_data))
        return HiddenStr("0x" + bytes(signed.signature).hex())
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 -- whatever it says, its frames hold the key: ours is raised outside
        reason = type(error).__name__
    raise SignerError(f"The payment is not typed data that can be signed ({reason}).")


@_of_the_extra
def solana_public(seed: HiddenBytes) -> bytes:
    """The public half of a 32-byte seed."""
    from nacl.signing import SigningKey

    return bytes(SigningKey(seed).verify_key)


def solana_address(seed: HiddenBytes) -> str:
    """The address of a 32-byte seed: base58 of its public half."""
    return base58_text(solana_public(seed))


@_of_the_extra
def solana_sign(seed: HiddenBytes, text: str) -> HiddenStr:
    """The Ed25519 signature of a text's UTF-8 bytes, in base58."""
    from nacl.signing import SigningKey

    return HiddenStr(base58_text(SigningKey(seed).sign(text.encode()).signature))


@_of_the_extra
def base58_text(raw: bytes) -> str:
    """Bytes as Solana writes them."""
    from base58 import b58encode

    return b58encode(raw).decode()


@_of_the_extra
def base58_bytes(text: str) -> HiddenBytes | None:
    """The bytes that a base58 text means, or None where it is none; hidden, for they may be a key."""
    from base58 import b58decode

    if not text.isascii() or len(text) > 128:  # decoding takes the square of the length
        return None
    try:
        return HiddenBytes(b58decode(text))
    except ValueError:  # its words hold a piece of the text
        return None
