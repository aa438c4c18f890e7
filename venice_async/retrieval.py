"""One retrieve: asked, told apart, and kept open as long as its body is read."""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol, TypeVar

from venice_async.backoff import Backoff
from venice_async.bodies import VideoBody, retrieved
from venice_async.errors import APIConnectionError, Charge, VeniceError
from venice_async.exchanger import Exchanger
from venice_async.governor import Kind, Ticket
from venice_async.models import Completed, Processing
from venice_async.wire.exchange import Call
from venice_async.wire.failures import ASK_AGAIN

T = TypeVar("T")


class Asker(Protocol):
    """What a retrieve needs of a client."""

    exchanger: Exchanger

    async def again(
        self, attempt: Callable[[], Awaitable[T]], retry: Backoff | None, *, safe: Callable[[VeniceError], bool]
    ) -> T: ...


class Retrieval:
    """The context of one retrieve. A class, because polls are many and a generator would double their cost."""

    __slots__ = ("_call", "_client", "_opened", "_retry", "_ticket")

    def __init__(self, client: Asker, call: Call, retry: Backoff | None, ticket: Ticket | None) -> None:
        self._client = client
        self._call = call
        self._retry = retry
        self._ticket = ticket

    async def __aenter__(self) -> Processing | Completed | VideoBody:
        try:
            return await self._client.again(self._attempt, self._retry, safe=_passes)
        except VeniceError as error:
            if isinstance(error, APIConnectionError):
                error.charge, error.advice = Charge.CHARGED, ASK_AGAIN
            failure = error.with_traceback(None)  # the answer stands in its frames, and may repeat a secret
        raise failure

    async def _attempt(self) -> Processing | Completed | VideoBody:
        self._opened = self._client.exchanger.open(self._call, Kind.RETRIEVE, self._ticket)
        reply = await self._opened.__aenter__()
        try:
            return await retrieved(reply)
        except BaseException as error:
            await self._opened.__aexit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(kind, error, trace)


def _passes(error: VeniceError) -> bool:
    return error.transient
