"""`WalletAuth`: each request is signed by a wallet, which pays for it; there is no API key."""

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import ClassVar

from venice_async.errors import ConfigurationError, SignerError
from venice_async.lane import Lane
from venice_async.signin.callback import CallbackWallet
from venice_async.signin.chain import Chain
from venice_async.signin.hidden import HiddenStr, Unpicklable
from venice_async.signin.local import LocalKey, key_from
from venice_async.signin.message import SignInTerms, header_value, milliseconds, sign_in_text
from venice_async.signin.requests import PaymentToSign, Signer, SignInToSign
from venice_async.signin.worker import Worker

ENVIRONMENT = "VENICE_WALLET_KEY"
_HEADERS = ("SIGN-IN-WITH-X", "X-Sign-In-With-X")
_FARTHEST = 86_400.0
"""Seconds that the server's clock may be off ours: or one answer could have sign-ins dated for days to come."""
_KEPT = 16
"""Sign-ins whose words may still stand in an answer to come: thrice what may be in flight."""


def _fresh_nonce() -> str:
    return secrets.token_hex(8)


class WalletAuth(Unpicklable):
    """Signs in with a wallet (SIWX): on Base with an Ethereum key, or on Solana.

    Either `private_key`, or `address` with `signer`: a function (plain or async) for a wallet that keeps its key to
    itself. It is given a `SignInToSign` or a `PaymentToSign` and gives the signature; plain ones are called in a
    thread, one at a time. An EVM key is 64 hex digits, with or without `0x`; a Solana key is base58 of 64 bytes or
    of a 32-byte seed. Signing never blocks the event loop, and one object may serve several loops in turn.

    `header` is the name that the API goes by, `SIGN-IN-WITH-X` or its older `X-Sign-In-With-X`. `domain`, `uri` and
    `statement` stand in the signed text; an empty statement leaves it out. `lifetime` is in seconds: the API takes
    no sign-in older than five minutes, whatever it says. `wall` gives Unix seconds, `nonce` a new text of letters
    and digits for each sign-in; both are asked in the thread that signs.

    Raises ConfigurationError for what is no key, address, name or text, without repeating the key, and where the
    extra is missing (`pip install "venice-async[wallet]"`). Signing in moves no money by itself; the requests that
    it signs are paid from the wallet's credit.
    """

    __slots__ = ("_header", "_nonce", "_offset", "_recent", "_terms", "_wall", "_wallet", "_worker", "lane")

    in_flight: ClassVar[int] = 5
    """How many requests of one wallet the API takes at once; all clients that this object is given to share them."""

    def __init__(
        self,
        private_key: str | None = None,
        *,
        address: str | None = None,
        signer: Signer | None = None,
        header: str = _HEADERS[0],
        domain: str = "api.venice.ai",
        uri: str = "https://api.venice.ai",
        statement: str = "Sign in to Venice API",
        lifetime: float = 300.0,
        wall: Callable[[], float] = time.time,
        nonce: Callable[[], str] = _fresh_nonce,
    ) -> None:
        # First of all: from here on no traceback that prints local variables shows it.
        private_key = _hidden(private_key)
        self._header = _header_name(header)
        self._terms = SignInTerms(domain=domain, uri=uri, statement=statement, lifetime=lifetime)
        self._wallet = _wallet_of(private_key, address, signer, self._terms.lifetime)
        self._wall = wall
        self._nonce = nonce
        self._offset = 0.0
        self._worker = Worker()
        self.lane = Lane(self.in_flight)
        self._recent: deque[tuple[str, ...]] = deque(maxlen=_KEPT)

    @classmethod
    def from_env(cls) -> "WalletAuth":
        """The wallet whose key is in VENICE_WALLET_KEY. Raises ConfigurationError where it is not set or is no key."""
        text = HiddenStr(os.environ.get(ENVIRONMENT, "").strip())
        if not text:
            raise ConfigurationError(
                f"{ENVIRONMENT} is not set: it holds the private key of a wallet on Base or Solana."
            )
        return cls(text)

    @property
    def address(self) -> str:
        """The wallet's address: checksummed on Base, base58 on Solana.

        Asked for before anything was signed, it may take half a second on Base: libraries are imported.
        """
        return self._wallet.address()

    @property
    def known_address(self) -> str | None:
        """The same where it costs nothing; None where nothing has asked for it yet."""
        return self._wallet.known_address

    @property
    def chain(self) -> Chain:
        """Where the wallet lives."""
        return self._wallet.chain

    async def headers(self) -> Mapping[str, str]:
        """The header of one request, signed anew each time. Raises SignerError where the wallet's signer fails.

        Nothing was sent then, and nothing charged.
        """
        wallet = self._wallet
        if isinstance(wallet, LocalKey):
            signed = await self._worker.run(self._signed_here, wallet)
        else:
            asked, issued_ms = self._to_sign(await self._address())
            signed = self._signed(asked, issued_ms, await wallet.sign(asked, self._worker))
        self._recent.append(signed)
        return {self._header: signed[0]}

    def _signed_here(self, wallet: LocalKey) -> tuple[HiddenStr, HiddenStr]:
        """The whole work in the worker's thread: many at once cost the event loop next to nothing."""
        asked, issued_ms = self._to_sign(wallet.address())
        return self._signed(asked, issued_ms, wallet.signed(asked))

    def _to_sign(self, address: str) -> tuple[SignInToSign, int]:
        issued_ms = milliseconds(self._wall() + self._offset)
        chain, terms = self._wallet.chain, self._terms
        text = sign_in_text(terms, chain=chain, address=address, nonce=self._nonce(), issued_ms=issued_ms)
        return SignInToSign(address=address, chain=chain, domain=terms.domain, message=text), issued_ms

    def _signed(self, asked: SignInToSign, issued_ms: int, signature: HiddenStr) -> tuple[HiddenStr, HiddenStr]:
        value = header_value(
            chain=asked.chain, address=asked.address, message=asked.message, signature=signature, issued_ms=issued_ms
        )
        return value, signature

    async def sign_payment(self, payment: PaymentToSign) -> str:
        """The EIP-712 signature of a payment: `0x` and hex. Whoever has it can take the money until it expires.

        Raises ConfigurationError on Solana and SignerError where the wallet's signer fails or the payment is another
        wallet's: nothing is signed then.
        """
        if self._wallet.chain is not Chain.BASE:
            raise ConfigurationError(
                "Payments are signed by wallets on Base only.",
                advice="Use a wallet on Base, or buy this one's credit with another tool.",
            )
        if payment.address.lower() != (await self._address()).lower():
            raise SignerError("The payment is for another wallet than this one. Nothing was signed.")
        signature = await self._wallet.sign(payment, self._worker)
        self._recent.append((signature,))
        return signature

    def secrets(self) -> tuple[str, ...]:
        """The key, where it is here, in its spellings, and the latest sign-ins."""
        return (*self._wallet.secrets(), *(text for texts in tuple(self._recent) for text in texts))

    def learn_time(self, server_wall: float) -> bool:
        """Date sign-ins by the server's clock, in Unix seconds, as its answers tell it.

        True where that moved our time by a second or more; less is the rounding of a `Date` header and changes
        nothing. Nor does a time that is more than a day off this machine's, or no time at all.
        """
        offset = server_wall - self._wall()
        if not abs(offset) <= _FARTHEST:  # true for NaN as well
            return False
        if not abs(offset - self._offset) >= 1.0:
            return False
        self._offset = offset
        return True

    async def _address(self) -> str:
        known = self.known_address
        return known if known is not None else await self._worker.run(self._wallet.address)

    def __repr__(self) -> str:
        wallet = getattr(self, "_wallet", None)  # a traceback may ask before it is there
        return (
            f"<WalletAuth {wallet.known_address or '***'} on {wallet.chain.name.title()}>" if wallet else "<WalletAuth>"
        )


def _hidden(key: object) -> HiddenStr | None:
    if key is None:
        return None
    return HiddenStr(key) if isinstance(key, str) else HiddenStr()  # what is no text is no key either


def _wallet_of(
    private_key: HiddenStr | None, address: str | None, signer: Signer | None, limit: float
) -> LocalKey | CallbackWallet:
    if private_key is not None and address is None and signer is None:
        return key_from(private_key)
    if private_key is None and address is not None and signer is not None:
        return CallbackWallet(address, signer, limit=limit)
    raise ConfigurationError("A WalletAuth takes either a private_key, or an address together with a signer.")


def _header_name(name: str) -> str:
    for known in _HEADERS:
        if str(name).lower() == known.lower():
            return known
    raise ConfigurationError(f"header must be {_HEADERS[0]} or {_HEADERS[1]}.")
