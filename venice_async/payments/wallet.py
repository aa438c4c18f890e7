"""`venice.wallet`: the credit of a wallet at Venice, its lines, and top-ups."""

import contextlib
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from attrs import evolve

from venice_async.errors import ConfigurationError
from venice_async.links import check_base_url
from venice_async.models import TopUp, WalletBalance, WalletTransaction
from venice_async.payments.account import LARGEST_PAGE, Account, Payer
from venice_async.payments.book import Book, in_thread
from venice_async.payments.caps import Limits, TopUpPolicy, Usd, approved, units_of
from venice_async.payments.crowd import Crowd
from venice_async.payments.offers import NETWORK
from venice_async.payments.payment import Payment, PaymentState
from venice_async.payments.topup import SETTLED_WITHIN, SIGNING_WITHIN, PaymentSigner, TopUps
from venice_async.signin import Chain


class WalletSigner(PaymentSigner, Protocol):
    """What a wallet needs of a `WalletAuth`."""

    @property
    def chain(self) -> Chain: ...


class Wallet:
    """One wallet's account at the server of one client; `venice.wallet` makes it.

    `store` is where payments are recorded, None for the default: VENICE_PAYMENTS, or
    `venice-async/payments.sqlite3` in the user's state folder. Everything that is promised of caps and of paying
    once holds among all programs that use the same file. It is opened for each step only: nothing is to be closed.

    `signing_within` are real seconds for a signature, `settled_within` seconds for which one call sends its payment.
    """

    def __init__(
        self,
        client: Payer,
        auth: WalletSigner,
        *,
        store: Path | None,
        rng: random.Random | None = None,
        signing_within: float = SIGNING_WITHIN,
        settled_within: float = SETTLED_WITHIN,
    ) -> None:
        self._client = client
        self._auth = auth
        self._store = store
        self._origin = origin_of(client.base_url)
        self._crowd = Crowd()
        self._make_top_ups = partial(
            TopUps,
            client,
            auth,
            crowd=self._crowd,
            rng=rng or random.Random(),
            signing_within=signing_within,
            settled_within=settled_within,
        )
        self._parts: tuple[Account, Book, TopUps] | None = None

    async def _opened(self) -> tuple[Account, Book, TopUps]:
        if self._parts is None:
            # Asked for the first time, the address takes a while: libraries are imported.
            address = await in_thread(lambda: self._auth.address)
            if self._parts is None:
                book = Book(self._store, origin=self._origin, wallet=address)
                self._parts = Account(self._client, address), book, self._make_top_ups(book)
        return self._parts

    @property
    def address(self) -> str:
        """The wallet's address: checksummed on Base, base58 on Solana."""
        return self._auth.address

    @property
    def chain(self) -> Chain:
        """Where the wallet lives. Top-ups are paid on Base only."""
        return self._auth.chain

    @property
    def remaining_usd(self) -> Decimal | None:
        """The credit in US dollars after the client's latest request, as the server said; None before that."""
        return self._client.exchanger.remaining_usd

    async def balance(self) -> WalletBalance:
        """The wallet's credit (`GET /x402/balance/{wallet}`). Free. Tried again on passing trouble.

        Raises SignInError where the server does not take the sign-in.
        """
        account, _book, _top_ups = await self._opened()
        return await account.balance()

    async def transactions(self, *, page_size: int = LARGEST_PAGE) -> AsyncIterator[WalletTransaction]:
        """Charges, refunds and top-ups, newest first, each once (`GET /x402/transactions/{wallet}`). Free.

        Read in pages of `page_size` (1 to 100) as they are needed. Lines that are written meanwhile may be missing:
        begin again for those.
        """
        account, _book, _top_ups = await self._opened()
        async with contextlib.aclosing(account.lines(page_size=page_size)) as lines:
            async for line in lines:
                yield line

    async def top_up(self, usd: Usd, *, cap_usd: Usd) -> TopUp:
        """Buy credit with USDC on Base (`POST /x402/top-up`). **This moves real money, and there is no undo.**

        `usd` is what is paid, in US dollars with six decimals at most. `cap_usd` bounds what this call signs together
        with all other top-ups of this wallet at this server that run at the same time, in any program with the same
        record; each of several calls in a row has all of it. There is no top-up without a cap.

        An earlier payment whose outcome is open is finished first: it is sent again as it is, and when it is
        credited it is what this call gives (`resumed`), whatever its amount; then nothing new is signed. One above
        `cap_usd` is not sent again: it is only looked for in the account. Only when the earlier one has expired, and
        the account shows no credit of it, is another signed. So call it again after any error, and after a crash: it
        never pays twice.

        Before a payment is signed the account is read once, which is free and takes a sign-in: what is credited later
        is told from what was there by that, and not by clocks. Where it cannot be read, instants have to do.

        Cancelled, it leaves nothing signed, or an open payment that counts and that the next call finishes.

        Raises InvalidRequestError for amounts that cannot be, SpendingCapError above the cap, UntrustedOfferError
        where the server asks for anything but USDC on Base on the documented terms, TopUpError where this machine's
        clock and the server's are more than a minute apart, SignerError where the wallet does not sign,
        ConfigurationError for a Solana wallet and without the libraries, LedgerError with `charge` NONE where the
        record cannot be read or written: in all these cases nothing new was signed and sent. TopUpRefusedError and
        TopUpPendingError leave the payment open, and it counts until it is settled or has expired; so does a
        LedgerError with another `charge`, whose `usd` and `expires_at` tell of it. Where another amount is credited
        than was paid, `credited_usd` and `difference` of what this gives say so.
        """
        units, cap = approved(usd, cap_usd)
        self._check_chain()
        return await self._pay(units, Limits(cap=cap))

    async def top_up_within(self, policy: TopUpPolicy) -> TopUp:
        """Pay `policy.usd` where all caps of the policy allow it: for programs that top up without asking anybody.

        The caps count every automatic payment that was signed for this wallet at this server, credited or not.
        Raises and finishes what is open as `top_up` does.
        """
        self._check_chain()
        limits = Limits(cap=units_of(policy.per_payment_usd), policy=policy)
        return await self._pay(units_of(policy.usd), limits)

    async def _pay(self, units: int, limits: Limits) -> TopUp:
        with self._crowd.call() as call:
            _account, _book, top_ups = await self._opened()
            return await top_ups.pay(units, limits, call)

    async def open_payments(self) -> tuple[Payment, ...]:
        """Signed payments whose outcome is open: one at most, shown without what was signed. Reads the record only.

        `top_up` finishes it.
        """
        _account, book, _top_ups = await self._opened()
        payments = await book.payments(with_open=True)
        signed = (payment for payment in payments if payment.state is not PaymentState.RESERVED)
        return tuple(evolve(payment, header=None) for payment in signed)

    def _check_chain(self) -> None:
        if self._auth.chain.caip2 != NETWORK:
            raise ConfigurationError(
                "Top-ups are paid in USDC on Base, and this is a Solana wallet: nothing was signed.",
                advice="Top this wallet up on Venice's own page, or use a wallet on Base.",
            )

    def __repr__(self) -> str:
        return f"<Wallet {self._auth!r} at {self._origin}>"


def origin_of(base_url: str) -> str:
    """Scheme, host and port of a server in one spelling, by which its payments are told from another's."""
    parts = urlsplit(check_base_url(base_url))
    port = parts.port or {"https": 443, "http": 80}[parts.scheme]
    host = (parts.hostname or "").rstrip(".")
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
