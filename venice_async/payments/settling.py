"""A signed payment is sent, always the same bytes, until it is credited, refused or over; or left for the next call."""

import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from attrs import frozen

from venice_async.backoff import Backoff
from venice_async.errors import Charge, LedgerError, VeniceError
from venice_async.models import TopUp, TopUpReceipt, WalletTransaction
from venice_async.payments import verdicts
from venice_async.payments.account import LARGEST_PAGE, MOST_PAGES, Account, Payer
from venice_async.payments.book import Book
from venice_async.payments.outcomes import above_the_cap, misplaced, pending, refused, unrecorded
from venice_async.payments.payment import Payment, PaymentState
from venice_async.payments.posting import Answer, posted
from venice_async.payments.verdicts import Verdict
from venice_async.wire.wallet import credits_of

PAUSE = 1.0
"""Seconds between two posts at least: the server allows ten a minute."""

_IN_PROGRESS = Backoff(base=2.0, cap=15.0)
_TROUBLE = Backoff(base=1.0, cap=20.0, max_attempts=4)
_PAGE_PAUSE = 3.0
"""Seconds between two pages of the account: the server allows twenty a minute."""
_FEW_PAGES = 3


@frozen(kw_only=True)
class _Look:
    """What the account shows since a payment; `blocked` says why it could not be read to the end, where that is so."""

    lines: Sequence[WalletTransaction] = ()
    others: Sequence[Payment] = ()
    blocked: str = "it was not looked at"
    server_wall: float | None = None


def _is_before(line: WalletTransaction, payment: Payment) -> bool:
    """Whether a line was there before the payment was signed, and with it all that are listed after it."""
    if payment.known is not None:
        return line.id in payment.known
    return line.created_at.timestamp() < payment.since


