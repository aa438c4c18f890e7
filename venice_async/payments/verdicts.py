"""What an answer to a payment means. Decides only; the steps are in `topup`."""

import enum
from collections.abc import Iterable, Sequence
from decimal import Decimal

from venice_async.errors import APIStatusError, UnexpectedRedirectError, VeniceError
from venice_async.models import TopUpReceipt, WalletTransaction
from venice_async.payments.payment import Payment, PaymentState

MARGIN = 120
"""Seconds after a payment's last instant from which on it counts as over: clocks and chains are not exact."""
MARGIN_IN_PROGRESS = 3600
"""The same while the server says that it is at it."""
_REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 410, 413, 415, 422})
_SAME = Decimal("0.01")
"""US dollars: the account may be kept in cents."""
_CREDIT = "TOP_UP"


class Verdict(enum.Enum):
    """What came of sending a payment."""

    SETTLED = "settled"
    REFUSED = "refused"
    """The server did not take it. It holds it all the same."""
    IN_PROGRESS = "in progress"
    """It is being settled, or was: ask again."""
    DOUBT = "doubt"
    """Anything may have happened."""


def verdict_on_error(error: VeniceError) -> Verdict:
    """What an error in the place of a receipt means for the payment."""
    if isinstance(error, APIStatusError) and not isinstance(error, UnexpectedRedirectError):
        if error.status == 409:
            return Verdict.IN_PROGRESS
        if error.status in _REFUSALS:
            return Verdict.REFUSED
    return Verdict.DOUBT


def verdict_on_receipt(receipt: TopUpReceipt, payment: Payment) -> Verdict:
    """Whether a receipt is for this payment: this wallet, this amount."""
    fits = receipt.wallet_address.lower() == payment.wallet and receipt.credited_usd == payment.usd
    return Verdict.SETTLED if fits else Verdict.DOUBT


def is_over(payment: Payment, *, wall: float, server_wall: float | None, margin: float = MARGIN) -> bool:
    """Whether the payment cannot happen any more: by our clock, and by the server's where that is known.

    A clock of ours that is ahead must not have us sign a second payment while the first one is still good.
    """
    now = wall if server_wall is None else min(wall, server_wall)
    return payment.expires_at is not None and now > payment.expires_at + margin


def credit_of(
    payment: Payment, lines: Iterable[WalletTransaction], others: Sequence[Payment]
) -> WalletTransaction | None:
    """The account's line that credits this payment, if there is one: a top-up of its amount, not older than it.

    `others` are the settled payments of the same wallet: each takes the line that is its own, so that this payment
    is not taken for landed by another's credit.
    """
    free = [line for line in lines if line.kind == _CREDIT]
    known = {other.line for other in others if other.line is not None}
    free = [line for line in free if line.id not in known]
    for other in others:
        if other.state is PaymentState.SETTLED and other.line is None and (own := _line_of(other, free)) is not None:
            free.remove(own)
    fitting = [line for line in free if _is_amount(line, payment) and line.created_at.timestamp() >= payment.since]
    return min(fitting, key=lambda line: line.created_at, default=None)


def _line_of(settled: Payment, lines: Sequence[WalletTransaction]) -> WalletTransaction | None:
    """The line of a payment that was settled by its receipt: with the balance that the receipt told.

    Where none has it, none is taken: to think that a payment landed is better than to pay it again.
    """
    told = settled.balance_usd
    own = [line for line in lines if _is_amount(line, settled) and line.created_at.timestamp() >= settled.since]
    if told is not None:
        own = [line for line in own if abs(line.balance_after_usd - told) < _SAME]
    return min(own, key=lambda line: line.created_at, default=None)


def _is_amount(line: WalletTransaction, payment: Payment) -> bool:
    return abs(line.usd - payment.usd) < _SAME
