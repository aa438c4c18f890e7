"""A payment that was signed and is not settled: what may still become of it and until when, and what to type."""

from decimal import Decimal
from typing import Any

from venice_async.cli.options import ServerOptions
from venice_async.cli.words import instant, moment, money
from venice_async.payments import Payment, PaymentState
from venice_async.payments.verdicts import MARGIN, MARGIN_IN_PROGRESS


def renewed_at(expires_at: float | None, *, busy: bool = False) -> float | None:
    """Unix seconds from which on another payment can be signed in the place of one that expires at this instant.

    Later where the server said that it is `busy` with it.
    """
    return None if expires_at is None else expires_at + (MARGIN_IN_PROGRESS if busy else MARGIN)


def is_over(payment: Payment, now: float) -> bool:
    """Whether the next top-up need not send it again: it looks whether it was credited, or signs a new one."""
    after = renewed_at(payment.expires_at, busy=payment.busy)
    return after is not None and now > after


def payment_words(payment: Payment, now: float) -> str:
    """An open payment on one line."""
    refused = payment.state is PaymentState.REFUSED
    told = f"{money(payment.usd)}, signed, {'refused by the server' if refused else 'outcome open'}"
    after = renewed_at(payment.expires_at, busy=payment.busy)
    if after is None:
        return told
    if now > after:
        return f"{told}; its time is over: the next top-up signs a new one, unless this one was credited after all"
    until = "" if payment.expires_at is None else f" until {moment(payment.expires_at)}"
    way = "to drop it, wait:" if refused else f"it may move money{until};"
    return f"{told}; {way} a new one can be signed from {moment(after)}"


def way_on(payment: Payment, server: ServerOptions, now: float) -> str | None:
    """What to type about it; None where only a new payment could come of that."""
    if is_over(payment, now):
        return None
    why = "When the cause is mended, to send it again" if payment.state is PaymentState.REFUSED else "To finish it"
    return f"{why}: {finishing(payment.usd, server)}"


def finishing(usd: Decimal, server: ServerOptions) -> str:
    """The command that sends an open payment again, while it is good."""
    amount = f"{usd.normalize():f}"
    return f"venice-async wallet top-up {amount} --cap {amount}{server.arguments()}"


def payment_document(payment: Payment) -> dict[str, Any]:
    """An open payment as JSON."""
    return {
        "usd": payment.usd,
        "state": payment.state.value,
        "created_at": instant(payment.created_at),
        "expires_at": instant(payment.expires_at),
        "new_one_from": instant(renewed_at(payment.expires_at, busy=payment.busy)),
    }
