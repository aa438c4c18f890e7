"""One attempt of one call, inside the account's limits: signed, sent, a bad answer raised as a typed error."""

import asyncio
import contextlib
import email.utils
import functools
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from types import TracebackType
from typing import Final, TypeVar

from venice_async.auth import Auth
from venice_async.bodies import error_body, whole_body
from venice_async.errors import (
    PaymentRequiredError,
    ReplyLostError,
    SendError,
    SignInError,
    VeniceError,
    WalletBalanceError,
)
from venice_async.governor import Governor, Kind, Ticket
from venice_async.links import link_secrets
from venice_async.transport import Reply, Transport
from venice_async.wire.exchange import Call, Channel, ReplyHead
from venice_async.wire.failures import failure_of
from venice_async.wire.text import redacted, redacted_tree
from venice_async.wire.wallet import remaining_of

T = TypeVar("T")

_NOT_SIGNED: Final = frozenset({"top_up"})
"""Calls that need no credential: what is paid there says who pays, and a signature more may be a question more."""


class Exchanger:
    """Puts transport, credential and limits together; knows what the calls are for as little as it can.

    `remaining_usd` is what the latest good answer said is left of a wallet's credit.
    """

    def __init__(self, *, transport: Transport, governor: Governor, auth: Auth) -> None:
        self.transport = transport
        self.governor = governor
        self._auth = auth
        self.remaining_usd: Decimal | None = None

    def open(self, call: Call, kind: Kind, ticket: Ticket | None = None, *, accepted: tuple[int, ...] = ()) -> "Opened":
        """A good answer, as an async context manager: 2xx, or a status that is `accepted`.

        Waits for the right to send unless a `ticket` is given. Raises the typed error of any other
        answer, and what `Transport.send` raises. A wallet's exchange has its place in the lane all the while.
        """
        if self.governor.lane is None or call.channel is Channel.MEDIA:
            return Opened(self, call, kind, ticket, accepted)
        return WalletOpened(self, call, kind, ticket, accepted)

    async def answer(
        self,
        call: Call,
        kind: Kind,
        decode: Callable[[ReplyHead, bytes], T],
        ticket: Ticket | None = None,
        *,
        accepted: tuple[int, ...] = (),
        partial: bytearray | None = None,
    ) -> T:
        """What `decode` makes of a good answer, read whole; `partial` is given its bytes, also of one that is cut.

        Raises as `open` and `decode` do. The errors come without their inner frames: the answer stands there under
        local names, and may repeat a secret.
        """
        try:
            async with self.open(call, kind, ticket, accepted=accepted) as reply:
                return decode(reply.head, await whole_body(reply, into=partial))
        except VeniceError as error:
            failure = error.with_traceback(None)
        raise failure

    async def signed(self, call: Call) -> Call:
        """The call with its credential. Private links get none: whoever serves them must not see it."""
        if call.channel is Channel.MEDIA or call.name in _NOT_SIGNED:
            return call
        headers = {**call.headers, **await self._auth.headers()}
        return Call(
            name=call.name, method=call.method, url=call.url, channel=call.channel, headers=headers, body=call.body
        )

    def failure(self, call: Call, head: ReplyHead, body: bytes) -> VeniceError:
        """The error that a bad answer means, without the secrets that the server may repeat in it."""
        # Signed headers are texts of their own kinds, whose repr shows nothing.
        hidden = (str(value) for value in call.headers.values() if type(value) is not str)
        links = link_secrets(call.url) if call.channel is Channel.MEDIA else ()
        secrets = (*self._auth.secrets(), *hidden, *links)
        headers = {name: redacted(value, secrets) for name, value in head.headers.items()}
        text = redacted(body.decode("latin-1"), secrets)  # latin-1 keeps every byte as it is, whatever the charset
        error = failure_of(call.name, ReplyHead(status=head.status, headers=headers), text.encode("latin-1"))
        by_wallet = call.name not in _NOT_SIGNED and hasattr(self._auth, "in_flight")
        if by_wallet and type(error) is PaymentRequiredError:
            error.advice = WalletBalanceError.advice  # a wallet has no limit that one could raise
        # Base64 and JSON's escapes may hide them from the eyes of a search in the bytes.
        error.args = (redacted(error.message, secrets),)
        vars(error).update({name: redacted_tree(value, secrets) for name, value in vars(error).items()})
        return error

    def learn_time(self, head: ReplyHead) -> None:
        """Let the credential set its clock by the server's."""
        learn = getattr(self._auth, "learn_time", None)
        with contextlib.suppress(TypeError, ValueError, OverflowError):  # no instant that one could go by
            instant = email.utils.parsedate_to_datetime(head.headers.get("date", "")).timestamp()
            if learn is not None:
                learn(instant)

    def learn_remaining(self, head: ReplyHead) -> None:
        """Remember what an answer says is left of a wallet's credit, where it says so."""
        if (usd := remaining_of(head.headers)) is not None:
            self.remaining_usd = usd


