"""`wallet balance` and `wallet transactions`: what a wallet has at Venice, and where it went. Nothing is paid."""

import contextlib
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from venice_async.cli.open_payments import payment_document, payment_words, way_on
from venice_async.cli.options import ServerOptions
from venice_async.cli.terminal import Terminal
from venice_async.cli.words import money
from venice_async.client import VeniceClient
from venice_async.clock import SystemClock
from venice_async.credentials import WALLET_KEY
from venice_async.errors import ConfigurationError
from venice_async.links import is_loopback
from venice_async.models import WalletBalance, WalletTransaction
from venice_async.payments import Payment, Wallet
from venice_async.signin import Chain, WalletAuth

_MOST_ROWS = 100
"""Rows of one page, as the server has it."""
_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "time (UTC)": {"no_wrap": True},
    "kind": {"no_wrap": True},
    "amount": {"no_wrap": True, "justify": "right"},
    "balance": {"no_wrap": True, "justify": "right"},
    "model": {"overflow": "fold"},
    "request": {"overflow": "fold"},
}


def client_of(server: ServerOptions) -> VeniceClient:
    """A client that signs in with the wallet of VENICE_WALLET_KEY, whether there is an API key or not.

    Raises ConfigurationError where there is no such key, or one that is none.
    """
    server.client()  # what is wrong with the options is said first
    return VeniceClient(
        auth=_auth(server), base_url=server.base_url or None, clock=SystemClock(speed=server.time_scale)
    )


def _auth(server: ServerOptions) -> WalletAuth:
    if not os.environ.get(WALLET_KEY, "").strip():
        what = f"Set {WALLET_KEY} to the private key of a wallet on Base or Solana."
        if is_loopback(urlsplit(server.base_url).hostname or ""):
            what = f"Set {WALLET_KEY} to 64 random hex digits: to an emulator any key is a wallet, so take no real one."
        raise ConfigurationError(f"There is no wallet: {WALLET_KEY} is not set.", advice=what)
    return WalletAuth.from_env()


@contextlib.asynccontextmanager
async def opened_wallet(server: ServerOptions) -> AsyncIterator[Wallet]:
    """The wallet of VENICE_WALLET_KEY at that server."""
    async with client_of(server) as client:
        yield client.wallet


async def show_balance(server: ServerOptions, terminal: Terminal) -> int:
    """Show what the wallet has, and what was signed and not heard of. Raises ConfigurationError, and VeniceError."""
    async with opened_wallet(server) as wallet:
        balance = await wallet.balance()
        payments = await wallet.open_payments()
        address, chain = wallet.address, wallet.chain
    pending = [payment_document(payment) for payment in payments]
    terminal.tell({"wallet": address, **balance_document(balance), "open_payments": pending})
    terminal.result(address)
    for line in _lines(balance, payments, server, chain=chain, now=time.time()):
        terminal.result(line)
    return 0


def _lines(
    balance: WalletBalance, payments: Sequence[Payment], server: ServerOptions, *, chain: Chain, now: float
) -> list[str]:
    facts = {
        "credit": money(balance.usd),
        "DIEM": None if balance.diem_usd is None else f"{money(balance.diem_usd)}, spent before the credit",
        "can consume": "yes" if balance.can_consume else f"no: {_too_little(balance, chain)}",
    }
    told = [f"  {name:14}{text}" for name, text in facts.items() if text]
    for payment in payments:
        told.append(f"  {'open payment':14}{payment_words(payment, now)}")
        if hint := way_on(payment, server, now):
            told.append(f"  {'':14}{hint}")
    return told


def _too_little(balance: WalletBalance, chain: Chain) -> str:
    if chain is not Chain.BASE:
        return "add credit with another tool; top-ups by venice-async are paid on Base"
    least = balance.minimum_top_up_usd
    return f"venice-async wallet top-up USD --cap USD, {money(least)} or more" if least else "the credit is too low"


def balance_document(balance: WalletBalance) -> dict[str, Any]:
    """A balance as JSON."""
    return {
        "balance_usd": balance.usd,
        "can_consume": balance.can_consume,
        "diem_usd": balance.diem_usd,
        "minimum_top_up_usd": balance.minimum_top_up_usd,
        "suggested_top_up_usd": balance.suggested_top_up_usd,
    }


def rows_wanted(limit: int | None, *, everything: bool, usual: int) -> int | None:
    """How many rows to show; None for all. Raises ConfigurationError for what cannot be."""
    if everything:
        if limit is not None:
            raise ConfigurationError("Say --limit or --all, not both.")
        return None
    if limit is not None and limit < 1:
        raise ConfigurationError("--limit must be 1 or more.")
    return usual if limit is None else limit


async def list_transactions(server: ServerOptions, terminal: Terminal, wanted: int | None) -> int:
    """Show the newest transactions, all of them for None. Raises ConfigurationError, and VeniceError."""
    async with opened_wallet(server) as wallet:
        found = await _newest(wallet, wanted)
        address = wallet.address
    rows, more = found[:wanted], wanted is not None and len(found) > wanted
    terminal.tell({"wallet": address, "transactions": [_document(row) for row in rows], "more": more})
    if not rows:
        terminal.note("This wallet has no transactions.")
        return 0
    terminal.table(_COLUMNS, [_cells(row) for row in rows])
    if more:
        terminal.note(f"These are the newest {len(rows)}; there are more: --limit N, or --all.")
    return 0


async def _newest(wallet: Wallet, wanted: int | None) -> list[WalletTransaction]:
    """So many and one, which tells whether there are more."""
    size = _MOST_ROWS if wanted is None else min(_MOST_ROWS, wanted + 1)
    found: list[WalletTransaction] = []
    async for row in wallet.transactions(page_size=size):
        found.append(row)
        if wanted is not None and len(found) > wanted:
            break
    return found


def _cells(row: WalletTransaction) -> list[str]:
    at = row.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    kind = row.kind.lower().replace("_", "-")
    return [at, kind, _signed(row.usd), money(row.balance_after_usd), row.model or "-", row.request_id or "-"]


def _signed(usd: Decimal) -> str:
    return f"{'-' if usd < 0 else '+'}{money(abs(usd))}"


def _document(row: WalletTransaction) -> dict[str, Any]:
    return {
        "id": row.id,
        "created_at": row.created_at.astimezone(UTC).isoformat(),
        "kind": row.kind,
        "usd": row.usd,
        "balance_after_usd": row.balance_after_usd,
        "model": row.model,
        "request_id": row.request_id,
    }
