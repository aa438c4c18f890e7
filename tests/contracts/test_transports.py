"""What every transport does: the same answers and the same errors through the socket and in memory."""

import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import pytest
from harness import INLINE, PRIVATE, SIZE, video_request

from venice_async.clock import SystemClock
from venice_async.emulator.emulator import Emulator
from venice_async.emulator.faults import CutFault, DropFault, Fault, SlowFault, Stage
from venice_async.errors import ConnectError, ReplyLostError, VeniceError
from venice_async.models import QueuedVideo, QuoteRequest
from venice_async.transport import AiohttpTransport, Transport
from venice_async.wire import calls
from venice_async.wire.exchange import Call, ReplyHead

pytestmark = pytest.mark.anyio

KEY = {"authorization": "Bearer any-key"}
FOREVER = 1e9


def emulator(*faults: Fault) -> Emulator:
    """The first two jobs are ready at once, the others never."""
    return Emulator(
        seed=7, clips="plain", video_size=SIZE, faults=faults,
        execution_time=lambda _, number: 0.0 if number < 3 else FOREVER,
    )  # fmt: skip


@asynccontextmanager
async def socket_door(*faults: Fault) -> AsyncIterator[tuple[Transport, str, Emulator]]:
    async with emulator(*faults) as venice:
        transport = AiohttpTransport(base_url=venice.url)
        try:
            yield transport, venice.url, venice
        finally:
            await transport.aclose()


@asynccontextmanager
async def memory_door(*faults: Fault) -> AsyncIterator[tuple[Transport, str, Emulator]]:
    venice = emulator(*faults)
    transport = venice.transport(SystemClock())
    yield transport, venice.memory_url, venice


Door = Callable[..., AbstractAsyncContextManager[tuple[Transport, str, Emulator]]]


@pytest.fixture(params=[socket_door, memory_door], ids=["socket", "memory"])
def door(request: pytest.FixtureRequest) -> Door:
    """A transport to an emulated Venice, its base URL, and the emulator."""
    return request.param  # type: ignore[no-any-return]


async def exchanged(transport: Transport, call: Call, *, key: bool = True) -> tuple[ReplyHead, bytes]:
    call = attrs.evolve(call, headers={**call.headers, **KEY}) if key else call
    async with transport.send(call) as reply:
        return reply.head, b"".join([chunk async for chunk in reply.chunks()])


async def read_into(came: list[bytes], transport: Transport, call: Call) -> None:
    async with transport.send(call) as reply:
        assert reply.head.content_length == SIZE
        async for chunk in reply.chunks():
            came.append(chunk)  # noqa: PERF401 -- what came before an error counts


async def every_endpoint(transport: Transport, url: str) -> list[tuple[str, int, str, Any]]:
    """One exchange with each endpoint, good and bad, as name, status, content type and body."""
    seen: list[tuple[str, int, str, Any]] = []

    async def ask(call: Call, *, key: bool = True) -> Any:
        head, body = await exchanged(transport, call, key=key)
        tree = json.loads(body) if head.content_type == "application/json" else (len(body), body)
        seen.append((call.name, head.status, head.content_type, tree))
        return tree

    def video(answer: dict[str, Any]) -> QueuedVideo:
        return QueuedVideo(model=answer["model"], queue_id=answer["queue_id"], download_url=answer.get("download_url"))

    def retrieve(which: QueuedVideo) -> Call:
        return calls.retrieve_call(url, which, delete_media_on_completion=False)

    await ask(calls.models_call(url), key=False)
    await ask(calls.quote_call(url, QuoteRequest(model=INLINE, duration="5s")), key=False)
    inline = video(await ask(calls.queue_call(url, video_request(1))))
    private = video(await ask(calls.queue_call(url, video_request(2, model=PRIVATE))))
    endless = video(await ask(calls.queue_call(url, video_request(3))))
    for each in (inline, private, endless):
        await ask(retrieve(each))
    await ask(calls.download_call(private.download_url or ""), key=False)
    for _ in range(2):
        await ask(calls.revoke_call(private.download_url or ""), key=False)
        await ask(calls.complete_call(url, inline))
    await ask(retrieve(inline))
    await ask(calls.rate_limits_call(url))
    await ask(calls.transcribe_call(url, "https://media/x.mp4", response_format="json"))
    unkeyed = calls.queue_call(url, video_request(4))
    await ask(attrs.evolve(unkeyed, headers={**unkeyed.headers, "authorization": "Basic bm9ib2R5"}), key=False)
    await ask(calls.queue_call(url, video_request(5, model="nobody")))
    await ask(attrs.evolve(calls.models_call(url), url=f"{url}/nothing/here"))
    return seen


