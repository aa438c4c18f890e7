"""The record of payments, for the event loop: where its file stands, and its steps in a thread."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from venice_async.errors import ConfigurationError, LedgerError
from venice_async.payments.caps import Mark, Wish
from venice_async.payments.payment import Payment, PaymentState, Purse

if TYPE_CHECKING:
    from venice_async.payments.store import Store

_T = TypeVar("_T")


class Book:
    """One wallet's payments at one server. Holds nothing open between its steps.

    Each step is one durable transaction. A cancelled caller waits until its step is done, then the cancellation
    goes on: nobody is left to guess whether something was recorded.
    """

    def __init__(self, path: Path | None, *, origin: str, wallet: str) -> None:
        self._given = path
        self._purse = Purse(origin=origin, wallet=wallet.lower() if wallet.startswith("0x") else wallet)
        self._found: Store | None = None

    @property
    def _store(self) -> "Store":
        if self._found is None:
            from venice_async.payments.store import Store  # SQLite is loaded by whoever needs it

            self._found = Store(self._given or default_path())
        return self._found

    async def mark(self) -> Mark:
        """What is on record now, for a call that begins."""
        return await in_thread(partial(self._store.mark, self._purse))

    async def open_payment(self) -> Payment | None:
        """The one that is open, with its header."""
        return await in_thread(partial(self._store.open_payment, self._purse))

    async def payments(self, *, with_open: bool) -> list[Payment]:
        """Those that are open, or all that ended; oldest first."""
        return await in_thread(partial(self._store.payments, self._purse, with_open=with_open))

    async def get(self, number: int) -> Payment:
        """One payment as it is now."""
        return await in_thread(partial(self._store.get, number))

    async def check(self, wish: Wish, *, now: float) -> None:
        """Raises SpendingCapError where a payment would not fit now; `reserve` decides."""
        await in_thread(partial(self._store.check, self._purse, wish, now=now))

    async def reserve(self, wish: Wish, *, now: float, stale_after: float) -> tuple[Payment, bool]:
        """A new payment and True, or the one that is open and False; see `Store.reserve`.

        A cancelled caller leaves nothing reserved.
        """
        store, made = self._store, list[Payment]()

        def step() -> tuple[Payment, bool]:
            payment, is_new = store.reserve(self._purse, wish, now=now, stale_after=stale_after)
            if is_new:
                made.append(payment)
            return payment, is_new

        try:
            return await in_thread(step)
        except BaseException:
            for payment in made:
                await self.give_up(payment, now=now)
            raise

    async def give_up(self, payment: Payment, *, now: float, signed_until: int | None = None) -> None:
        """A reserved payment is void; a signed one stays signed. What cannot be recorded grows stale instead.

        One whose signature came and was not used, good until `signed_until`, goes on counting under the caps.
        """
        state = PaymentState.VOID if signed_until is None else PaymentState.EXPIRED
        with contextlib.suppress(LedgerError):
            await in_thread(partial(self._store.give_up, payment.number, state, closed_at=now, expires_at=signed_until))

    async def move(self, payment: Payment, state: PaymentState, **changes: Any) -> Payment:
        """The payment in its new state, or as another process has ended it."""
        return await in_thread(partial(self._store.move, payment.number, state, **changes))

    async def settle_late(self, payment: Payment, **changes: Any) -> Payment:
        """The payment, credited, by a receipt; also where another process thought that it was over."""
        return await in_thread(partial(self._store.settle_late, payment.number, **changes))

    async def keep_told(self, payment: Payment, **told: Any) -> Payment:
        """The payment with what a receipt tells of it and another wallet."""
        return await in_thread(partial(self._store.keep_told, payment.number, **told))

    async def keep_busy(self, payment: Payment, *, busy: bool) -> Payment:
        """The payment with what the server says of its progress."""
        return await in_thread(partial(self._store.keep_busy, payment.number, busy=busy))

    def __repr__(self) -> str:
        return f"<Book of {self._purse.wallet} at {self._purse.origin}>"


def default_path() -> Path:
    """VENICE_PAYMENTS, or a file in the user's state folder: one for all wallets.

    Caps and the rule "never twice" hold for whoever uses the same file. Raises ConfigurationError where no home
    folder can be found.
    """
    named = os.environ.get("VENICE_PAYMENTS")
    if named:
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME")
    problem = False
    try:
        folder = Path(state) if state and Path(state).is_absolute() else Path.home() / ".local" / "state"
    except RuntimeError:
        problem = True
    if problem:
        raise ConfigurationError("There is no home folder to keep the payments in.", advice="Set VENICE_PAYMENTS.")
    return folder / "venice-async" / "payments.sqlite3"


async def in_thread(step: Callable[[], _T]) -> _T:
    """What a blocking step gives. A cancelled caller waits until it is done: a thread cannot be stopped."""
    running = asyncio.get_running_loop().run_in_executor(None, step)
    cancelled = None
    while not running.done():
        try:
            await asyncio.wait({running})
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        if not running.cancelled():
            running.exception()  # looked at, or asyncio would report that nobody did
        raise cancelled
    return running.result()
