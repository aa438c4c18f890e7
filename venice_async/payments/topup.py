"""The steps of a top-up: what is open is finished first; a new payment is reserved, signed, recorded, and then sent.

Whatever cuts this off, at any instant, leaves nothing signed, or a row from which the next call goes on. A payment
is sent as often as it takes, always the same bytes: it moves money once at most. So nothing here is shielded from
cancellation: the file knows as much as any task could.
"""

import asyncio
import contextlib
import copy
import random
from functools import partial
from typing import Protocol

from attrs import evolve

from venice_async.errors import SignerError, TopUpError, TopUpPendingError, TopUpRefusedError, VeniceError
from venice_async.models import TopUp
from venice_async.payments.account import Account, Payer
from venice_async.payments.book import Book, in_thread
from venice_async.payments.caps import Limits, Mark, Wish
from venice_async.payments.crowd import Call, Crowd
from venice_async.payments.makers import is_gone
from venice_async.payments.offers import chosen
from venice_async.payments.outcomes import check_clock, reserved_elsewhere
from venice_async.payments.payment import Payment, PaymentState, usd_of
from venice_async.payments.posting import offered
from venice_async.payments.settling import PAUSE, Settling
from venice_async.payments.signing import Draft, drafted, header_of
from venice_async.signin import PaymentToSign

SIGNING_WITHIN = 300.0
"""Seconds for a signature. A person may have to find a device first."""
SETTLED_WITHIN = 120.0
"""Seconds for which a call sends its payment again before it gives up and leaves it to the next call."""

_STALE_AFTER = 60.0
"""Seconds beside the time for signing after which a reserved payment is nobody's."""
_OLDER = 3600.0
"""Seconds that a credit may seem to be older than its payment, where only instants tell them apart."""
_LOOKED_WITHIN = 60.0
"""Seconds for the look at the account before a signature: a signer of one's own is asked for a sign-in there."""


class PaymentSigner(Protocol):
    """What a top-up needs of a `WalletAuth`."""

    @property
    def address(self) -> str: ...

    async def sign_payment(self, payment: PaymentToSign) -> str: ...


