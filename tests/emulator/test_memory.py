"""The in-memory door: the same API without a socket."""

import asyncio
import contextlib
import json
from pathlib import Path

import attrs
import pytest

from venice_async.emulator import (
    CutFault,
    DropFault,
    Emulator,
    ManualClock,
    SlowFault,
    Stage,
    StatusFault,
)
from venice_async.emulator.memory import MemoryTransport
from venice_async.errors import APIConnectionError, ConnectError, ReplyLostError, SendError
from venice_async.models import MediaFile, QueuedVideo, VideoRequest
from venice_async.wire.calls import download_call, models_call, queue_call, retrieve_call
from venice_async.wire.exchange import Call, ReplyHead

KEY = {"authorization": "Bearer test-key"}
REQUEST = VideoRequest(model="wan-2.6-text-to-video", prompt="a quay", duration="5s", aspect_ratio="16:9")
PRIVATE = attrs.evolve(REQUEST, model="grok-imagine-text-to-video-private")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def make(*faults: object, **options: object) -> Emulator:
    return Emulator(clips="plain", video_size=5_000, faults=faults, **options)  # type: ignore[arg-type]


async def ask(transport: MemoryTransport, call: Call) -> tuple[ReplyHead, bytes]:
    keyed = call if call.name == "download" else attrs.evolve(call, headers={**call.headers, **KEY})
    async with transport.send(keyed) as reply:
        return reply.head, b"".join([chunk async for chunk in reply.chunks()])


async def queued(transport: MemoryTransport, request: VideoRequest = REQUEST) -> QueuedVideo:
    _, body = await ask(transport, queue_call("https://venice.invalid/api/v1", request))
    return QueuedVideo(**json.loads(body))


def poll(video: QueuedVideo) -> Call:
    return retrieve_call("https://venice.invalid/api/v1", video, delete_media_on_completion=False)


def test_a_whole_job_in_no_time(clock: ManualClock) -> None:
    """Queue, wait and fetch: the job takes its minutes of the clock's time."""
    emulator = make()

    async def main() -> bytes:
        transport = emulator.transport(clock)
        video = await queued(transport)
        while True:
            head, body = await ask(transport, poll(video))
            if head.content_type == "video/mp4":
                return body
            await clock.sleep(5.0)

    assert len(clock.run(main())) == 5_000
    (job,) = emulator.jobs
    assert job.delivered_at == clock.monotonic()
    assert job.lag is not None
    assert 0 <= job.lag < 5.0


def test_a_private_link(clock: ManualClock) -> None:
    """Links lead to the media host of the same door."""
    emulator = make()

    async def main() -> ReplyHead:
        transport = emulator.transport(clock)
        video = await queued(transport, PRIVATE)
        await clock.sleep(10_000.0)
        assert video.download_url is not None
        head, body = await ask(transport, download_call(video.download_url))
        assert head.content_length == len(body) == 5_000
        return head

    assert clock.run(main()).status == 200
    assert emulator.violations == ()


def test_queries_arrive(clock: ManualClock) -> None:
    """The catalogue can be asked for by type."""
    _, body = clock.run(ask(make().transport(clock), models_call(make().memory_url)))
    assert json.loads(body)["type"] == "video"


def test_local_media_are_encoded(clock: ManualClock, tmp_path: Path) -> None:
    """A file in a request arrives as the base64 text that a socket would carry."""
    emulator = make()
    path = tmp_path / "face.png"
    path.write_bytes(b"\x89PNG" + bytes(1000))
    request = VideoRequest(
        model="pixverse-c1-transition",
        prompt="a quay",
        duration="5s",
        image_url=MediaFile.from_path(path),
        end_image_url=MediaFile.from_bytes(b"GIF89a", content_type="image/gif"),
    )
    assert clock.run(queued(emulator.transport(clock), request)).queue_id == emulator.jobs[0].queue_id


def test_latency(clock: ManualClock) -> None:
    """Half of the round trip passes before the request is processed, half before the answer is there."""
    emulator = make()
    clock.run(ask(emulator.transport(clock, latency=0.2), models_call(emulator.memory_url)))
    assert emulator.requests[0].at == pytest.approx(0.1)
    assert clock.monotonic() == pytest.approx(0.2)


