"""Payments that were taken: each moves USDC once and is credited once, however often it is posted."""

import hashlib
from typing import Any, Final

from attrs import define, evolve, field

from venice_async.emulator.messages import EmulatedAnswer, Refused, json_answer
from venice_async.emulator.payments import Payment, check_due, unverified
from venice_async.emulator.visits import Visit
from venice_async.emulator.wallets import Transfer, Wallets
from venice_async.emulator.x402 import BASE_NETWORK, in_base64

_BUSY: Final = "This payment is being settled: ask again soon, with the same payment"
_DONE: Final = "This payment was processed already"
_SHORT: Final = "The transfer failed: the payer does not hold so much USDC. Nothing was moved."


@define(kw_only=True)
class _Taken:
    payment: Payment
    at: float
    wall: float
    answer: EmulatedAnswer
    credited: bool = False


@define(kw_only=True)
class Settlement:
    """The emulated chain and what it brings: USDC moves at once, and is credited `delay` job seconds later.

    A payment that was credited is answered again as it was at first, or always with 409 where it `conflicts`.
    """

    wallets: Wallets
    delay: float = 0.0
    conflicts: bool = False
    transfers: list[Transfer] = field(factory=list)
    _taken: dict[tuple[str, str], _Taken] = field(factory=dict)

    def pay(self, payment: Payment, visit: Visit) -> EmulatedAnswer:
        """Take a payment, or say what became of it when it was posted before. Raises Refused."""
        known = self._taken.get((payment.payer, payment.nonce))
        if known is not None:
            return self._again(known, payment, visit)
        check_due(payment, visit.wall)
        if self.wallets[payment.payer].usdc < payment.usd:
            raise Refused(402, "SETTLEMENT_FAILED", message=_SHORT)
        transfer = self._moved(payment, visit)
        taken = _Taken(payment=payment, at=visit.now, wall=visit.wall, answer=self._receipt(payment, transfer))
        self._taken[payment.payer, payment.nonce] = taken
        self.advance(visit.now, visit.wall)
        return taken.answer if not self.delay else evolve(taken.answer, delay=self.delay)

    def advance(self, now: float, wall: float) -> None:
        """Credit what is settled by now."""
        for taken in self._taken.values():
            if not taken.credited and now >= taken.at + self.delay:
                taken.credited = True
                usd = taken.payment.usd
                at, told = taken.at + self.delay, min(wall, taken.wall + self.delay)
                self.wallets[taken.payment.payer].top_up(usd, at=at, wall=told)

    def _again(self, known: _Taken, payment: Payment, visit: Visit) -> EmulatedAnswer:
        if known.payment.digest != payment.digest:
            raise unverified("nonce_used", "This nonce was used by another authorization")
        if visit.now < known.at + self.delay:
            raise Refused(409, "PAYMENT_IN_PROGRESS", message=_BUSY)
        if self.conflicts:
            raise Refused(409, "PAYMENT_IN_PROGRESS", message=_DONE)
        return known.answer

    def _moved(self, payment: Payment, visit: Visit) -> Transfer:
        self.wallets[payment.payer].usdc -= payment.usd
        transaction = "0x" + hashlib.sha256(f"transaction {payment.digest}".encode()).hexdigest()
        transfer = Transfer(
            at=visit.now, payer=payment.payer, pay_to=payment.pay_to, usd=payment.usd, nonce=payment.nonce,
            transaction=transaction,
        )  # fmt: skip
        self.transfers.append(transfer)
        return transfer

    def _receipt(self, payment: Payment, transfer: Transfer) -> EmulatedAnswer:
        wallet = self.wallets[payment.payer]
        data: dict[str, Any] = {
            "walletAddress": wallet.address, "amountCredited": float(payment.usd),
            "newBalance": float(wallet.credit_usd + payment.usd), "paymentId": f"payment_{payment.digest[:26].upper()}",
        }  # fmt: skip
        settled = {
            "success": True, "network": BASE_NETWORK, "payer": wallet.address, "transaction": transfer.transaction,
        }  # fmt: skip
        return json_answer(200, {"success": True, "data": data}, {"payment-response": in_base64(settled)})
