"""What an answer to a payment means. Decides only; the steps are in `settling`."""

import enum
from collections.abc import Iterable, Sequence
from decimal import Decimal

from venice_async.errors import APIStatusError, UnexpectedRedirectError, VeniceError
from venice_async.models import TopUpReceipt, WalletTransaction
from venice_async.payments.payment import Payment, PaymentState
from venice_async.wire.wallet import TOP_UP

MARGIN = 120
"""Seconds after a payment's last instant from which on it counts as over: clocks and chains are not exact."""
MARGIN_IN_PROGRESS = 3600
"""The same while the server says that it is at it."""
MARGIN_UNDATED = 86_400
"""The same where the server does not tell its time: our clock alone may be wrong by hours, and a day is only a wait."""
_REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 410, 413, 415, 422})
_SAME = Decimal("0.01")
"""US dollars: the account may be kept in cents."""


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
    """Whether a receipt is for this payment: it names this wallet.

    The amount may be another one, after a fee or a bonus: the payment was taken all the same, and another would be a
    second one.
    """
    return Verdict.SETTLED if receipt.wallet_address.lower() == payment.wallet else Verdict.DOUBT


def is_over(payment: Payment, *, wall: float, server_wall: float | None, margin: float = MARGIN) -> bool:
    """Whether the payment cannot happen any more: by our clock, and by the server's where that is known.

    A clock of ours that is ahead must not have us sign a second payment while the first one is still good.
    """
    margin = max(margin, MARGIN_UNDATED) if server_wall is None else margin
    now = wall if server_wall is None else min(wall, server_wall)
    return payment.expires_at is not None and now > payment.expires_at + margin


def credit_of(
    payment: Payment, lines: Iterable[WalletTransaction], others: Sequence[Payment]
) -> WalletTransaction | None:
    """The account's line that credits this payment, if there is one: a top-up of its amount, not older than it.

    `others` are the payments of the same wallet that ended: each takes the line that is its own, so that this payment
    is not taken for landed by another's credit.
    """
    fitting = [line for line in _free(payment, lines, others) if _is_amount(line, payment)]
    return min(fitting, key=lambda line: line.created_at, default=None)


def altered_credit_of(
    payment: Payment, lines: Iterable[WalletTransaction], others: Sequence[Payment]
) -> WalletTransaction | None:
    """The line that may credit this payment after a fee or a bonus: from half to twice its amount, while it was good.

    For a payment that would be given up otherwise: to think that it landed is better than to pay it again.
    """
    until = payment.since + ((payment.expires_at or payment.created_at) - payment.created_at) + MARGIN_IN_PROGRESS
    fitting = [
        line
        for line in _free(payment, lines, others)
        if payment.usd / 2 <= line.usd <= payment.usd * 2 and line.created_at.timestamp() <= until
    ]
    return min(fitting, key=lambda line: line.created_at, default=None)


def _free(payment: Payment, lines: Iterable[WalletTransaction], others: Sequence[Payment]) -> list[WalletTransaction]:
    """The account's top-ups that are not older than this payment, without those that are another's."""
    free = [line for line in lines if line.kind == TOP_UP]
    known = {other.line for other in others if other.line is not None}
    free = [line for line in free if line.id not in known]
    for other in others:
        if other.state is PaymentState.SETTLED and other.line is None:
            own = _line_of(other, free, payment)
            free = [line for line in free if line is not own]
    return [line for line in free if line.created_at.timestamp() >= payment.since]


def _line_of(settled: Payment, lines: Sequence[WalletTransaction], later: Payment) -> WalletTransaction | None:
    """The line of a payment that was settled by its receipt: with the balance that the receipt told.

    Where none has it (something was charged in between), the one that is nearest to its end. But none that is nearer
    to the beginning of the `later` payment: to think that one landed is better than to pay it again.
    """
    told = settled.balance_usd
    own = [line for line in lines if _is_amount(line, settled) and line.created_at.timestamp() >= settled.since]
    same = [line for line in own if told is not None and abs(line.balance_after_usd - told) < _SAME]
    if same:
        return min(same, key=lambda line: line.created_at)
    end = settled.created_at if settled.closed_at is None else settled.closed_at
    near = [line for line in own if _apart(line, end) <= _apart(line, later.created_at)]
    return min(near, key=lambda line: _apart(line, end), default=None)


def _apart(line: WalletTransaction, instant: float) -> float:
    return abs(line.created_at.timestamp() - instant)


def _is_amount(line: WalletTransaction, payment: Payment) -> bool:
    usd = payment.usd if payment.credited_usd is None else payment.credited_usd
    return abs(line.usd - usd) < _SAME
