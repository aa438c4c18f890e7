"""A wallet that signs by counting, and a server that counts what it has in flight."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from scripted import Played

from venice_async.auth import HiddenStr
from venice_async.client import VeniceClient
from venice_async.clock import Clock
from venice_async.emulator.manual_clock import ManualClock
from venice_async.errors import ReplyLostError
from venice_async.limits import RateLimits
from venice_async.models import QueuedVideo, VideoRequest
from venice_async.transport import Reply
from venice_async.wire.exchange import Call, Channel

QUEUED = Played(200, {"queue_id": "q-1", "model": "m"})
PLENTY = RateLimits(queue_per_minute=100_000, retrieve_per_minute=100_000, failures=10_000)
DATE = "Sat, 21 Nov 2026 10:00:00 GMT"
DATED = 1795255200.0
EMPTY = "<Lane 0/5 in flight, 0 long, 0 waiting>"
REQUEST = VideoRequest(model="m", prompt="A cat", duration="5s")
VIDEO = QueuedVideo(model="m", queue_id="q", download_url="https://media.example/secret")
PROCESSING = {"status": "PROCESSING"}


class Wallet:
    """An `Auth` that limits what is in flight, and counts what it signs; a time of its own passes with each."""

    in_flight = 5

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock
        self.signed = 0
        self.learned: list[float] = []

    async def headers(self) -> Mapping[str, str]:
        self.signed += 1
        number = self.signed
        if self._clock is not None:
            await self._clock.sleep(0.01)
        return {"SIGN-IN-WITH-X": HiddenStr(f"signed-{number}-canary")}

    def secrets(self) -> tuple[str, ...]:
        return ()

    def learn_time(self, server_wall: float) -> bool:
        self.learned.append(server_wall)
        return True


class Server:
    """A transport that counts what the server has in flight: what is broken off it notices half a second later."""

    def __init__(self, clock: Clock, *, seed: int = 7, troubled: bool = False) -> None:
        self._clock = clock
        self._rng = random.Random(seed)
        self._troubled = troubled
        self._late: set[asyncio.Task[None]] = set()
        self.busy = self.most = 0
        self.calls: list[Call] = []
        self.began: list[tuple[str, float]] = []

    def send(self, call: Call) -> AbstractAsyncContextManager[Reply]:
        return self._answer(call)

    @contextlib.asynccontextmanager
    async def _answer(self, call: Call) -> AsyncIterator[Any]:
        if call.channel is Channel.MEDIA:
            yield Played(200, b"\x00\x00\x00\x18ftypmp42" + b"x" * 50)
            return
        self.calls.append(call)
        self.began.append((call.name, self._clock.monotonic()))
        self.busy += 1
        self.most = max(self.most, self.busy)
        reply = _Slow(self._played(call), self._clock, self._rng)
        try:
            await self._clock.sleep(self._rng.uniform(0.01, 2.0))
            if self._troubled and self._rng.random() < 0.1:
                raise ReplyLostError("The answer was lost.")
            yield reply
        finally:
            if reply.whole:
                self.busy -= 1
            else:
                task = asyncio.create_task(self._notice())
                self._late.add(task)
                task.add_done_callback(self._late.discard)

    async def _notice(self) -> None:
        await self._clock.sleep(0.5)
        self.busy -= 1

    def _played(self, call: Call) -> Played:
        if self._troubled and self._rng.random() < 0.1:
            return Played(400, {"error": "no"})
        if call.name == "retrieve":
            ready = self._rng.random() < 0.5
            return Played(200, b"\x00\x00\x00\x18ftypmp42" + b"x" * 400) if ready else Played(200, PROCESSING)
        return Played(200, {"queue_id": "q", "model": "m", "quote": 1, "success": True})

    async def aclose(self) -> None:
        pass


class _Slow:
    """An answer whose body takes its time."""

    def __init__(self, played: Played, clock: Clock, rng: random.Random) -> None:
        self.head = played.head
        self._played = played
        self._clock = clock
        self._rng = rng
        self.whole = False

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._played.chunks():
            await self._clock.sleep(self._rng.uniform(0.0, 20.0 if b"xxx" in chunk else 0.1))
            yield chunk
        self.whole = True


def client(clock: ManualClock, transport: Any, **options: Any) -> VeniceClient:
    """A client whose way in is a wallet."""
    facts: dict[str, Any] = {"auth": Wallet(clock), "limits": PLENTY, "rng": random.Random(3), **options}
    return VeniceClient(transport=transport, clock=clock, base_url="https://api.venice.ai/api/v1", **facts)


def nonces(calls: list[Call]) -> list[str]:
    return [call.headers["SIGN-IN-WITH-X"] for call in calls]


async def read(venice: VeniceClient) -> None:
    async with venice.retrieve(VIDEO) as answer:
        if hasattr(answer, "content_length"):
            async for _ in answer:
                pass


VERBS: dict[str, Callable[[VeniceClient], Coroutine[Any, Any, Any]]] = {
    "queue": lambda venice: venice.queue(REQUEST),
    "quote": lambda venice: venice.quote(REQUEST),
    "complete": lambda venice: venice.complete(VIDEO),
    "retrieve": read,
}


def refused(code: str | None, *, status: int = 401, **headers: str) -> Played:
    """A sign-in that the server does not take."""
    body = {"error": "Invalid Sign-in-with-x signature"} if code is None else {"error": "no", "code": code}
    return Played(status, body, **headers)
