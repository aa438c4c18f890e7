"""One attempt of one call, inside the account's limits: signed, sent, a bad answer raised as a typed error."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TypeVar

from venice_async.auth import Auth
from venice_async.bodies import error_body, whole_body
from venice_async.errors import VeniceError
from venice_async.governor import Governor, Kind, Ticket
from venice_async.links import link_secrets
from venice_async.transport import Reply, Transport
from venice_async.wire.exchange import Call, Channel, ReplyHead
from venice_async.wire.failures import failure_of
from venice_async.wire.text import redacted, redacted_tree

T = TypeVar("T")


class Exchanger:
    """Puts transport, credential and limits together; knows no endpoint."""

    def __init__(self, *, transport: Transport, governor: Governor, auth: Auth) -> None:
        self.transport = transport
        self.governor = governor
        self._auth = auth

    def open(self, call: Call, kind: Kind, ticket: Ticket | None = None, *, accepted: tuple[int, ...] = ()) -> "Opened":
        """A good answer, as an async context manager: 2xx, or a status that is `accepted`.

        Waits for the right to send unless a `ticket` is given. Raises the typed error of any other
        answer, and what `Transport.send` raises.
        """
        return Opened(self, call, kind, ticket, accepted)

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
        if call.channel is Channel.MEDIA:
            return call
        headers = {**call.headers, **await self._auth.headers()}
        return Call(
            name=call.name, method=call.method, url=call.url, channel=call.channel, headers=headers, body=call.body
        )

    def failure(self, call: Call, head: ReplyHead, body: bytes) -> VeniceError:
        """The error that a bad answer means, without the secrets that the server may repeat in it."""
        secrets = (*self._auth.secrets(), *(link_secrets(call.url) if call.channel is Channel.MEDIA else ()))
        headers = {name: redacted(value, secrets) for name, value in head.headers.items()}
        text = redacted(body.decode("latin-1"), secrets)  # latin-1 keeps every byte as it is, whatever the charset
        error = failure_of(call.name, ReplyHead(status=head.status, headers=headers), text.encode("latin-1"))
        # Base64 and JSON's escapes may hide them from the eyes of a search in the bytes.
        error.args = (redacted(error.message, secrets),)
        vars(error).update({name: redacted_tree(value, secrets) for name, value in vars(error).items()})
        return error


class Opened:
    """The context of one attempt. A class, because generators for it would cost more than the work itself."""

    __slots__ = ("_accepted", "_call", "_exchange", "_exchanger", "_kind", "_ticket")

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
            self._exchange: AbstractAsyncContextManager[Reply] = self._exchanger.transport.send(
                await self._exchanger.signed(self._call)
            )
            reply = await self._exchange.__aenter__()
            if 200 <= reply.head.status < 300 or reply.head.status in self._accepted:
                governor.settle(ticket, reply.head)
                return reply
            try:
                body = await error_body(reply)
            finally:
                await self._exchange.__aexit__(None, None, None)
            error = self._exchanger.failure(self._call, reply.head, body)
            head = reply.head
            del body, reply  # the server's own words may repeat a secret, and a traceback keeps local names
            governor.settle(ticket, head, error)
            raise error
        finally:
            governor.settle(ticket)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exchange.__aexit__(kind, error, trace)