def _margin(payment: Payment) -> float:
    return verdicts.MARGIN_IN_PROGRESS if payment.busy else verdicts.MARGIN


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
        """Send a payment until it is settled; None where it is over and, by the server's word, moved no money.

        Raises TopUpRefusedError and TopUpPendingError: then it stays open. Where the record fails, LedgerError says
        what became of the payment, or that nobody knows.
        """
        try:
            return await self._settled(payment, resumed=resumed)
        except LedgerError as error:
            failure = error.with_traceback(None)
        raise unrecorded(payment, failure)

    async def _settled(self, payment: Payment, *, resumed: bool) -> TopUp | None:
        began, attempt = self._clock.monotonic(), 0
        doubted = resumed and payment.state is PaymentState.SIGNED
        while True:
            attempt += 1
            answer = await posted(self._client, payment)
            if answer.verdict is Verdict.SETTLED and answer.receipt is not None:
                return await self._close(payment, answer.receipt, resumed=resumed)
            doubted = doubted or not verdicts.is_documented(answer.error)
            payment = await self._noted(payment, answer)
            if not payment.is_open:  # another process has seen its end
                return self._end_of(payment, resumed=resumed)
            pause = self._pause(answer, attempt, self._clock.monotonic() - began)
            if pause is None:
                return await self._judged(payment, answer, resumed=resumed, doubted=doubted)
            if answer.verdict is Verdict.IN_PROGRESS and attempt > 1:
                look = await self._look(payment, pages=_FEW_PAGES)  # "in progress" may also mean "done before"
                line = verdicts.credit_of(payment, look.lines, look.others) if not look.blocked else None
                if line is not None:
                    return self._end_of(await self._credited(payment, line), resumed=resumed)
            await self._clock.sleep(pause)

    async def _noted(self, payment: Payment, answer: Answer) -> Payment:
        """The payment as it is on record, with what the answer changes about it.

        What was only ever refused has never moved money, if the server is honest; after any other answer that is
        not known. And a server that says once that it credited another wallet may not say it again.
        """
        receipt = answer.receipt
        if receipt is not None:
            told = {"credited_to": receipt.wallet_address, "credited": receipt.credited_usd}
            await self._book.keep_told(payment, payment_id=receipt.payment_id, tx=receipt.transaction, **told)
        plainly_refused = verdicts.is_documented(answer.error)
        busy = not plainly_refused and (payment.busy or answer.verdict is Verdict.IN_PROGRESS)
        if busy is not payment.busy:
            payment = await self._book.keep_busy(payment, busy=busy)
        if not plainly_refused and payment.state is PaymentState.REFUSED:
            return await self._book.move(payment, PaymentState.SIGNED)
        return await self._book.get(payment.number)

    def _pause(self, answer: Answer, attempt: int, elapsed: float) -> float | None:
        """Seconds until the same payment is sent again; None where that is over."""
        if answer.verdict is Verdict.REFUSED:
            return None
        retry = _IN_PROGRESS if answer.verdict is Verdict.IN_PROGRESS else _TROUBLE
        asked = getattr(answer.error, "retry_after", None)
        pause = PAUSE + retry.delay(attempt, rng=self._rng, retry_after=asked)
        return None if retry.gives_up(attempt, elapsed) or elapsed + pause > self._settled_within else pause

    async def _judged(self, payment: Payment, answer: Answer, *, resumed: bool, doubted: bool) -> TopUp | None:
        """What follows when no answer settled it: the account decides, then the clock.

        While a payment that was only ever refused is good, a credit of its amount is rather somebody else's.
        """
        late, look = self._is_late(payment), _Look()
        if doubted or late:
            look = await self._look(payment)
            ended = await self._ended(payment, look, doubted=doubted)
            if ended is not None:
                return self._end_of(ended, resumed=resumed)
        blocked = look.blocked if late else ""
        if answer.verdict is not Verdict.REFUSED:
            raise pending(payment, answer.error, blocked=blocked)
        if not doubted:
            await self._book.move(payment, PaymentState.REFUSED)
        raise refused(payment, answer.error, blocked=blocked, late=late, doubted=doubted)

    async def unsent(self, payment: Payment, *, cap: Decimal) -> TopUp | None:
        """What became of an open payment that may not be sent by this call; None where it is over, as above.

        Raises TopUpPendingError where that is not known yet.
        """
        look = await self._look(payment)
        doubted = payment.state is PaymentState.SIGNED
        ended = await self._ended(payment, look, doubted=doubted)
        if ended is not None:
            return self._end_of(ended, resumed=True)
        over_at = (payment.expires_at or payment.created_at) + _margin(payment)
        blocked = look.blocked if self._is_late(payment) else ""
        raise above_the_cap(payment, cap=cap, over_at=over_at, blocked=blocked)

    async def _ended(self, payment: Payment, look: _Look, *, doubted: bool) -> Payment | None:
        """The payment in its last state, where the account and the clock tell it; None where it stays open."""
        if look.blocked:
            return None
        over = verdicts.is_over(payment, wall=self._clock.wall(), server_wall=look.server_wall, margin=_margin(payment))
        line = verdicts.credit_of(payment, look.lines, look.others) if doubted or over else None
        if line is None and doubted and over:
            line = verdicts.altered_credit_of(payment, look.lines, look.others)
        if line is not None:
            return await self._credited(payment, line)
        return await self._over(payment) if over else None

    def _is_late(self, payment: Payment) -> bool:
        return verdicts.is_over(payment, wall=self._clock.wall(), server_wall=self._clock.wall())

    async def _look(self, payment: Payment, *, pages: int = MOST_PAGES) -> _Look:
        """The account's lines since the payment. What cannot be read proves nothing."""
        others = await self._book.payments(with_open=False)
        lines: dict[str, WalletTransaction] = {}
        offset = 0
        blocked = f"there are more than {pages * LARGEST_PAGE} lines"
        for number in range(pages):
            if number:
                await self._clock.sleep(_PAGE_PAUSE)
            try:
                page, server_wall = await self._account.page(limit=LARGEST_PAGE, offset=offset, read=credits_of)
            except VeniceError as error:
                blocked = error.message
                break
            lines.update({line.id: line for line in page.transactions})
            count = len(page.transactions) + page.left_out
            offset += count
            reached = any(_is_before(line, payment) for line in page.transactions)
            if reached or not page.has_more or not count:
                return _Look(lines=tuple(lines.values()), others=others, blocked="", server_wall=server_wall)
        return _Look(blocked=blocked or "it cannot be read")

    async def _credited(self, payment: Payment, line: WalletTransaction) -> Payment:
        """Record that the account shows the payment."""
        facts = {"line": line.id, "balance": line.balance_after_usd, "credited": line.usd, "credited_to": None}
        return await self._recorded(payment, facts, late=False)

    async def _close(self, payment: Payment, receipt: TopUpReceipt, *, resumed: bool) -> TopUp | None:
        """Record what a receipt says."""
        facts = {"payment_id": receipt.payment_id, "tx": receipt.transaction, "balance": receipt.balance_usd}
        facts |= {"credited": receipt.credited_usd, "credited_to": None}
        return self._end_of(await self._recorded(payment, facts, late=True), resumed=resumed)

    async def _over(self, payment: Payment) -> Payment:
        """Record that it cannot be credited any more, or not here: by its own word the server took that one."""
        state = PaymentState.EXPIRED if payment.credited_to is None else PaymentState.SETTLED
        return await self._book.move(payment, state, closed_at=self._clock.wall())

    async def _recorded(self, payment: Payment, facts: dict[str, Any], *, late: bool) -> Payment:
        closed_at = self._clock.wall()
        try:
            if late:
                return await self._book.settle_late(payment, closed_at=closed_at, **facts)
            return await self._book.move(payment, PaymentState.SETTLED, closed_at=closed_at, **facts)
        except LedgerError as error:
            failure = error.with_traceback(None)
        failure.charge = Charge.CHARGED
        raise failure

    def _end_of(self, payment: Payment, *, resumed: bool) -> TopUp | None:
        """What a payment that has ended came to; None where it moved no money."""
        if payment.state is not PaymentState.SETTLED:
            return None
        if payment.credited_to is not None:
            raise misplaced(payment)
        return TopUp(
            wallet_address=self._address,
            usd=payment.usd,
            balance_usd=payment.balance_usd,
            payment_id=payment.payment_id,
            transaction=payment.transaction,
            resumed=resumed,
            credited_usd=payment.credited_usd,
        )
