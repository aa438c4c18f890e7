"""Payments by wallet: top-ups in USDC on Base that never pay twice, and never above a cap."""

from venice_async.payments.caps import TopUpPolicy
from venice_async.payments.payment import Payment, PaymentState
from venice_async.payments.wallet import Wallet

__all__ = ["Payment", "PaymentState", "TopUpPolicy", "Wallet"]
