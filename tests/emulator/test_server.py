"""The socket door, asked over real connections."""

import asyncio
import io
import json
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from venice_async.emulator import CutFault, DropFault, Emulator, GarbageFault, SlowFault, Stage
from venice_async.emulator.plain_clips import PlainClips, PlainVideo
from venice_async.errors import ConfigurationError

pytestmark = pytest.mark.anyio

BODY = {"model": "wan-2.6-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"}
PRIVATE = {**BODY, "model": "grok-imagine-text-to-video-private"}


class Caller:
    """A client of one running emulator."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        self.emulator = emulator
        self.session = session

    async def post(self, path: str, tree: Any) -> tuple[aiohttp.ClientResponse, bytes]:
        headers = {"authorization": "Bearer test-key", "content-type": "application/json"}
        body = io.BytesIO(json.dumps(tree).encode())
        async with self.session.post(self.emulator.url + path, data=body, headers=headers) as response:
            return response, await response.read()

    async def queued(self, body: dict[str, Any] = BODY) -> dict[str, Any]:
        _, content = await self.post("/video/queue", body)
        return dict(json.loads(content))

    async def retrieve(self, job: dict[str, Any]) -> tuple[aiohttp.ClientResponse, bytes]:
        return await self.post("/video/retrieve", {"model": job["model"], "queue_id": job["queue_id"]})


Serve = Callable[..., Any]


@pytest.fixture
async def serve(anyio_backend: str) -> AsyncIterator[Serve]:
    """Start an emulator whose jobs are ready at once."""
    async with AsyncExitStack() as stack:

        async def start(**options: Any) -> Caller:
            plain = {"clips": "plain", "video_size": 600_000, "execution_time": lambda _, __: 0.0}
            emulator = await stack.enter_async_context(Emulator(**{**plain, **options}))
            return Caller(emulator, await stack.enter_async_context(aiohttp.ClientSession()))

        yield start


async def test_a_job_over_the_socket(serve: Serve) -> None:
    """Queue and retrieve give the whole file, with its length and type."""
    caller = await serve()
    response, content = await caller.retrieve(await caller.queued())
    assert (response.status, response.content_type) == (200, "video/mp4")
    assert response.content_length == len(content) == 600_000
    (job,) = caller.emulator.jobs
    assert job.delivered_at is not None
    assert job.delivered_at >= job.ready_at


async def test_a_private_link_over_the_socket(serve: Serve) -> None:
    """The link is on this server, needs no key, and serves ranges."""
    caller = await serve()
    link = (await caller.queued(PRIVATE))["download_url"]
    assert link.startswith(caller.emulator.url.removesuffix("/api/v1") + "/media/")
    async with caller.session.get(link) as response:
        whole = await response.read()
    async with caller.session.get(link, headers={"range": "bytes=1000-1999"}) as response:
        assert (response.status, await response.read()) == (206, whole[1000:2000])
    async with caller.session.head(link) as response:
        assert (response.content_length, await response.read()) == (600_000, b"")
    async with caller.session.delete(link) as response:
        assert response.status == 200
    async with caller.session.get(link) as response:
        assert response.status == 410
    assert caller.emulator.violations == ()


async def test_large_bodies(serve: Serve) -> None:
    """34 MB are read; more than 35 MB are a 413 in JSON, and the server is well afterwards."""
    caller = await serve()
    body = {**BODY, "model": "wan-2.6-image-to-video", "image_url": "data:image/png;base64," + "A" * 34_000_000}
    del body["aspect_ratio"]
    response, _ = await caller.post("/video/queue", body)
    assert response.status == 200
    body["image_url"] += "A" * 4_000_000
    response, content = await caller.post("/video/queue", body)
    assert (response.status, json.loads(content)["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert (await caller.post("/video/queue", BODY))[0].status == 200


async def test_a_cut_transfer(serve: Serve) -> None:
    """The client gets the bytes up to the cut and then a broken connection."""
    caller = await serve(faults=[CutFault(at=0.25, times=1)])
    job = await caller.queued()
    tree = {"model": job["model"], "queue_id": job["queue_id"]}
    received = b""
    with pytest.raises(aiohttp.ClientPayloadError):  # noqa: PT012 -- what came before the cut counts
        async with caller.session.post(
            caller.emulator.url + "/video/retrieve", json=tree, headers={"authorization": "Bearer k"}
        ) as response:
            async for chunk in response.content.iter_any():
                received += chunk
    assert len(received) == 150_000
    assert len((await caller.retrieve(job))[1]) == 600_000


@pytest.mark.parametrize("stage", [Stage.UNPROCESSED, Stage.REPLY])
async def test_a_lost_answer(serve: Serve, stage: Stage) -> None:
    """The connection breaks without an answer; only the ledger tells whether the job was taken."""
    caller = await serve(faults=[DropFault(stage=stage)])
    with pytest.raises(aiohttp.ClientError):
        await caller.post("/video/queue", BODY)
    assert len(caller.emulator.charges) == (stage is Stage.REPLY)


async def test_slow_answers(serve: Serve) -> None:
    """Delay and pace are job seconds: at a high time scale they pass quickly, and everything arrives."""
    caller = await serve(time_scale=10_000.0, faults=[SlowFault(delay=50.0, pace=20_000.0)], video_size=5_000)
    before = caller.emulator.now()
    _, content = await caller.retrieve(await caller.queued())
    assert len(content) == 5_000
    assert caller.emulator.now() - before >= 100.0


async def test_html_errors(serve: Serve) -> None:
    """A page of a proxy goes out as HTML."""
    caller = await serve(faults=[GarbageFault(kind="html")])
    response, content = await caller.post("/video/queue", BODY)
    assert (response.status, response.content_type) == (502, "text/html")
    assert content.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "[::g"])
async def test_foreign_names_are_misdirected(serve: Serve, host: str) -> None:
    """A page of another site that makes its name resolve to this machine gets nothing."""
    caller = await serve()
    async with caller.session.get(caller.emulator.url + "/models", headers={"host": host}) as response:
        assert response.status in {400, 421}
        assert response.content_type == "application/json"


@pytest.mark.parametrize("host", ["localhost", "localhost:8402", "127.0.0.1", "[::1]:99"])
async def test_names_of_this_machine(serve: Serve, host: str) -> None:
    """Any name of this machine is good."""
    caller = await serve()
    async with caller.session.get(caller.emulator.url + "/models", headers={"host": host}) as response:
        assert response.status == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "", "192.168.1.2", "example.com", "::"])  # noqa: S104
async def test_other_machines_are_not_served(host: str) -> None:
    """An emulator cannot be opened to the network."""
    with pytest.raises(ConfigurationError):
        Emulator(host=host)


async def test_garbage_is_answered_in_json(serve: Serve) -> None:
    """Even what is no HTTP at all gets a JSON answer."""
    caller = await serve()
    port = int(caller.emulator.url.split(":")[2].partition("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\nbad header\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    assert b" 400 " in head
    assert b"application/json" in head
    assert json.loads(body)["error"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE"])
async def test_other_methods(serve: Serve, method: str) -> None:
    """A method that an endpoint does not have is a 405 in JSON that says which one it has."""
    caller = await serve()
    async with caller.session.request(method, caller.emulator.url + "/video/queue") as response:
        assert (response.status, response.headers["allow"]) == (405, "POST")
        assert "error" in await response.json()


async def test_encoding_does_not_stop_the_server(serve: Serve) -> None:
    """While a video is being made, other requests are answered."""
    loop = asyncio.get_running_loop()
    asked, answered = asyncio.Event(), asyncio.Event()

    class SlowClips:
        def video(self, *args: Any, **kwargs: Any) -> PlainVideo:
            loop.call_soon_threadsafe(asked.set)
            asyncio.run_coroutine_threadsafe(answered.wait(), loop).result()
            return PlainClips().video(*args, **kwargs)

    caller = await serve(clips=SlowClips())
    delivery = asyncio.ensure_future(caller.retrieve(await caller.queued()))
    await asked.wait()
    assert (await caller.post("/video/quote", BODY))[0].status == 200
    answered.set()
    assert len((await delivery)[1]) == 600_000


async def test_nothing_is_held_in_memory(serve: Serve) -> None:
    """A video is made piece by piece while it is sent: the first bytes of a huge one come at once."""
    caller = await serve(video_size=2**40)
    link = (await caller.queued(PRIVATE))["download_url"]
    async with caller.session.get(link) as response:
        assert response.content_length == 2**40
        assert (await response.content.readexactly(1_000_000))[4:8] == b"ftyp"


async def test_only_while_it_runs() -> None:
    """There is no address before it serves, nor afterwards."""
    emulator = Emulator()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    async with emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url


async def test_a_port_that_is_taken(serve: Serve) -> None:
    """Two emulators cannot have one port, and the second leaves nothing open."""
    caller = await serve()
    port = int(caller.emulator.url.split(":")[2].partition("/")[0])
    with pytest.raises(OSError, match="address"):
        await Emulator(port=port).__aenter__()


async def test_job_seconds_run_at_the_time_scale(serve: Serve) -> None:
    """Announced instants are real now plus job seconds; records count job seconds from the start."""
    caller = await serve(time_scale=1_000.0)
    response, _ = await caller.post("/video/queue", BODY)
    reset = float(response.headers["x-ratelimit-reset-requests"])
    (record,) = caller.emulator.requests
    assert 0.0 <= record.at <= caller.emulator.now() < math.inf
    assert 50 < reset - time.time() < 62
