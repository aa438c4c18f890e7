"""What a 402 of the emulator says: the offers, the challenge, the ways in. Its shapes are those of the OpenAPI text."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import define, field, frozen

from venice_async.emulator.messages import EmulatedAnswer, json_answer
from venice_async.emulator.siwx import SOLANA
from venice_async.emulator.visits import Visit
from venice_async.emulator.wallets import LEAST_CREDIT, EmulatedWallet
from venice_async.errors import ConfigurationError

BASE_NETWORK: Final = "eip155:8453"
SOLANA_NETWORK: Final = f"solana:{SOLANA}"
USDC_ON_BASE: Final = "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913"
USDC_ON_SOLANA: Final = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
PAY_TO: Final = "0x000000000000000000000000000000000000dead"
"""Whom payments go to unless another is named: an address that has no owner."""
LEAST_USD: Final = 5
MOST_USD: Final = 10_000
SUGGESTED_USD: Final = 10
UNIT: Final = 1_000_000
"""How many units of USDC are a dollar."""

_NOBODY: Final = "1nc1nerator11111111111111111111111111111111"
_DOCS: Final = "https://venice.invalid/docs"

Offer = Mapping[str, Any] | Callable[[list[dict[str, Any]]], Any]
"""Fields that replace those of the Base entry, or a function from the honest `accepts` to the one that is told."""


@frozen(kw_only=True)
class Challenge:
    """A sign-in that the server proposes, as a 402 tells it."""

    domain: str
    uri: str
    nonce: str
    wall: float

    def tree(self) -> dict[str, Any]:
        """As JSON."""
        info = {
            "domain": self.domain, "uri": self.uri, "version": "1", "nonce": self.nonce,
            "issuedAt": instant(self.wall), "expirationTime": instant(self.wall + 300),
            "statement": "Sign in to Venice API",
        }  # fmt: skip
        chains = [(BASE_NETWORK, "eip191"), (BASE_NETWORK, "eip1271"), (SOLANA_NETWORK, "ed25519")]
        return {"info": info, "supportedChains": [{"chainId": chain, "type": kind} for chain, kind in chains]}


@define(kw_only=True)
class Shop:
    """Where credit is sold. With an `offer` the server is a hostile one: it asks for anything and takes anything."""

    pay_to: str = PAY_TO
    offer: Offer | None = None
    _challenges: int = 0
    _told: set[str] = field(factory=set)

    def __attrs_post_init__(self) -> None:
        if not (self.offer is None or callable(self.offer) or isinstance(self.offer, Mapping)):
            raise ConfigurationError("offer takes fields of an entry of accepts, or a function that makes accepts.")

    def accepts(self, usd: int, *, solana: str = SOLANA_NETWORK) -> Any:
        """The entries that may be paid."""
        amount = str(usd * UNIT)
        entries: list[dict[str, Any]] = [
            {"scheme": "exact", "network": BASE_NETWORK, "amount": amount, "asset": USDC_ON_BASE, "payTo": self.pay_to,
             "maxTimeoutSeconds": 300, "extra": {"name": "USD Coin", "version": "2"}},
            {"scheme": "exact", "network": solana, "amount": amount, "asset": USDC_ON_SOLANA, "payTo": _NOBODY,
             "maxTimeoutSeconds": 300, "extra": {"feePayer": _NOBODY}},
        ]  # fmt: skip
        told: Any = entries
        if callable(self.offer):
            told = self.offer(entries)
        elif self.offer is not None:
            told = [{**entries[0], **self.offer}, *entries[1:]]
        self._remember(told)
        return told

    def recipients(self) -> set[str]:
        """Whom a payment may go to, in lower case: every `payTo` that was told, and our own."""
        return {self.pay_to.lower(), *self._told}

    def _remember(self, told: Any) -> None:
        for entry in told if isinstance(told, list) else []:
            pay_to = entry.get("payTo") if isinstance(entry, dict) else None
            if isinstance(pay_to, str):
                self._told.add(pay_to.lower())

    def terms(self) -> EmulatedAnswer:
        """The 402 of a top-up without a payment."""
        tree = {"x402Version": 2, "accepts": self.accepts(LEAST_USD)}
        return json_answer(402, tree, {"payment-required": in_base64(tree)})

    def discovery(self, visit: Visit, *, sells: bool) -> EmulatedAnswer:
        """The 402 of a request that has no credential at all."""
        tree = {
            **self._required(visit, "Authentication required", self._challenge(visit), sells=sells),
            "authOptions": {
                "apiKey": {
                    "header": "Authorization: Bearer YOUR_API_KEY", "getKey": f"{_DOCS}/keys", "docs": f"{_DOCS}/api",
                },
                "x402Wallet": {
                    "header": "SIGN-IN-WITH-X", "legacyHeader": "X-Sign-In-With-X",
                    "topUp": "POST /api/v1/x402/top-up", "docs": f"{_DOCS}/top-up",
                },
            },
        }  # fmt: skip
        return json_answer(402, tree, {"payment-required": in_base64(tree)})

    def poor(self, visit: Visit, wallet: EmulatedWallet) -> EmulatedAnswer:
        """The 402 of a wallet that has next to nothing left."""
        challenge = self._challenge(visit)
        tree = {
            "error": "Payment required", "code": "PAYMENT_REQUIRED", "reason": "insufficient_balance",
            "message": "Insufficient x402 balance", "currentBalanceUsd": float(wallet.credit_usd),
            "minimumBalanceUsd": float(LEAST_CREDIT), "description": "Venice API", "suggestedTopUpUsd": SUGGESTED_USD,
            "minimumTopUpUsd": LEAST_USD, "supportedTokens": ["USDC"], "supportedChains": ["base", "solana"],
            "topUpInstructions": self._instructions(), "siwxChallenge": challenge,
        }  # fmt: skip
        required = self._required(visit, "Payment required", challenge, sells=True)
        return json_answer(402, tree, {"payment-required": in_base64(required)})

    def _required(self, visit: Visit, error: str, challenge: Any, *, sells: bool) -> dict[str, Any]:
        resource = {"url": _url(visit), "description": "Venice API", "mimeType": "application/json"}
        accepts = self.accepts(SUGGESTED_USD, solana="solana") if sells else []
        return {
            "x402Version": 2, "error": error, "resource": resource, "accepts": accepts,
            "extensions": {"sign-in-with-x": challenge},
        }  # fmt: skip

    def _instructions(self) -> dict[str, Any]:
        return {
            "step1": "POST /api/v1/x402/top-up without a payment header: the answer says what can be paid",
            "step2": "Choose one entry of accepts and sign a transfer of USDC for it",
            "step3": "POST /api/v1/x402/top-up with what was signed as PAYMENT-SIGNATURE",
            "receiverWallet": self.pay_to, "tokenAddress": USDC_ON_BASE, "tokenDecimals": 6, "network": BASE_NETWORK,
            "minimumAmountUsd": LEAST_USD,
        }  # fmt: skip

    def _challenge(self, visit: Visit) -> dict[str, Any]:
        self._challenges += 1
        nonce = hashlib.sha256(f"challenge {self._challenges}".encode()).hexdigest()[:16]
        domain = urlsplit(visit.request.origin).netloc
        return Challenge(domain=domain, uri=_url(visit), nonce=nonce, wall=visit.wall).tree()


def in_base64(tree: Any) -> str:
    """JSON as a header holds it."""
    return base64.b64encode(json.dumps(tree, separators=(",", ":")).encode()).decode()


def instant(wall: float) -> str:
    """A Unix time as the API writes it."""
    return datetime.fromtimestamp(wall, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _url(visit: Visit) -> str:
    return visit.request.origin + visit.request.path
