"""The in-memory door: a `Transport` that asks the brain directly, in the caller's own time."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import attrs

from venice_async.clock import Clock
from venice_async.emulator.brain import Brain
from venice_async.emulator.faults import Stage
from venice_async.emulator.messages import MEMORY_BASE, MEMORY_MEDIA, EmulatedAnswer, EmulatedRequest
from venice_async.emulator.visits import MEDIA_ROOT
from venice_async.errors import APIConnectionError, ConnectError, ReplyLostError, SendError
from venice_async.media import encoded
from venice_async.transport import Reply
from venice_async.wire.exchange import Call, ReplyHead

_CHUNK: Final = 2**18
_API_HOST: Final = urlsplit(MEMORY_BASE).netloc
_MEDIA_HOST: Final = urlsplit(MEMORY_MEDIA).netloc


class MemoryTransport:
    """`Transport` over a brain, without a socket: fast enough for thousands of jobs, and exact in virtual time.

    Job seconds are the clock's `monotonic()`. `latency` is the round trip in job seconds: half of it
    passes before the request is processed, half before the answer's head arrives. A wallet's request is
    in flight from the first half's end until its reply is closed.
    """

    def __init__(self, brain: Brain, clock: Clock, *, latency: float = 0.0) -> None:
        self._brain = brain
        self._clock = clock
        self._latency = latency
        self._closed = False

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return self._exchange(call)

    @contextlib.asynccontextmanager
    async def _exchange(self, call: Call) -> AsyncIterator[Reply]:
        if self._closed:
            raise RuntimeError("the transport is closed")
        request = await _request(call)
        await self._clock.sleep(self._latency / 2)
        stay = self._brain.arrive(request.path, request.headers)
        try:
            request = attrs.evolve(request, crowded=stay.refused)
            answer = self._brain.answer(request, now=self._clock.monotonic(), wall=self._clock.wall())
            if answer.drop is not None:
                raise _broken(call, answer.drop)
            answer = answer.finished()
            await self._clock.sleep(self._latency / 2 + answer.delay)
            yield _MemoryReply(call.name, answer, self._clock)
        finally:
            stay.leave()

    async def aclose(self) -> None:
        self._closed = True

    def __repr__(self) -> str:
        return f"<MemoryTransport{' closed' if self._closed else ''}>"


class _MemoryReply:
    __slots__ = ("_answer", "_clock", "_name", "head")

    def __init__(self, name: str, answer: EmulatedAnswer, clock: Clock) -> None:
        self._name = name
        self._answer = answer
        self._clock = clock
        headers = {"content-length": str(answer.length), **answer.headers}
        self.head = ReplyHead(status=answer.status, headers=headers)

    async def chunks(self) -> AsyncIterator[bytes]:
        answer = self._answer
        size = int(max(1, min(_CHUNK, answer.pace)))
        for chunk in answer.chunks(size):
            await self._clock.sleep(len(chunk) / answer.pace)
            yield chunk
        if answer.cut_at is not None:
            raise ReplyLostError(f"The answer to {self._name} was cut: the emulator closed the connection.")


async def _request(call: Call) -> EmulatedRequest:
    parts = urlsplit(call.url)
    if parts.netloc not in {_API_HOST, _MEDIA_HOST}:
        raise ConnectError(
            f"Cannot connect for {call.name}: its name cannot be resolved.", proof="no connection was made"
        )
    path = MEDIA_ROOT + parts.path.lstrip("/") if parts.netloc == _MEDIA_HOST else parts.path
    return EmulatedRequest(
        method=call.method,
        path=path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in call.headers.items()},
        body=b"".join([piece async for piece in encoded(call.body, executor=None)]),
    )


def _broken(call: Call, stage: Stage) -> APIConnectionError:
    if stage is Stage.CONNECT:
        return ConnectError(f"Cannot connect for {call.name}: refused.", proof="no connection was made")
    if stage is Stage.SEND:
        return SendError(
            f"The connection broke while {call.name} was being sent.", proof="the last byte of the body was withheld"
        )
    return ReplyLostError(f"The answer to {call.name} was lost: the emulator closed the connection.")