def test_slow_answers_take_the_clocks_time(clock: ManualClock) -> None:
    """The head is late and the body trickles in job seconds."""
    emulator = make(SlowFault(delay=7.0, pace=1_000.0, endpoints=("media",)))

    async def main() -> float:
        transport = emulator.transport(clock)
        video = await queued(transport, PRIVATE)
        await clock.sleep(10_000.0)
        before = clock.monotonic()
        assert video.download_url is not None
        await ask(transport, download_call(video.download_url))
        return clock.monotonic() - before

    assert clock.run(main()) == pytest.approx(12.0)


def test_cut_bodies(clock: ManualClock) -> None:
    """The bytes up to the cut arrive, then the loss is told as a transport tells it."""
    emulator = make(CutFault(at=0.5))
    received: list[bytes] = []

    async def main() -> None:
        transport = emulator.transport(clock)
        video = await queued(transport)
        await clock.sleep(10_000.0)
        async with transport.send(
            attrs.evolve(poll(video), headers=KEY | {"content-type": "application/json"})
        ) as reply:
            assert reply.head.content_length == 5_000
            async for chunk in reply.chunks():
                received.append(chunk)  # noqa: PERF401 -- what came before the cut counts

    with pytest.raises(ReplyLostError):
        clock.run(main())
    assert sum(map(len, received)) == 2_500


@pytest.mark.parametrize(
    ("stage", "error", "charged"),
    [
        (Stage.CONNECT, ConnectError, 0),
        (Stage.SEND, SendError, 0),
        (Stage.UNPROCESSED, ReplyLostError, 0),
        (Stage.REPLY, ReplyLostError, 1),
    ],
)
def test_lost_connections(clock: ManualClock, stage: Stage, error: type[APIConnectionError], charged: int) -> None:
    """Each stage at which a connection breaks has the error that a transport raises for it."""
    emulator = make(DropFault(stage=stage))
    with pytest.raises(error):
        clock.run(queued(emulator.transport(clock)))
    assert len(emulator.charges) == charged


def test_other_hosts_cannot_be_reached(clock: ManualClock) -> None:
    """Nothing leaves: an address of the real world is a name that cannot be resolved."""
    call = Call(name="models", method="GET", url="https://api.venice.ai/api/v1/models")
    with pytest.raises(ConnectError):
        clock.run(ask(make().transport(clock), call))


def test_a_closed_transport(clock: ManualClock) -> None:
    """After closing it sends nothing."""
    transport = make().transport(clock)

    async def main() -> None:
        await transport.aclose()
        await ask(transport, models_call("https://venice.invalid/api/v1"))

    with pytest.raises(RuntimeError, match="closed"):
        clock.run(main())


def test_faults_can_come_while_it_runs(clock: ManualClock) -> None:
    """A fault that is added takes effect with the next request."""
    emulator = make()

    async def main() -> list[int]:
        transport = emulator.transport(clock)
        first, _ = await ask(transport, queue_call(emulator.memory_url, REQUEST))
        emulator.faults.append(StatusFault(status=503))
        second, _ = await ask(transport, queue_call(emulator.memory_url, REQUEST))
        return [first.status, second.status]

    assert clock.run(main()) == [200, 503]


def test_thousands_of_jobs_within_the_limits(clock: ManualClock) -> None:
    """Virtual time is exact: callers that heed Retry-After get every job through, at the limit's pace."""
    emulator = make(execution_time=lambda _, __: 30.0)

    async def one(transport: MemoryTransport) -> None:
        while True:
            head, _ = await ask(transport, queue_call(emulator.memory_url, REQUEST))
            if head.status == 200:
                return
            await clock.sleep(float(head.headers["retry-after"]))

    async def main() -> None:
        transport = emulator.transport(clock)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(400):
                tasks.create_task(one(transport))

    clock.run(main())
    assert len(emulator.charges) == 400
    assert clock.monotonic() == pytest.approx(9 * 60.0)


def test_cancelled_calls_leave_nothing_behind(clock: ManualClock) -> None:
    """A call that is cancelled before it arrived was not processed; one cancelled later was."""
    emulator = make()

    async def cancelled_after(seconds: float) -> None:
        task = asyncio.ensure_future(queued(emulator.transport(clock, latency=2.0)))
        await clock.sleep(seconds)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    clock.run(cancelled_after(0.5))
    assert len(emulator.charges) == 0
    clock.run(cancelled_after(1.5))
    assert len(emulator.charges) == 1
