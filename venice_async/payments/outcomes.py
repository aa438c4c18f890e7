"""What a person is told of a payment that did not end well: what happened, what to do, and until when."""

from decimal import Decimal

from venice_async.errors import (
    BadRequestError,
    Charge,
    LedgerError,
    ReplyLostError,
    TopUpError,
    TopUpPendingError,
    TopUpRefusedError,
    UnexpectedRedirectError,
    VeniceError,
)
from venice_async.payments.payment import Payment, instant

_UNFUNDED = frozenset({"SETTLEMENT_FAILED"})
"""Codes of a transfer that the chain did not take: nearly always the wallet holds too little USDC."""
_FARTHEST = 60
"""Seconds by which our clock may differ from the server's."""
_SHORTEST = 30
"""Seconds that a payment must be good for by both clocks, where the offer allows as many."""
_CLOCK = "Set this machine's clock (NTP), then call top_up again (or type the same command)."


def unsigned(failure: VeniceError) -> VeniceError:
    """What went wrong before anything was signed, told so; what it says of a paid call is not about this one."""
    said = _sentence(failure.message) if failure.message else ""
    failure.args = (f"{said} Nothing was signed.".lstrip(),)
    if isinstance(failure, BadRequestError | UnexpectedRedirectError):
        failure.advice = "Check base_url, and any proxy in between: the question for the offer is answered with 402."
    elif failure.charge is not Charge.NONE or isinstance(failure, ReplyLostError):
        failure.advice = "Call top_up again later (or type the same command)."
    failure.charge = Charge.NONE
    return failure


def check_clock(*, wall: float, server_wall: float | None, seconds: int) -> None:
    """Raises TopUpError where our clock and the server's are too far apart for a payment that is good for `seconds`.

    A server that does not tell its time is believed to have ours.
    """
    if server_wall is None:
        return
    ahead = wall - server_wall
    if abs(ahead) <= _FARTHEST and not seconds - abs(ahead) < _SHORTEST <= seconds:
        return
    raise TopUpError(
        f"This machine's clock is {abs(ahead):.0f} seconds {'ahead of' if ahead > 0 else 'behind'} the server's, and a "
        "payment is good for a short time only, which both have to count alike: nothing was signed.",
        advice=_CLOCK,
    )


def reserved_elsewhere(payment: Payment, *, until: float) -> TopUpPendingError:
    """The error of a payment that another program has begun and not signed."""
    return TopUpPendingError(
        f"Another program began a top-up of ${payment.usd} of this wallet and has not signed it yet. "
        f"It counts until {instant(until)} at the latest: should that program have died, a call after that goes on. "
        "Nothing was signed here.",
        usd=payment.usd,
        expires_at=until,
        charge=Charge.NONE,
        advice="Let it finish, then call top_up again (or type the same command).",
    )


def above_the_cap(payment: Payment, *, cap: Decimal, over_at: float, blocked: str) -> TopUpPendingError:
    """The error of an open payment that is above a call's cap: that call may not have it moved."""
    return TopUpPendingError(
        f"An earlier top-up of ${payment.usd} is open, and above this call's cap of ${cap}: it was not sent again, and "
        f"nothing was signed. The account does not show it so far.{_stuck(blocked)}",
        usd=payment.usd,
        expires_at=payment.expires_at,
        advice=(
            f"To finish it, call top_up with a cap of ${payment.usd} or more (the same with --cap). To drop it, wait: "
            f"it is over at {instant(over_at)}, and then this same call signs its own, unless that one was credited."
        ),
    )


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


def refused(
    payment: Payment, error: VeniceError | None, *, blocked: str, late: bool, doubted: bool
) -> TopUpRefusedError:
    """The error of a payment that the server did not take; `late` says that its time is over by our clock.

    `doubted` says that any answer to it, this one too, leaves room for it having been taken.
    """
    status, code = getattr(error, "status", 0), getattr(error, "code", None)
    named = f" ({code})" if code else ""
    said = f" {_sentence(error.message)}" if error is not None and error.message else ""
    return TopUpRefusedError(
        f"The top-up of ${payment.usd} was not taken{named}.{said}{_stuck(blocked)}",
        usd=payment.usd,
        status=status,
        code=code,
        expires_at=payment.expires_at,
        charge=Charge.UNVERIFIED if doubted else Charge.NONE,
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
