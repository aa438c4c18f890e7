"""Wallets through both doors: how many requests are there, and what the answers carry."""

import asyncio
import contextlib
import email.utils
import json
import time
from typing import Any

import aiohttp
import attrs
import pytest

from venice_async.emulator import Emulator, ManualClock, SlowFault
from venice_async.emulator.plain_clips import PlainClips, PlainVideo
from venice_async.wire.calls import models_call, queue_call
from venice_async.wire.exchange import Call, ReplyHead

from .purse import Purse
from .test_memory import REQUEST

PURSE = Purse(1)
BODY = {"model": "wan-2.6-text-to-video", "prompt": "a quay", "duration": "5s", "aspect_ratio": "16:9"}


class Gate:
    """Videos that are not made before the gate opens: their answers stay on their way."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open = asyncio.Event()
        self._asked = asyncio.Semaphore(0)

    def video(self, *args: Any, **kwargs: Any) -> PlainVideo:
        self._loop.call_soon_threadsafe(self._asked.release)
        asyncio.run_coroutine_threadsafe(self._open.wait(), self._loop).result()
        return PlainClips().video(*args, **kwargs)

    async def reached(self) -> None:
        """Wait until one more video is asked for."""
        await self._asked.acquire()

    def open(self) -> None:
        self._open.set()


async def sent(session: aiohttp.ClientSession, url: str, tree: Any) -> tuple[int, Any]:
    headers = {"SIGN-IN-WITH-X": PURSE.header(issued=time.time(), expires=None)}
    async with session.post(url, json=tree, headers=headers) as response:
        content = await response.read()
        return response.status, json.loads(content) if response.content_type == "application/json" else content


@pytest.mark.anyio
async def test_at_the_socket() -> None:
    """Requests count until they are answered, or until their connection is gone; one too many is a 429."""
    gate = Gate()
    options: dict[str, Any] = {"clips": gate, "video_size": 5_000, "execution_time": lambda *_: 0.0}
    emulator = Emulator(wallets={PURSE.address: 25}, wallet_in_flight=2, **options)
    async with emulator, aiohttp.ClientSession() as session:
        wallet = emulator.wallets[PURSE.address]
        _, job = await sent(session, f"{emulator.url}/video/queue", BODY)
        tasks = []
        for _ in range(2):
            tasks.append(asyncio.ensure_future(sent(session, f"{emulator.url}/video/retrieve", job)))
            await gate.reached()
        assert wallet.in_flight == 2
        refused = await sent(session, f"{emulator.url}/video/retrieve", job)
        assert refused == (429, {"error": "Too many concurrent requests", "code": "X402_CONCURRENCY_LIMIT"})
        tasks[0].cancel()
        while wallet.in_flight == 2:
            async with session.get(f"{emulator.url}/models") as response:
                assert response.status == 200
        assert (await sent(session, f"{emulator.url}/video/queue", BODY))[0] == 200
        gate.open()
        assert len((await tasks[1])[1]) == 5_000
        with contextlib.suppress(asyncio.CancelledError):
            await tasks[0]
        assert (wallet.in_flight, wallet.most_in_flight) == (0, 3)


@pytest.mark.anyio
async def test_a_request_counts_from_its_head() -> None:
    """While its body is still coming it is there already; it goes when the sender hangs up."""
    emulator = Emulator(wallets={PURSE.address: 25}, clips="plain")
    async with emulator, aiohttp.ClientSession() as session:
        wallet = emulator.wallets[PURSE.address]
        host = emulator.url.split("/")[2]
        _, writer = await asyncio.open_connection(*host.split(":"))
        header = PURSE.header(issued=time.time(), expires=None)
        head = f"POST /api/v1/video/queue HTTP/1.1\r\nhost: {host}\r\nsign-in-with-x: {header}\r\n"
        writer.write(f"{head}content-type: application/json\r\ncontent-length: 50\r\n\r\n{{".encode())
        await writer.drain()
        for expected in (1, 0):
            while wallet.in_flight != expected:
                async with session.get(f"{emulator.url}/models") as response:
                    assert response.status == 200
            if expected:
                writer.close()
        assert (wallet.most_in_flight, emulator.charges) == (1, ())


def signed(call: Call, clock: ManualClock) -> Call:
    header = PURSE.header(issued=clock.wall(), expires=None)
    return attrs.evolve(call, headers={**call.headers, "sign-in-with-x": header})


def test_in_memory() -> None:
    """With a round trip requests overlap; each is there until its reply is closed, also when it is cancelled."""
    clock = ManualClock()
    emulator = Emulator(clips="plain", wallets={PURSE.address: 25}, faults=[SlowFault(delay=9.0)])
    transport = emulator.transport(clock, latency=1.0)

    async def one() -> int:
        async with transport.send(signed(queue_call(emulator.memory_url, REQUEST), clock)) as reply:
            return reply.head.status

    async def main() -> list[int]:
        given_up = asyncio.ensure_future(one())
        await clock.sleep(2.0)
        assert emulator.wallets[PURSE.address].in_flight == 1
        given_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await given_up
        assert emulator.wallets[PURSE.address].in_flight == 0
        return await asyncio.gather(*(one() for _ in range(7)))

    assert sorted(clock.run(main())) == [200] * 5 + [429] * 2
    wallet = emulator.wallets[PURSE.address]
    assert (wallet.in_flight, wallet.most_in_flight) == (0, 6)
    assert {record.wallet for record in emulator.requests} == {PURSE.wallet}
    assert len({record.nonce for record in emulator.requests}) == 8


def test_the_servers_clock_is_told() -> None:
    """Every answer has a Date, by which a client can correct its own."""
    clock = ManualClock()
    emulator = Emulator(clips="plain")

    async def main() -> ReplyHead:
        async with emulator.transport(clock).send(models_call(emulator.memory_url)) as reply:
            return reply.head

    told = email.utils.parsedate_to_datetime(clock.run(main()).headers["date"])
    assert told.timestamp() == int(clock.wall())


def test_options() -> None:
    """The face hands them on: credit, USDC, DIEM, whom to pay, what to offer."""
    clock = ManualClock()
    options: dict[str, Any] = {"wallets": {PURSE.address: "1.5"}, "usdc": 7, "diem": {PURSE.address: 2}}
    emulator = Emulator(clips="plain", pay_to="0x" + "ab" * 20, offer={"amount": "1"}, **options)
    wallet = emulator.wallets[PURSE.address]
    assert [float(usd or 0) for usd in (wallet.credit_usd, wallet.usdc, wallet.diem_usd)] == [1.5, 7.0, 2.0]
    assert emulator.transfers == ()

    async def main() -> Any:
        call = Call(name="top_up", method="POST", url=f"{emulator.memory_url}/x402/top-up")
        async with emulator.transport(clock).send(call) as reply:
            return json.loads(b"".join([chunk async for chunk in reply.chunks()]))

    base = clock.run(main())["accepts"][0]
    assert (base["payTo"], base["amount"]) == ("0x" + "ab" * 20, "1")
