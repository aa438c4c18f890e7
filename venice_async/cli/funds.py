"""Which credential pays, and whether a wallet's credit covers what is to be paid; by which command it would."""

import asyncio
import contextlib
import os
from decimal import ROUND_UP, Decimal

from attrs import frozen

from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money
from venice_async.client import VeniceClient
from venice_async.credentials import API_KEY, WALLET_KEY
from venice_async.errors import VeniceError
from venice_async.models import WalletBalance
from venice_async.signin import Chain

LEAST_CREDIT = Decimal("0.10")
"""US dollars of credit below which a wallet is served nothing, not even the videos that it paid for."""
_LEAST, _MOST = Decimal(5), Decimal(10_000)
"""US dollars of one top-up, as the vendor's notes have it. Not what a server says: people type what is proposed."""
_PATIENCE = 10.0
"""Real seconds for the balance: it is a kindness, and nothing depends on it."""


def tell_payer(terminal: Terminal) -> None:
    """Where there are two ways in, say which one is taken."""
    if os.environ.get(API_KEY) and os.environ.get(WALLET_KEY):
        terminal.note(f"{API_KEY} pays; the wallet of {WALLET_KEY} is not used. To pay by wallet, unset {API_KEY}.")


@frozen(kw_only=True)
class Funds:
    """What a wallet has, beside what it is to pay. `balance` is None where it could not be had."""

    balance: WalletBalance | None
    on_base: bool
    server: ServerOptions

    @property
    def credit_usd(self) -> Decimal | None:
        """US dollars of credit, where it is known."""
        return None if self.balance is None else self.balance.usd

    def lines(self, usd: Decimal) -> list[str]:
        """The credit beside a price, and what to do where it is too little, or as good as."""
        if self.balance is None:
            return [f"{money(usd)} needed; what the wallet's credit is could not be had."]
        diem = f", and {money(self.balance.diem_usd)} of DIEM, which is spent first" if self.balance.diem_usd else ""
        head = f"{money(usd)} needed; the wallet's credit is {money(self.balance.usd)}{diem}."
        if diem or usd < self.balance.usd - LEAST_CREDIT:
            return [head]
        if usd > self.balance.usd:
            return [f"{head} That is too little: what it does not cover is held.", self.top_up(usd)]
        left = f"What is left then ({money(self.balance.usd - usd)}) is too little to fetch the videos with"
        return [f"{head} {left}: below {money(LEAST_CREDIT)} a wallet is served nothing.", self.top_up(usd)]

    def top_up(self, usd: Decimal) -> str:
        """The command after which so much is covered, and the videos can be fetched."""
        if not self.on_base:
            return "To add credit: with another tool; top-ups by venice-async are paid on Base, and this is Solana."
        wanted = None if self.balance is None else max(_LEAST, usd + LEAST_CREDIT - self.balance.usd)
        if wanted is None or wanted > _MOST:
            return f"To add credit: venice-async wallet top-up USD --cap USD{self.server.arguments()}"
        typed = f"{wanted.quantize(Decimal('0.01'), ROUND_UP).normalize():f}"
        return f"To add enough: venice-async wallet top-up {typed} --cap {typed}{self.server.arguments()}"


async def funds_of(server: ServerOptions) -> Funds | None:
    """What the wallet has that is the way in, by one call that costs nothing; None where an API key is."""
    async with server.client() as client:
        if not client.has_wallet:
            return None
        on_base = client.wallet.chain is Chain.BASE
        return Funds(balance=await balance_of(client), on_base=on_base, server=server)


async def balance_of(client: VeniceClient) -> WalletBalance | None:
    """The wallet's balance; None where it cannot be had soon."""
    with contextlib.suppress(VeniceError, TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            return await client.wallet.balance()
    return None


async def tell_funds(server: ServerOptions, usd: Decimal, terminal: Terminal) -> Funds | None:
    """Show what a wallet has beside what is to be paid; nothing for an API key."""
    funds = await funds_of(server)
    for line in [] if funds is None else funds.lines(usd):
        terminal.note(line)
    return funds