def alike(seen: list[tuple[str, int, str, Any]]) -> str:
    """The exchanges as text, without what time and place change."""
    for _, _, _, tree in seen:
        if isinstance(tree, dict):
            tree.pop("execution_duration", None)
            if isinstance(tree.get("data"), dict):
                tree["data"].pop("nextEpochBegins", None)
            if "download_url" in tree:
                tree["download_url"] = tree["download_url"].rpartition("/")[2]
    return "\n".join(map(repr, seen))


async def test_all_endpoints_answer_alike() -> None:
    """Status, content type and body, of good and bad requests."""
    async with socket_door() as (transport, url, _):
        through_socket = await every_endpoint(transport, url)
    async with memory_door() as (transport, url, _):
        in_memory = await every_endpoint(transport, url)
    assert alike(through_socket) == alike(in_memory)
    assert {status for _, status, _, _ in in_memory} == {200, 400, 401, 404, 410}


async def test_heads_say_what_the_server_says(door: Door) -> None:
    """Names in lower case: the limits, the edge's id, and the length of the body."""
    async with door() as (transport, url, _):
        head, body = await exchanged(transport, calls.queue_call(url, video_request()))
    assert head.headers["x-ratelimit-limit-requests"] == "40"
    assert head.headers["x-ratelimit-remaining-requests"] == "39"
    assert head.ray is not None
    assert head.content_length == len(body)


@pytest.mark.parametrize("stage", [Stage.UNPROCESSED, Stage.REPLY])
async def test_an_answer_that_does_not_come_is_lost(door: Door, stage: Stage) -> None:
    """Nothing is proved by it, and the request is not sent a second time."""
    async with door(DropFault(stage=stage, times=1)) as (transport, url, venice):
        with pytest.raises(ReplyLostError) as lost:
            await exchanged(transport, calls.queue_call(url, video_request()))
        assert lost.value.proof is None
        assert len(venice.requests) == 1


@pytest.mark.parametrize("at", [0.0, 0.5, 0.99])
async def test_a_body_that_is_cut_is_lost(door: Door, at: float) -> None:
    """The head came, part of the bytes came, and then the error."""
    async with door(CutFault(at=at)) as (transport, url, _):
        _, answer = await exchanged(transport, calls.queue_call(url, video_request()))
        video = QueuedVideo(model=INLINE, queue_id=json.loads(answer)["queue_id"])
        ask = calls.retrieve_call(url, video, delete_media_on_completion=False)
        came: list[bytes] = []
        with pytest.raises(ReplyLostError):
            await read_into(came, transport, attrs.evolve(ask, headers={**ask.headers, **KEY}))
        assert sum(map(len, came)) <= SIZE * at


async def test_a_place_where_nobody_listens(door: Door) -> None:
    """No connection is a proof that nothing was processed."""
    async with socket_door() as (_, gone, _):
        pass
    async with door() as (transport, url, _):
        nowhere = gone if "127.0.0.1" in url else "https://elsewhere.invalid/api/v1"
        with pytest.raises(ConnectError) as refused:
            await exchanged(transport, calls.queue_call(nowhere, video_request()))
        assert refused.value.proof


async def test_an_answer_may_be_left_unread(door: Door) -> None:
    """Leaving early breaks nothing for the next exchange."""
    async with door(SlowFault(endpoints=("models",), pace=1e5)) as (transport, url, _):
        for _ in range(3):
            async with transport.send(calls.models_call(url)) as reply:
                assert reply.head.status == 200
        head, _ = await exchanged(transport, calls.queue_call(url, video_request()))
        assert head.status == 200


async def test_a_closed_transport_sends_nothing(door: Door) -> None:
    """And may be closed again."""
    async with door() as (transport, url, venice):
        await transport.aclose()
        with pytest.raises(RuntimeError):
            await exchanged(transport, calls.models_call(url))
        assert venice.requests == ()


async def test_errors_hold_neither_key_nor_link(door: Door) -> None:
    """Whatever goes wrong."""
    link = "https://media.venice.invalid/top-secret"
    async with door(DropFault(endpoints=("queue",))) as (transport, url, _):
        queue = calls.queue_call(url, video_request())
        for call in (queue, attrs.evolve(calls.download_call(link), url=link.replace("media.", "nobody."))):
            with pytest.raises(VeniceError) as failed:
                await exchanged(transport, call)
            told = f"{failed.value!r} {vars(failed.value)} {failed.value.__cause__!r} {failed.value.__context__!r}"
            assert "any-key" not in told
            assert "top-secret" not in told


async def test_fuzzed_paths_only_ever_raise_our_errors(door: Door) -> None:
    """An address that makes no sense is answered or refused, never a foreign exception."""
    chance = random.Random(2)
    async with door() as (transport, url, _):
        for _ in range(30):
            path = "".join(chance.choice("abc/%?#&=.~é ") for _ in range(12))
            try:
                head, _ = await exchanged(transport, attrs.evolve(calls.models_call(url), url=f"{url}/{path}"))
            except VeniceError:
                continue
            assert head.status >= 200
