"""A wallet whose every signature is noted, and what must be true of them whatever the server says."""

import logging
import random
import threading
import time
import traceback
from collections.abc import Iterable
from typing import Any, Final

import eth_account
from attrs import define, field, frozen
from eth_account.messages import encode_defunct

from benchmarks._hostile_offers import USDC
from benchmarks._hostile_server import read_payment
from venice_async.signin import PaymentToSign, SignInToSign, WalletAuth

GRACE: Final = 305
"""Seconds from now for which a payment may be good at most."""
_FIELDS: Final = ("from", "to", "value", "validAfter", "validBefore", "nonce")


@frozen(kw_only=True)
class Signature:
    """What the key has signed, and when."""

    typed_data: dict[str, Any]
    at: float

    @property
    def message(self) -> dict[str, Any]:
        """The authorisation's fields."""
        found: dict[str, Any] = self.typed_data["message"]
        return found

    @property
    def nonce(self) -> str:
        """What tells authorisations apart, in hex."""
        nonce = self.message["nonce"]
        return ("0x" + nonce.hex() if isinstance(nonce, bytes) else str(nonce)).lower()

    @property
    def usd(self) -> float:
        """What it lets somebody take."""
        return int(self.message["value"]) / 10**6

    def faults(self, wallet: str, payees: Iterable[str]) -> list[str]:
        """What it must not be."""
        domain, message = self.typed_data["domain"], self.message
        named = {"name": "USD Coin", "version": "2", "chainId": 8453}
        claims = {
            "a transfer": self.typed_data["primaryType"] == "TransferWithAuthorization",
            "of six fields": sorted(message) == sorted(_FIELDS),
            "of USDC on Base": {name: domain.get(name) for name in named} == named
            and domain["verifyingContract"].lower() == USDC,
            "from this wallet": message["from"].lower() == wallet.lower(),
            "to whom the server named": message["to"].lower() in {payee.lower() for payee in payees},
            "of what was approved": int(message["value"]) == 10_000_000,
            "for minutes": int(message["validBefore"]) <= self.at + GRACE,
        }
        return [f"not {claim}" for claim, kept in claims.items() if not kept]


@define(kw_only=True)
class Witness:
    """Notes what a wallet signs. Half of the wallets hold their key, half ask a callback."""

    key: str = field(repr=False)
    signatures: list[Signature] = field(factory=list)
    headers: list[str] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)

    def note(self, asked: SignInToSign | PaymentToSign) -> None:
        """Before anything is signed: what is asked for counts."""
        if isinstance(asked, PaymentToSign):
            with self._lock:
                self.signatures.append(Signature(typed_data=dict(asked.typed_data), at=time.time()))

    def sign(self, asked: SignInToSign | PaymentToSign) -> str:
        """The callback: signs whatever it is asked for."""
        self.note(asked)
        account = eth_account.Account.from_key(self.key)
        if isinstance(asked, PaymentToSign):
            return str(account.sign_typed_data(full_message=dict(asked.typed_data)).signature.hex())
        return str(account.sign_message(encode_defunct(text=asked.message)).signature.hex())

    @property
    def address(self) -> str:
        return str(eth_account.Account.from_key(self.key).address)

    def auth(self, *, by_callback: bool) -> WalletAuth:
        """What the client gets."""
        return WalletAuth(address=self.address, signer=self.sign) if by_callback else _WatchedKey(self)

    @property
    def nonces(self) -> set[str]:
        """One for each authorisation."""
        return {signature.nonce for signature in self.signatures}

    @property
    def usd(self) -> float:
        """The most that can be taken with all that was signed."""
        return sum({signature.nonce: signature.usd for signature in self.signatures}.values())


class _WatchedKey(WalletAuth):
    """A wallet with its key, of which every payment is noted."""

    def __init__(self, witness: Witness) -> None:
        super().__init__(witness.key)
        self._witness = witness

    async def sign_payment(self, payment: PaymentToSign) -> str:
        self._witness.note(payment)
        return await super().sign_payment(payment)


def witness(rng: random.Random) -> Witness:
    """A new wallet; its key is worth nothing."""
    return Witness(key="0x" + rng.randbytes(32).hex())


class Ears(logging.Handler):
    """Hears everything that any library logs, at every level."""

    def __init__(self) -> None:
        super().__init__(level=logging.NOTSET)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(self.format(record))


def listening() -> Ears:
    """Ears on the root logger."""
    ears = Ears()
    logging.basicConfig(level=logging.DEBUG, handlers=[ears], force=True)
    logging.captureWarnings(True)
    return ears


def shown(error: BaseException) -> str:
    """All that a program may print of an error."""
    return "".join((str(error), repr(error), *traceback.format_exception(error), repr(vars(error))))


def leaks(texts: Iterable[str], witness_: Witness, payments: Iterable[str]) -> list[str]:
    """Which secrets stand in texts: the key, a signature, or a payment that somebody could post."""
    plain = witness_.key.removeprefix("0x")
    secrets = {"the key": {plain, str(int(plain, 16))}, "a payment": set(payments)}
    secrets["a signature"] = {read_payment(each)["payload"]["signature"][2:] for each in payments}
    whole = "\n".join(texts).lower()
    return [f"{name} is shown" for name, each in secrets.items() if any(text.lower() in whole for text in each)]
