"""`wallet top-up`: shows what would be signed, asks, has it paid. The wallet's own rules decide what may be paid."""

import asyncio
import re
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen

from venice_async.cli.options import ServerOptions
from venice_async.cli.running import run
from venice_async.cli.terminal import Terminal, error_document
from venice_async.cli.wallet import client_of, finishing, payment_words
from venice_async.cli.words import money
from venice_async.client import VeniceClient
from venice_async.errors import ConfigurationError, TopUpPendingError
from venice_async.models import TopUp
from venice_async.payments import Payment
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
        return order


def dollars(text: str, name: str) -> Decimal:
    """A plain amount above zero. Raises ConfigurationError that names the argument."""
    found = _DOLLARS.fullmatch(text)
    amount = Decimal(found[1]) if found else Decimal(0)
    if not amount:
        raise ConfigurationError(f"{name} takes US dollars such as 10 or 7.50, not {clean(text, limit=40)!r}.")
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
    if not (order.approved or terminal.ask(_question(order, payments))):
        terminal.note("Nothing was signed.")
        return 1
    try:
        done = run(_pay(order, terminal))
    except TopUpPendingError as error:
        pending = error
    else:
        return _report(done, order, terminal)
    terminal.tell({"error": error_document(pending)})
    terminal.fail(pending)
    terminal.note(f"{finishing(order.usd, order.server)} (sends the same payment again, signs nothing new)")
    return 1


async def _shown(order: TopUpOrder, terminal: Terminal) -> tuple[Payment, ...]:
    """Say what would be signed, before anybody is asked; what is open from earlier comes first."""
    async with client_of(order.server) as client:
        if not client.wallet.address.startswith("0x"):
            raise ConfigurationError(
                "This wallet is on Solana, and top-ups are paid in USDC on Base. Nothing was signed.",
                advice="Use a wallet on Base, or buy this one's credit with another tool.",
            )
        payments = await client.wallet.open_payments()
        for line in _lines(order, client, payments):
            terminal.note(line)
    return payments


def _lines(order: TopUpOrder, client: VeniceClient, payments: tuple[Payment, ...]) -> list[str]:
    host = clean(urlsplit(client.base_url).netloc, limit=200)
    facts = {
        "wallet": client.wallet.address,
        "amount": f"{money(order.usd)} in USDC, at most {money(order.cap_usd)}",
        "chain": "Base (eip155:8453)",
        "to": f"the account that {host} names for this payment",
    }
    earlier = [f"Open from earlier: {payment_words(payment)}." for payment in payments]
    rule = ["That one is sent again first. Only where it can no longer be credited is a new one signed:"]
    head = [*earlier, *rule] if payments else ["To be signed, for good:"]
    return [*head, *(f"  {name:8}{text}" for name, text in facts.items())]


def _question(order: TopUpOrder, payments: tuple[Payment, ...]) -> str:
    if payments:
        return f"Finish the open payment of {money(payments[0].usd)}?"
    return f"Sign and pay {money(order.usd)}?"


async def _pay(order: TopUpOrder, terminal: Terminal) -> TopUp:
    terminal.note("Signing and paying; this may take a minute.")
    try:
        async with client_of(order.server) as client:
            return await client.wallet.top_up(order.usd, cap_usd=order.cap_usd)
    except asyncio.CancelledError:
        terminal.note("Stopped. If a payment was signed, it is kept and counts; nothing is signed twice.")
        terminal.note(finishing(order.usd, order.server))
        raise


def _report(done: TopUp, order: TopUpOrder, terminal: Terminal) -> int:
    """What came of it. An earlier payment that was finished instead may be less than what was asked for."""
    enough = done.usd >= order.usd
    terminal.tell({**_document(done), "asked_usd": order.usd})
    terminal.result(f"{money(done.usd)} credited{_now(done)}.")
    for name, text in {"payment": done.payment_id, "transaction": done.transaction}.items():
        if text:
            terminal.note(f"  {name:12}{clean(text, limit=200)}")
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
        "balance_usd": done.balance_usd,
        "payment_id": done.payment_id,
        "transaction": done.transaction,
        "resumed": done.resumed,
    }
