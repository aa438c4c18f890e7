"""`wallet top-up`: shows what would be signed, asks, has it paid. The wallet's own rules decide what may be paid."""

import asyncio
import re
import time
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from venice_async.cli.funds import balance_of
from venice_async.cli.open_payments import finishing, is_over, payment_words, renewed_at, way_on
from venice_async.cli.options import ServerOptions
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, error_document
from venice_async.cli.wallet import client_of
from venice_async.cli.words import moment, money
from venice_async.client import VeniceClient
from venice_async.errors import Charge, ConfigurationError, TopUpPendingError, TopUpRefusedError
from venice_async.models import TopUp, WalletBalance
from venice_async.payments import Payment
from venice_async.payments.caps import MOST_USD
from venice_async.wire.text import clean

_DOLLARS = re.compile(r"\$?([0-9]{1,9}(?:\.[0-9]{1,6})?)")


@frozen(kw_only=True)
class TopUpOrder:
    """An amount, the most that may be signed for, and under which conditions."""

    usd: Decimal
    cap_usd: Decimal
    server: ServerOptions
    approved: bool = False

    @classmethod
    def of(cls, usd: str, cap: str | None, *, server: ServerOptions, approved: bool) -> "TopUpOrder":
        """What was typed. Raises ConfigurationError for a missing cap, one below the amount, and what is no amount."""
        if cap is None:
            raise ConfigurationError(
                "--cap USD is missing: the most that this command may sign for.",
                advice="Nothing is ever paid without a limit. To pay exactly the amount, give it as the limit as well.",
            )
        order = cls(usd=dollars(usd, "USD"), cap_usd=dollars(cap, "--cap"), server=server, approved=approved)
        if order.usd > order.cap_usd:
            raise ConfigurationError(
                f"{money(order.usd)} is above --cap {money(order.cap_usd)}: nothing was signed.",
                advice="Ask for less, or raise --cap.",
            )
        if order.usd > MOST_USD:
            raise ConfigurationError(f"One top-up is at most {money(Decimal(MOST_USD))}: nothing was signed.")
        return order


def dollars(text: str, name: str) -> Decimal:
    """A plain amount above zero. Raises ConfigurationError that names the argument."""
    found = _DOLLARS.fullmatch(text)
    amount = Decimal(found[1]) if found else Decimal(0)
    if not amount:
        raise ConfigurationError(
            f"{name} takes US dollars such as 10 or 7.50, with six decimals at most, not {clean(text, limit=40)!r}."
        )
    return amount


def top_up(order: TopUpOrder, terminal: Terminal) -> int:
    """Show, ask, pay; 0 only when the amount is credited.

    Raises ConfigurationError for what cannot be asked so, and VeniceError for what stopped it.
    """
    if not (order.approved or terminal.can_ask):
        raise ConfigurationError(
            "There is no terminal to ask at whether this may be paid.", advice="Agree with --yes; --cap holds anyway."
        )
    payments = run(_shown(order, terminal))
    if not (order.approved or _agreed(_question(order, payments, time.time()), terminal)):
        terminal.note("Nothing was signed.")
        return 1
    failure: TopUpPendingError | TopUpRefusedError
    try:
        done = run(_pay(order, terminal))
    except (TopUpPendingError, TopUpRefusedError) as error:
        failure = error
    else:
        return _report(done, order, terminal)
    terminal.tell({"error": error_document(failure)})
    terminal.fail(failure)
    terminal.note(_way_on(failure, order))
    return 1


def _agreed(question: str, terminal: Terminal) -> bool:
    try:
        return terminal.ask(question)
    except KeyboardInterrupt:
        terminal.note("Nothing was signed.")
        raise


def _way_on(failure: TopUpPendingError | TopUpRefusedError, order: TopUpOrder) -> str:
    """What to type while the payment is open. Its own amount: it may be the one of an earlier command."""
    command = finishing(failure.usd or order.usd, order.server)
    if isinstance(failure, TopUpPendingError) and failure.charge is Charge.NONE:  # another program has it signed
        until = "" if failure.expires_at is None else f", at the latest from {moment(failure.expires_at)} on"
        return f"Nothing was signed here. Type the same command again when that program is done{until}."
    if isinstance(failure, TopUpPendingError):
        return f"To finish it: {command} (sends the same payment again, signs nothing new)"
    after = renewed_at(failure.expires_at)
    if after is None:
        return f"To send this one again: {command}"
    when = moment(after)
    if time.time() > after:
        return "Its time is over: the next top-up signs a new one."
    return f"To send this one again: {command}\nTo drop it, wait: a new one can be signed from {when}."


