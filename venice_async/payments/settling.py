"""A signed payment is sent, always the same bytes, until it is credited, refused or over; or left for the next call."""

import contextlib
import random
from typing import Any

from attrs import frozen

from venice_async.backoff import Backoff
from venice_async.errors import Charge, LedgerError, TopUpError, TopUpPendingError, TopUpRefusedError, VeniceError
from venice_async.models import TopUp, TopUpReceipt, WalletTransaction
from venice_async.payments import verdicts
from venice_async.payments.account import LARGEST_PAGE, Account, Payer
from venice_async.payments.book import Book
from venice_async.payments.payment import Payment, PaymentState
from venice_async.payments.posting import Answer, posted
from venice_async.payments.verdicts import Verdict

PAUSE = 1.0
"""Seconds between two posts at least: the server allows ten a minute."""

_IN_PROGRESS = Backoff(base=2.0, cap=15.0)
_TROUBLE = Backoff(base=1.0, cap=20.0, max_attempts=4)
_MOST_PAGES = 20


@frozen(kw_only=True)
class _Look:
    """What the account shows: the line that credits a payment, and whether all that matters could be read."""

    line: WalletTransaction | None = None
    whole: bool = False
    server_wall: float | None = None


class Settling:
    """Brings one wallet's signed payments to their end."""

    def __init__(self, client: Payer, book: Book, *, address: str, rng: random.Random, settled_within: float) -> None:
        self._client = client
        self._clock = client.clock
        self._book = book
        self._address = address
        self._account = Account(client, address)
        self._rng = rng
        self._settled_within = settled_within

    async def settled(self, payment: Payment, *, resumed: bool) -> TopUp | None:
        """Send a payment until it is settled; None where it is over and never moved money.

        Raises TopUpRefusedError and TopUpPendingError: then it stays open.
        """
        began, attempt = self._clock.monotonic(), 0
        while True:
            attempt += 1
            answer = await posted(self._client, payment)
            if answer.verdict is Verdict.SETTLED and answer.receipt is not None:
                return await self._close(payment, answer.receipt, resumed=resumed)
            elsewhere = await self._book.get(payment.number)
            if not elsewhere.is_open:  # another process has seen its end
                return self._top_up(elsewhere, resumed=resumed) if elsewhere.state is PaymentState.SETTLED else None
            pause = self._pause(answer, attempt, self._clock.monotonic() - began)
            if pause is None:
                break
            if answer.verdict is Verdict.IN_PROGRESS and attempt > 1:
                look = await self._look(payment)  # "in progress" may also mean "done before"
                if look.line is not None:
                    return await self._credited(payment, look.line, resumed=resumed)
            await self._clock.sleep(pause)
        return await self._judged(payment, answer, resumed=resumed, sent_before=resumed or attempt > 1)

    def _pause(self, answer: Answer, attempt: int, elapsed: float) -> float | None:
        """Seconds until the same payment is sent again; None where that is over."""
        if answer.verdict is Verdict.REFUSED:
            return None
        retry = _IN_PROGRESS if answer.verdict is Verdict.IN_PROGRESS else _TROUBLE
        asked = getattr(answer.error, "retry_after", None)
        pause = PAUSE + retry.delay(attempt, rng=self._rng, retry_after=asked)
        return None if retry.gives_up(attempt, elapsed) or elapsed + pause > self._settled_within else pause

    async def _judged(self, payment: Payment, answer: Answer, *, resumed: bool, sent_before: bool) -> TopUp | None:
        """What follows when no answer settled it: the account decides, then the clock."""
        refused = answer.verdict is Verdict.REFUSED
        look = _Look() if refused and not sent_before else await self._look(payment)
        if look.line is not None:
            return await self._credited(payment, look.line, resumed=resumed)
        if look.whole and self._is_over(payment, answer, look):
            if answer.receipt is not None:  # not this wallet, or not this amount: but it was taken, by its word
                await self._close(payment, answer.receipt, resumed=resumed)
                raise _misplaced(payment, answer.receipt)
            ended = await self._book.move(payment, PaymentState.EXPIRED, closed_at=self._clock.wall())
            return self._top_up(ended, resumed=resumed) if ended.state is PaymentState.SETTLED else None
        if not refused:
            raise pending(payment, answer.error)
        await self._book.move(payment, PaymentState.REFUSED)
        raise _refused(payment, answer.error)

    def _is_over(self, payment: Payment, answer: Answer, look: _Look) -> bool:
        margin = verdicts.MARGIN if answer.verdict is not Verdict.IN_PROGRESS else verdicts.MARGIN_IN_PROGRESS
        return verdicts.is_over(payment, wall=self._clock.wall(), server_wall=look.server_wall, margin=margin)

    async def _look(self, payment: Payment) -> _Look:
        """The account's lines since the payment. What cannot be read proves nothing."""
        others = await self._book.payments(with_open=False)
        lines: dict[str, WalletTransaction] = {}
        offset = 0
        with contextlib.suppress(VeniceError):
            for _ in range(_MOST_PAGES):
                page, server_wall = await self._account.page(limit=LARGEST_PAGE, offset=offset)
                lines.update({line.id: line for line in page.transactions})
                offset += len(page.transactions)
                reached = any(line.created_at.timestamp() < payment.since for line in page.transactions)
                if reached or not page.has_more or not page.transactions:
                    line = verdicts.credit_of(payment, lines.values(), others)
                    return _Look(line=line, whole=True, server_wall=server_wall)
        return _Look()

    async def _credited(self, payment: Payment, line: WalletTransaction, *, resumed: bool) -> TopUp:
        """Record that the account shows the payment."""
        facts = {"line": line.id, "balance": line.balance_after_usd}
        return self._top_up(await self._recorded(payment, facts), resumed=resumed)

    async def _close(self, payment: Payment, receipt: TopUpReceipt, *, resumed: bool) -> TopUp:
        """Record what a receipt says."""
        facts = {"payment_id": receipt.payment_id, "tx": receipt.transaction, "balance": receipt.balance_usd}
        return self._top_up(await self._recorded(payment, facts), resumed=resumed)

    async def _recorded(self, payment: Payment, facts: dict[str, Any]) -> Payment:
        try:
            return await self._book.move(payment, PaymentState.SETTLED, closed_at=self._clock.wall(), **facts)
        except LedgerError as error:
            failure = error.with_traceback(None)
        failure.charge = Charge.CHARGED
        failure.advice = (
            f"The top-up of ${payment.usd} was credited. Mend the file: then the next call finds out the same, "
            "and signs nothing for it."
        )
        raise failure

    def _top_up(self, payment: Payment, *, resumed: bool) -> TopUp:
        return TopUp(
            wallet_address=self._address,
            usd=payment.usd,
            balance_usd=payment.balance_usd,
            payment_id=payment.payment_id,
            transaction=payment.transaction,
            resumed=resumed,
        )


def pending(payment: Payment, error: VeniceError | None = None) -> TopUpPendingError:
    """The error of a payment whose outcome is open."""
    said = f" The last answer: {error.message}" if error is not None and error.message else ""
    return TopUpPendingError(
        f"A top-up of ${payment.usd} was signed and sent, and is not settled yet.{said}",
        usd=payment.usd,
        expires_at=payment.expires_at,
    )


def _refused(payment: Payment, error: VeniceError | None) -> TopUpRefusedError:
    said = error.message if error is not None else ""
    return TopUpRefusedError(
        said or f"The server refused a top-up of ${payment.usd}.",
        usd=payment.usd,
        status=getattr(error, "status", 0),
        code=getattr(error, "code", None),
        expires_at=payment.expires_at,
    )


def _misplaced(payment: Payment, receipt: TopUpReceipt) -> TopUpError:
    return TopUpError(
        f"The server says that it credited ${receipt.credited_usd} to {receipt.wallet_address}, and ${payment.usd} "
        f"was paid by {payment.wallet}. The account shows no such credit.",
        usd=payment.usd,
        charge=Charge.CHARGED,
        advice=f"Ask Venice's support about payment {receipt.payment_id}.",
    )
