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
"""The same where the server said last that it is at it."""
MARGIN_UNDATED = 86_400
"""The same where the server does not tell its time: our clock alone may be wrong by hours, and a day is only a wait."""
_REFUSALS = frozenset({400, 401, 402, 403, 404, 405, 410, 413, 415, 422})
_REFUSAL_CODES = frozenset(
    {
        "INVALID_PAYMENT_FORMAT", "INVALID_PAYMENT", "UNSUPPORTED_NETWORK", "INVALID_PAYMENT_RECIPIENT",
        "UNSUPPORTED_TOKEN", "UNSUPPORTED_SCHEME", "INVALID_AMOUNT", "INVALID_PAYMENT_PAYER", "AMOUNT_TOO_LOW",
        "AMOUNT_TOO_HIGH", "PAYMENT_VERIFICATION_FAILED", "SETTLEMENT_FAILED",
    }
)  # fmt: skip
"""With these the server says that it moved nothing (vendor's notes). Any other no may be that of a page in between."""
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


def is_documented(error: VeniceError | None) -> bool:
    """Whether a refusal has a code by which the server says that it moved nothing."""
    return isinstance(error, APIStatusError) and error.status in {400, 402} and error.code in _REFUSAL_CODES


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
    """The account's line that credits this payment, if there is one: a top-up of its amount that came after it.

    `others` are the payments of the same wallet that ended: each takes the line that is its own, so that this payment
    is not taken for landed by another's credit.
    """
    fitting = [line for line in _free(payment, lines, others) if _is_amount(line, payment)]
    return min(fitting, key=lambda line: line.created_at, default=None)


def altered_credit_of(
    payment: Payment, lines: Iterable[WalletTransaction], others: Sequence[Payment]
) -> WalletTransaction | None:
    """The line that may credit this payment after a fee or a bonus: the first one from half to twice its amount.

    For a payment that would be given up otherwise: to think that it landed is better than to pay it again.
    """
    fitting = [line for line in _free(payment, lines, others) if payment.usd / 2 <= line.usd <= payment.usd * 2]
    return min(fitting, key=lambda line: line.created_at, default=None)


def _free(payment: Payment, lines: Iterable[WalletTransaction], others: Sequence[Payment]) -> list[WalletTransaction]:
    """The account's top-ups that came after this payment was made, without those that are another's.

    What came after is told by its id, whatever its stamp. Only where the account could not be read beforehand do
    instants decide.
    """
    claimed = {other.line for other in others if other.line is not None}
    free = [line for line in lines if line.kind == TOP_UP and line.id not in claimed]
    for other in others:
        if other.state is PaymentState.SETTLED and other.line is None and not _was_before(other, payment):
            own = _line_of(other, free, payment)
            free = [line for line in free if line is not own]
    if payment.known is not None:
        return [line for line in free if line.id not in payment.known]
    return [line for line in free if line.created_at.timestamp() >= payment.since]


def _was_before(other: Payment, payment: Payment) -> bool:
    """Whether the other's credit is surely among the lines that were there before this payment was signed."""
    ended = other.closed_at if other.closed_at is not None else other.created_at
    return payment.known is not None and ended < payment.created_at


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
