"""The endpoints for wallets: balance, transactions, top-up."""

import re
from collections.abc import Mapping
from typing import Any, Final

from attrs import frozen

from venice_async.emulator import payments
from venice_async.emulator.messages import EmulatedAnswer, Refused, json_answer
from venice_async.emulator.settlement import Settlement
from venice_async.emulator.siwx import is_wallet, normal
from venice_async.emulator.validation import is_json_object
from venice_async.emulator.visits import Visit
from venice_async.emulator.wallets import EmulatedWallet, WalletEntry
from venice_async.emulator.x402 import LEAST_USD, SUGGESTED_USD, Shop, instant

_WHOLE: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


@frozen(kw_only=True)
class WalletPages:
    """The handlers, over the state that they share. Rows are shown `delay` job seconds after the money moved."""

    shop: Shop
    settlement: Settlement
    delay: float
    request_ids: bool

    def wallet_balance(self, visit: Visit) -> EmulatedAnswer:
        """`GET /x402/balance/{wallet}`: for that wallet itself."""
        wallet = _own(visit, "balance")
        data: dict[str, Any] = {
            "walletAddress": wallet.address, "balanceUsd": float(wallet.credit_usd), "canConsume": wallet.can_consume,
            "minimumTopUpUsd": LEAST_USD, "suggestedTopUpUsd": SUGGESTED_USD,
        }  # fmt: skip
        if wallet.diem_usd is not None:
            data["diemBalanceUsd"] = float(wallet.diem_usd)
        return json_answer(200, {"success": True, "data": data})

    def wallet_transactions(self, visit: Visit) -> EmulatedAnswer:
        """`GET /x402/transactions/{wallet}`: its ledger, newest first, page by page."""
        limit, offset = _paging(visit.request.query)
        wallet = _own(visit, "transaction history")
        rows = [row for row in reversed(wallet.transactions) if row.at + self.delay <= visit.now]
        shown = rows[offset : offset + limit]
        data = {
            "walletAddress": wallet.address, "currentBalance": float(wallet.credit_usd),
            "transactions": [self._line(row) for row in shown],
            "pagination": {"limit": limit, "offset": offset, "hasMore": offset + limit < len(rows)},
        }  # fmt: skip
        return json_answer(200, {"success": True, "data": data})

    def top_up(self, visit: Visit) -> EmulatedAnswer:
        """`POST /x402/top-up`: without a payment what can be paid, with one the credit that it brought."""
        request = visit.request
        if request.body and not is_json_object(request.body):
            raise Refused(400, "X402_INVALID_REQUEST", message="The body is not a JSON object")
        if not payments.is_sent(request.headers):
            return self.shop.terms()
        payment = payments.signed_payment(
            request.headers, recipients=self.shop.recipients(), bounded=self.shop.offer is None
        )
        return self.settlement.pay(payment, visit)

    def _line(self, row: WalletEntry) -> dict[str, Any]:
        return {
            "id": row.id, "amount": float(row.usd), "balanceAfter": float(row.balance_after_usd), "type": row.kind,
            "createdAt": instant(row.wall), "requestId": row.queue_id if self.request_ids else None,
            "modelId": row.model,
        }  # fmt: skip


def _own(visit: Visit, what: str) -> EmulatedWallet:
    """The wallet of the path, which must be the one that asks."""
    address = visit.request.path.rpartition("/")[2]
    if not is_wallet(address):
        message = "Invalid wallet address"
        raise Refused(400, message, details={"walletAddress": {"_errors": [message]}})
    if visit.wallet is None or visit.wallet.address != normal(address):
        raise Refused(403, f"You can only access {what} for your own wallet")
    return visit.wallet


def _paging(query: Mapping[str, str]) -> tuple[int, int]:
    limit, offset = query.get("limit", "50"), query.get("offset", "0")
    for name, text, least, most in (("limit", limit, 1, 100), ("offset", offset, 0, 10**9)):
        if not (_WHOLE.fullmatch(text) and least <= int(text) <= most):
            message = f"{name} must be a whole number from {least} to {most}"
            raise Refused(400, message, details={name: {"_errors": [message]}})
    return int(limit), int(offset)
