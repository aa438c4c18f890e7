"""What a person is told of a payment that did not end well: what happened, what to do, and until when."""

from venice_async.errors import Charge, LedgerError, TopUpError, TopUpPendingError, TopUpRefusedError, VeniceError
from venice_async.payments.payment import Payment, instant

_UNFUNDED = frozenset({"SETTLEMENT_FAILED"})
"""Codes of a transfer that the chain did not take: nearly always the wallet holds too little USDC."""


def pending(payment: Payment, error: VeniceError | None = None, *, blocked: str = "") -> TopUpPendingError:
    """The error of a payment whose outcome is open; `blocked` is why the account, which would show it, does not."""
    said = f" The last answer: {_sentence(error.message)}" if error is not None and error.message else ""
    if payment.credited_to is not None:
        said += f" The server said that it credited another wallet, {payment.credited_to}."
    return TopUpPendingError(
        f"A top-up of ${payment.usd} was signed and sent, and is not settled yet.{said}{_stuck(blocked)}",
        usd=payment.usd,
        expires_at=payment.expires_at,
    )


def refused(payment: Payment, error: VeniceError | None, *, blocked: str, late: bool) -> TopUpRefusedError:
    """The error of a payment that the server did not take; `late` says that its time is over by our clock."""
    status, code = getattr(error, "status", 0), getattr(error, "code", None)
    named = f" ({code})" if code else ""
    said = f" {_sentence(error.message)}" if error is not None and error.message else ""
    return TopUpRefusedError(
        f"The top-up of ${payment.usd} was not taken{named}.{said}{_stuck(blocked)}",
        usd=payment.usd,
        status=status,
        code=code,
        expires_at=payment.expires_at,
        advice=f"{_cure(payment, code)} {_next(payment, late=late)}",
    )


def _cure(payment: Payment, code: str | None) -> str:
    if code in _UNFUNDED:
        return (
            f"Most often the wallet has too little USDC: see that {payment.wallet} holds ${payment.usd} or more in "
            "USDC on Base, then call top_up again (or type the same command)."
        )
    return "Mend the cause, then call top_up again (or type the same command)."


def _next(payment: Payment, *, late: bool) -> str:
    if payment.expires_at is None:
        return "That sends this same payment again and signs no other."
    until = instant(payment.expires_at)
    if late:
        return f"This payment expired at {until}: as soon as the server confirms that, the same call signs a new one."
    return (
        f"Until {until}, when this payment expires, that sends this same one again and signs no other; "
        "a little later it signs a new one."
    )


def unrecorded(payment: Payment, failure: LedgerError) -> LedgerError:
    """The failure of the record while a signed payment was on its way, with what it means for that payment."""
    failure.usd, failure.expires_at = payment.usd, payment.expires_at
    if failure.charge is Charge.CHARGED:
        failure.advice = (
            f"The top-up of ${payment.usd} was credited. Mend the file: then the next call finds out the same, "
            "and signs nothing for it."
        )
    else:
        failure.charge = Charge.UNVERIFIED
        until = "" if payment.expires_at is None else f" until {instant(payment.expires_at)}"
        failure.advice = (
            f"A top-up of ${payment.usd} was signed and sent, and may move money{until}. Put the file back as it was, "
            "then call top_up again: that sends the same payment and signs nothing new."
        )
    return failure


def misplaced(payment: Payment) -> TopUpError:
    """The error of a payment that went to another wallet, by the server's word."""
    return TopUpError(
        f"The server says that it credited ${payment.credited_usd} to {payment.credited_to}, and ${payment.usd} was "
        f"paid by {payment.wallet}. The account shows no such credit.",
        usd=payment.usd,
        charge=Charge.CHARGED,
        advice=f"Ask Venice's support about payment {payment.payment_id}.",
    )


def _stuck(blocked: str) -> str:
    if not blocked:
        return ""
    return (
        " Its time is over, but the wallet's account, which shows whether it was credited, cannot be read to the end "
        f"({blocked.rstrip('.')}): nothing new is signed until it can."
    )


def _sentence(text: str) -> str:
    return text if text[-1:] in ".!?…" else f"{text}."
