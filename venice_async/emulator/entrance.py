"""Who may come in: API keys, wallets that sign in, and what those get who show neither."""

import math
from typing import Final

from attrs import frozen

from venice_async.emulator import payments, siwx
from venice_async.emulator.limiter import Limiter
from venice_async.emulator.messages import EmulatedAnswer, Refused
from venice_async.emulator.visits import Route, Visit, key_hash, looks_real
from venice_async.emulator.wallets import Wallets
from venice_async.emulator.x402 import Shop

_BLOCKED: Final = "Too many failed attempts resulting in a non-success status code. Please wait 30s and try again."
_REAL: Final = "This looks like a real API key: an emulator must never see one. Use any other text."
_BAD_SIGNATURE: Final = "Invalid Sign-in-with-x signature"
_PAYMENT: Final = "A payment header is taken by POST /api/v1/x402/top-up only"


@frozen(kw_only=True)
class Entrance:
    """Finds out who asks. A wallet's sign-in wins over an API key on routes that take one, and is ignored elsewhere."""

    limiter: Limiter
    wallets: Wallets
    shop: Shop
    api_keys: frozenset[str] | None

    def admit(self, visit: Visit, route: Route) -> EmulatedAnswer | None:
        """None for whoever may come in, else the 402 that is due. Raises Refused with any other refusal."""
        headers = visit.request.headers
        if visit.key is not None and self.api_keys is None and looks_real(visit.key):
            raise Refused(401, _REAL)
        if route.endpoint == "top_up":
            visit.key, visit.account = None, "this machine"  # counted by the sender's IP
        elif payments.is_sent(headers):
            raise Refused(400, _PAYMENT, code="PAYMENT_HEADER_NOT_ACCEPTED")
        if route.takes_wallet and siwx.is_sent(headers):
            self._sign_in(visit, route)
        elif route.needs_key and (refusal := self._check_key(visit, route)):
            return refusal
        blocked = self.limiter.block(visit.account, visit.now)
        if blocked > 0:
            raise too_many(_BLOCKED, blocked)
        if visit.wallet is not None and not route.of_wallet and not visit.wallet.can_consume:
            return self.shop.poor(visit, visit.wallet)
        return None

    def _check_key(self, visit: Visit, route: Route) -> EmulatedAnswer | None:
        if route.of_wallet and visit.request.headers.get("authorization", "").strip():
            raise Refused(401, _BAD_SIGNATURE)
        if route.takes_wallet and not visit.request.headers.get("authorization", "").strip():
            return self.shop.discovery(visit, sells=not route.of_wallet)
        if visit.key is None or (self.api_keys is not None and visit.key not in self.api_keys):
            raise Refused(401, "Authentication failed")
        return None

    def _sign_in(self, visit: Visit, route: Route) -> None:
        wallet, _ = siwx.claimed(visit.request.headers)
        visit.key, visit.account = None, key_hash(wallet or "")
        refusal = None
        try:
            self._prove(visit)
        except Refused as refused:
            refusal = refused
        if refusal is not None and refusal.answer.status == 401 and route.of_wallet:
            raise Refused(401, _BAD_SIGNATURE)
        if refusal is not None:
            raise refusal
        if visit.request.crowded:
            raise Refused(429, "Too many concurrent requests", code="X402_CONCURRENCY_LIMIT")

    def _prove(self, visit: Visit) -> None:
        request = visit.request
        signed = siwx.signed_in(request.headers, wall=visit.wall, host=request.host)
        wallet = self.wallets[signed.wallet]
        if not wallet.use(signed.nonce, visit.wall):
            raise siwx.reused()
        visit.wallet, visit.account, visit.nonce = wallet, key_hash(wallet.address), signed.nonce


def too_many(message: str, wait: float, **fields: str) -> Refused:
    """A 429 that says when to come back."""
    return Refused(429, message, headers={"retry-after": str(max(1, math.ceil(wait)))}, **fields)