class TopUps:
    """The top-ups of one wallet at one server, one after the other."""

    def __init__(
        self,
        client: Payer,
        auth: PaymentSigner,
        book: Book,
        *,
        crowd: Crowd,
        rng: random.Random,
        signing_within: float = SIGNING_WITHIN,
        settled_within: float = SETTLED_WITHIN,
    ) -> None:
        self._client = client
        self._clock = client.clock
        self._auth = auth
        self._book = book
        self._account = Account(client, auth.address)
        self._settling = Settling(client, book, address=auth.address, rng=rng, settled_within=settled_within)
        self._signing_within = signing_within
        self._settled_within = settled_within
        self._turn = asyncio.Lock()
        self._crowd = crowd
        self._rounds = 0
        self._trouble: VeniceError | None = None

    async def pay(self, units: int, limits: Limits, call: Call) -> TopUp:
        """Pay so much, or finish what is open. See `Wallet.top_up` for what is raised."""
        began = self._rounds
        try:
            mark = await self._book.mark()
            async with self._turn:
                if self._trouble is not None and self._rounds > began:
                    # What is open could not be finished while this call stood in line: it need not try the same.
                    raise copy.copy(self._trouble)
                return await self._noting_trouble(call, mark, units, limits)
        except VeniceError as error:
            failure = error.with_traceback(None)  # a signed payment stands in its frames under local names
        raise failure

    async def _noting_trouble(self, call: Call, mark: Mark, units: int, limits: Limits) -> TopUp:
        self._trouble = None
        try:
            return await self._pay(call, mark, units, limits)
        except (TopUpPendingError, TopUpRefusedError) as error:
            self._trouble = copy.copy(error)
            raise
        finally:
            self._rounds += 1
            self._crowd.rests()

    async def _pay(self, call: Call, mark: Mark, units: int, limits: Limits) -> TopUp:
        while True:
            finished = await self._finished(limits)
            if finished is not None:
                return finished
            wish = Wish(units=units, limits=limits, mark=call.earlier(mark))
            await self._book.check(wish, now=self._clock.wall())
            draft, since = await self._drafted(units, limits)
            wish = evolve(wish, pay_to=draft.question.pay_to, since=since)
            payment, is_new = await self._book.reserve(wish, now=self._clock.wall(), stale_after=self._stale_after)
            if is_new:
                return await self._paid(payment, draft)
            # Another process was faster: its payment is finished first.

    async def _paid(self, payment: Payment, draft: Draft) -> TopUp:
        signed = await self._signed(payment, draft)
        settled = await self._settling.settled(signed, resumed=False)
        if settled is None:
            raise TopUpError(
                f"The payment of ${payment.usd} has expired, and the account shows no credit of it.",
                usd=payment.usd,
                advice="Call top_up again: that signs a new one.",
            )
        return settled

    async def _finished(self, limits: Limits) -> TopUp | None:
        """What came of the payment that was open; None where there is none any more. One above the cap is not sent."""
        payment = await self._book.open_payment()
        if payment is not None and payment.state is PaymentState.RESERVED:
            payment = await self._signed_elsewhere(payment)
        if payment is None:
            return None
        self._crowd.works_on(payment.number)
        if payment.units > limits.cap:
            return await self._settling.unsent(payment, cap=usd_of(limits.cap))
        return await self._settling.settled(payment, resumed=True)

    async def _signed_elsewhere(self, payment: Payment) -> Payment | None:
        """Another process is about to sign: the payment when it has, None when it will not or has even finished."""
        deadline = self._clock.monotonic() + self._settled_within
        while payment.state is PaymentState.RESERVED:
            gone = await in_thread(partial(is_gone, payment.maker))
            if gone or payment.is_stale(now=self._clock.wall(), after=self._stale_after):
                await self._book.give_up(payment, now=self._clock.wall())
                payment = await self._book.get(payment.number)
                break
            if self._clock.monotonic() >= deadline:
                raise reserved_elsewhere(payment, until=payment.created_at + self._stale_after)
            await self._clock.sleep(PAUSE)
            payment = await self._book.get(payment.number)
        return payment if payment.is_open else None

    @property
    def _stale_after(self) -> float:
        return self._signing_within + _STALE_AFTER

    async def _drafted(self, units: int, limits: Limits) -> tuple[Draft, float]:
        """A payment on the server's terms, checked and not signed, and since when it can have been credited."""
        options, server_wall = await offered(self._client)
        offer = chosen(options, wallet=self._auth.address, units=units, cap=limits.cap)
        now = self._clock.wall()
        check_clock(wall=now, server_wall=server_wall, seconds=offer.seconds)
        # By the clock that is behind: what is good for longer than the offer says may be refused.
        wall = now if server_wall is None else min(now, server_wall)
        draft = await in_thread(partial(drafted, offer, units=units, address=self._auth.address, wall=wall))
        return draft, wall - _OLDER

    async def _signed(self, payment: Payment, draft: Draft) -> Payment:
        """The payment, signed and recorded; void again where that does not come about."""
        self._crowd.reserves(payment.number)
        signed: Payment | None = None
        header = None
        try:
            known = await self._known()
            signature = await self._signature(draft.question)
            header = await in_thread(partial(header_of, draft, signature))
            if self._clock.wall() >= draft.valid_before:
                raise SignerError("The signature came so late that the payment had expired: nothing was sent.")
            signed = await self._book.move(
                payment,
                PaymentState.SIGNED,
                header=header,
                nonce=draft.nonce,
                expires_at=draft.valid_before,
                known=known,
            )
        finally:
            if signed is None:
                until = None if header is None else draft.valid_before
                await self._book.give_up(payment, now=self._clock.wall(), signed_until=until)
        if signed.state is not PaymentState.SIGNED:
            raise SignerError("The signature came after another program had given this payment up: nothing was sent.")
        return signed

    async def _known(self) -> frozenset[str] | None:
        """The account's lines of before, while nobody else can pay: the reserved payment keeps its place."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOKED_WITHIN):  # real seconds, as for a signature
                return await self._account.newest()
        return None

    async def _signature(self, question: PaymentToSign) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._signing_within):  # real seconds: people and devices have no others
                return await self._auth.sign_payment(question)
        raise SignerError(f"The wallet did not sign within {self._signing_within:g} seconds: nothing was sent.")