async def _shown(order: TopUpOrder, terminal: Terminal) -> tuple[Payment, ...]:
    """Say what would be signed, before anybody is asked; what is open from earlier comes first."""
    async with client_of(order.server) as client:
        if not client.wallet.address.startswith("0x"):
            raise ConfigurationError(
                "This wallet is on Solana, and top-ups are paid in USDC on Base. Nothing was signed.",
                advice="Use a wallet on Base, or buy this one's credit with another tool.",
            )
        payments = await client.wallet.open_payments()
        _check_open(order, payments)
        balance = await balance_of(client)
        if balance is not None and not payments:
            _check_least(order, balance)
        for line in _lines(order, client, payments, balance):
            terminal.note(line)
    return payments


def _check_open(order: TopUpOrder, payments: tuple[Payment, ...]) -> None:
    """Raises ConfigurationError for an open payment above the cap: this command may not send that one again."""
    now = time.time()
    for payment in payments:
        if payment.usd > order.cap_usd and not is_over(payment, now):
            raise ConfigurationError(
                f"Open from earlier: {payment_words(payment, now)}. It is above --cap {money(order.cap_usd)}, so it is "
                "not sent again. Nothing was signed.",
                advice=way_on(payment, order.server, now) or "",
            )


def _check_least(order: TopUpOrder, balance: WalletBalance) -> None:
    """Raises ConfigurationError for less than the server takes: it would refuse what is about to be shown."""
    if order.usd < balance.minimum_top_up_usd:
        raise ConfigurationError(
            f"One top-up is at least {money(balance.minimum_top_up_usd)} at this server, and {money(order.usd)} was "
            "asked for: nothing was signed."
        )


def _lines(
    order: TopUpOrder, client: VeniceClient, payments: tuple[Payment, ...], balance: WalletBalance | None
) -> list[str]:
    host = clean(urlsplit(client.base_url).netloc, limit=200)
    facts = {
        "wallet": client.wallet.address,
        "amount": f"{money(order.usd)} in USDC, at most {money(order.cap_usd)}",
        "chain": "Base (eip155:8453)",
        "to": f"the account that {host} names for this payment",
        "credit": "not known" if balance is None else f"{money(balance.usd)} so far",
    }
    now = time.time()
    earlier = [f"Open from earlier: {payment_words(payment, now)}." for payment in payments]
    rule = ["That one comes first. Only where it can no longer be credited is a new one signed:"]
    head = [*earlier, *rule] if payments else ["To be signed, for good:"]
    return [*head, *(f"  {name:8}{text}" for name, text in facts.items())]


def _question(order: TopUpOrder, payments: tuple[Payment, ...], now: float) -> str:
    """Names every amount that a yes may move: a person may take longer to answer than the open payment is good."""
    if not payments:
        return f"Sign and pay {money(order.usd)}?"
    earlier, new = money(payments[0].usd), money(order.usd)
    if is_over(payments[0], now):
        return f"Sign and pay a new one of {new}, unless the {earlier} from earlier were credited after all?"
    after = renewed_at(payments[0].expires_at)
    late = "" if after is None else f"; or, where it is over ({moment(after)}), sign and pay a new one of {new}"
    return f"Send the open payment of {earlier} again{late}?"


async def _pay(order: TopUpOrder, terminal: Terminal) -> TopUp:
    terminal.note("Signing and paying; this may take a minute.")
    try:
        async with client_of(order.server) as client:
            return await client.wallet.top_up(order.usd, cap_usd=order.cap_usd)
    except asyncio.CancelledError:
        terminal.note("Stopped. If a payment was signed, it is kept and counts; nothing is signed twice.")
        terminal.note(f"To finish it: {finishing(order.usd, order.server)}")
        raise


def _report(done: TopUp, order: TopUpOrder, terminal: Terminal) -> int:
    """What came of it. An earlier payment that was finished instead may be less than what was asked for."""
    enough = done.usd >= order.usd
    terminal.tell({**_document(done), "asked_usd": order.usd})
    terminal.result(f"{money(done.usd)} credited{_now(done)}.")
    for name, text in {"payment": done.payment_id, "transaction": done.transaction}.items():
        if text:
            terminal.note(f"  {name:12}{clean(text, limit=200)}")
    if done.difference:
        terminal.note(clean(done.difference, limit=400))
    if done.resumed:
        terminal.note("That was the payment from earlier; nothing new was signed.")
    if not enough:
        terminal.note(f"For {money(order.usd)} more, type the same command again.")
    return 0 if enough else 1


def _now(done: TopUp) -> str:
    return "" if done.balance_usd is None else f"; the balance is {money(done.balance_usd)}"


def _document(done: TopUp) -> dict[str, Any]:
    return {
        "wallet": done.wallet_address,
        "usd": done.usd,
        "credited_usd": done.credited_usd,
        "balance_usd": done.balance_usd,
        "payment_id": done.payment_id,
        "transaction": done.transaction,
        "resumed": done.resumed,
    }