class Opened:
    """The context of one attempt. A class, because generators for it would cost more than the work itself."""

    __slots__ = ("_accepted", "_call", "_exchange", "_exchanger", "_kind", "_refused", "_ticket")

    def __init__(
        self, exchanger: Exchanger, call: Call, kind: Kind, ticket: Ticket | None, accepted: tuple[int, ...]
    ) -> None:
        self._exchanger = exchanger
        self._call = call
        self._kind = kind
        self._ticket = ticket
        self._accepted = accepted

    async def __aenter__(self) -> Reply:
        governor = self._exchanger.governor
        ticket = self._ticket or await governor.acquire(self._kind)
        try:
            call = await self._exchanger.signed(self._call)
            ticket.signed = True
            self._exchange: AbstractAsyncContextManager[Reply] = self._exchanger.transport.send(call)
            reply = await self._exchange.__aenter__()
            if 200 <= reply.head.status < 300 or reply.head.status in self._accepted:
                governor.settle(ticket, reply.head)
                return reply
            try:
                body = await error_body(reply)
            finally:
                await self._exchange.__aexit__(None, None, None)
            error = self._exchanger.failure(call, reply.head, body)
            head = self._refused = reply.head
            del body, reply  # the server's own words may repeat a secret, and a traceback keeps local names
            governor.settle(ticket, head, error)
            raise error
        finally:
            governor.settle(ticket)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)


class WalletOpened(Opened):
    """The same for a wallet: with its place in the lane, and one more attempt where a signature came too late.

    A sign-in that is refused proves that nothing was processed, so the paid call may be signed anew as well.
    """

    __slots__ = ("_stay",)

    async def __aenter__(self) -> Reply:
        given = self._ticket
        try:
            return await self._attempt(given)
        except SignInError as error:
            if not error.is_stale:
                raise
            learns = error.is_clock
        if learns:
            self._exchanger.learn_time(self._refused)
        return await self._attempt_anew(given)

    async def _attempt_anew(self, given: Ticket | None) -> Reply:
        """With a right to send of its own. On the given one it is seen whether anything may have left all the same."""
        if given is None:
            return await self._attempt(None)
        given.signed = False  # what left under it was refused
        try:
            return await self._attempt(None)
        finally:
            given.signed = self._ticket is not None and self._ticket.signed

    async def _attempt(self, given: Ticket | None) -> Reply:
        governor = self._exchanger.governor
        ticket = self._ticket = await governor.board(self._kind, given)
        ticket.sending = True
        stay = self._stay = _Stay(governor, ticket)
        try:
            reply = await super().__aenter__()
        except BaseException as error:
            done = isinstance(error, VeniceError) and not isinstance(error, SendError | ReplyLostError)
            stay.end(broken_off=not done)
            raise
        self._exchanger.learn_remaining(reply.head)
        return _WalletReply(reply, stay)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            self._stay.end(broken_off=True)


class _Stay:
    """One exchange's place in the lane. Whoever can still read of the answer holds it; forgotten, it ends by itself."""

    __slots__ = ("_governor", "_loop", "_over", "_ticket")

    def __init__(self, governor: Governor, ticket: Ticket) -> None:
        self._governor = governor
        self._ticket = ticket
        self._loop = asyncio.get_running_loop()
        self._over = False

    def end(self, *, broken_off: bool = False) -> None:
        """Give the place back. Twice is once."""
        if not self._over:
            self._over = True
            self._governor.leave(self._ticket, broken_off=broken_off)

    def __del__(self) -> None:
        if self._over:
            return
        leave = functools.partial(self._governor.leave, self._ticket, broken_off=True)
        try:
            self._loop.call_soon_threadsafe(leave)  # what is thrown away may be noticed in any thread
        except RuntimeError:  # the loop is over as well
            leave()


class _WalletReply:
    """An answer whose last byte gives the place in the lane back: a body that is read whole is done with."""

    __slots__ = ("_reply", "_stay", "head")

    def __init__(self, reply: Reply, stay: _Stay) -> None:
        self._reply = reply
        self._stay = stay
        self.head = reply.head

    def chunks(self) -> AsyncIterator[bytes]:
        return _WalletChunks(self._reply.chunks(), self._stay)


class _WalletChunks:
    # Not a generator around another one: who stops in the middle leaves nothing of it behind.

    __slots__ = ("_chunks", "_stay")

    def __init__(self, chunks: AsyncIterator[bytes], stay: _Stay) -> None:
        self._chunks = chunks
        self._stay = stay

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._stay.end()
            raise
