"""Wallets whose private key is here: held where nothing shows it, used in the worker's thread."""

import base64
import json
import re
from abc import ABC, abstractmethod
from typing import ClassVar

from venice_async.errors import ConfigurationError
from venice_async.signin import keys
from venice_async.signin.chain import Chain
from venice_async.signin.hidden import HiddenBytes, HiddenStr, Unpicklable
from venice_async.signin.requests import PaymentToSign, SignInToSign
from venice_async.signin.worker import Worker

_EVM_KEY = re.compile(r"(?:0[xX])?([0-9a-fA-F]{64})")
_SHORTEST_SECRET = 20
"""Characters: a key that is a tiny number, as in tests, must not hide every such digit in the server's words."""


class LocalKey(Unpicklable, ABC):
    """A private key of 32 bytes and what it can do. `address` and `signed` take their time: for a worker thread."""

    __slots__ = ("_address", "_key", "_secrets")
    chain: ClassVar[Chain]

    def __init__(self, key: HiddenBytes, text: HiddenStr) -> None:
        self._key = key
        self._address: str | None = None
        self._secrets = tuple(HiddenStr(one) for one in {text, *self._spellings()} if len(one) >= _SHORTEST_SECRET)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._address or '***'}>"

    @property
    def known_address(self) -> str | None:
        """The address, where it has been worked out."""
        return self._address

    def address(self) -> str:
        """The wallet's address. The first call imports libraries."""
        if self._address is None:
            self._address = self._derived()
        return self._address

    async def sign(self, asked: SignInToSign | PaymentToSign, worker: Worker) -> HiddenStr:
        """The signature as the API takes it."""
        return await worker.run(self.signed, asked)

    def secrets(self) -> tuple[str, ...]:
        """The key in every spelling that somebody may print."""
        return self._secrets

    def _spellings(self) -> tuple[str, ...]:
        return _spelled(bytes(self._key))

    @abstractmethod
    def _derived(self) -> str: ...

    @abstractmethod
    def signed(self, asked: SignInToSign | PaymentToSign) -> HiddenStr:
        """The signature, worked out in the caller's thread."""


def _spelled(raw: bytes) -> tuple[str, ...]:
    hexed, encoded = raw.hex(), base64.b64encode(raw).decode().rstrip("=")
    numbers = list(raw)  # as Solana's own tools keep a key in a file
    return (
        *(hexed, hexed.upper(), str(int(hexed, 16)), repr(raw)[2:-1], json.dumps(numbers)[1:-1]),
        *(",".join(map(str, numbers)), encoded, encoded.translate(str.maketrans("+/", "-_"))),
    )


class EvmKey(LocalKey):
    """Signs as an Ethereum account does."""

    __slots__ = ()
    chain = Chain.BASE

    def _derived(self) -> str:
        return keys.evm_address(self._key)

    def signed(self, asked: SignInToSign | PaymentToSign) -> HiddenStr:
        if isinstance(asked, PaymentToSign):
            return keys.evm_sign_typed_data(self._key, asked.typed_data)
        return keys.evm_sign_text(self._key, asked.message)


class SolanaKey(LocalKey):
    """Signs as a Solana account does: texts only."""

    __slots__ = ()
    chain = Chain.SOLANA

    def _derived(self) -> str:
        return keys.solana_address(self._key)

    def signed(self, asked: SignInToSign | PaymentToSign) -> HiddenStr:
        if isinstance(asked, PaymentToSign):
            raise ConfigurationError("A Solana wallet signs no payments here.")
        return keys.solana_sign(self._key, asked.message)

    def _spellings(self) -> tuple[str, ...]:
        pair = bytes(self._key) + keys.solana_public(self._key)
        both = (*_spelled(bytes(self._key)), *_spelled(pair))
        return (*both, keys.base58_text(self._key), keys.base58_text(pair))


def key_from(text: HiddenStr) -> LocalKey:
    """The wallet of a private key. Raises ConfigurationError, which does not repeat it, for what is no key.

    64 hex digits, with or without `0x`, are an EVM key; base58 of 64 bytes (a Solana key with its public half) or of
    32 (its seed) is a Solana key. Surrounding blanks do not matter.
    """
    text = HiddenStr(text.strip())
    if _EVM_KEY.fullmatch(text):
        keys.check_installed(Chain.BASE)
        key = HiddenBytes(bytes.fromhex(text[-64:]))
        if not 0 < int.from_bytes(key) < keys.CURVE_ORDER:
            raise ConfigurationError("The wallet's private key is not valid: as a number it is 0 or too large.")
        return EvmKey(key, HiddenStr(text[-64:]))
    keys.check_installed(Chain.SOLANA)
    key = keys.base58_bytes(text) or HiddenBytes()
    if len(key) not in {32, 64}:
        raise ConfigurationError(
            "The wallet's private key is not valid: a key is 64 hex digits for Base, or base58 of 32 or 64 bytes for "
            "Solana. A recovery phrase is not a key."
        )
    seed = HiddenBytes(key[:32])
    if len(key) == 64 and key[32:] != keys.solana_public(seed):
        raise ConfigurationError("The wallet's private key is damaged: its two halves do not belong together.")
    return SolanaKey(seed, text)
